# test.sh - the parts of ./dev test. Sourced by ./dev.
#
# A part is a function part_<name>. What it prints goes to build-test/log/<name>.log, which is
# shown when it fails; it calls `count PASSED FAILED [SKIPPED]`, as often as it likes. A part
# that counts nothing has failed. To add one: write the function and put its name in a list.

parts_beside=(unit asan tsan lint sim mutants) # side by side, as many as there are cores
parts_alone=(npm e2e)              # after those, one at a time: what measures time or kills

count() {
    echo "$1 $2 ${3:-0}" >>"$count_file"
}

# meson's own summary says how its tests ended; without one it did not come so far.
count_meson() { # BUILD-FOLDER, ARGUMENTS...
    local out
    out=$(meson test -C "$1" --no-rebuild --print-errorlogs "${@:2}" 2>&1)
    printf '%s\n' "$out"
    # shellcheck disable=SC2046 # three words
    count $(printf '%s\n' "$out" | awk '
        /^Ok:|^Expected Fail:/ { passed += $NF }
        /^Fail:|^Unexpected Pass:|^Timeout:/ { failed += $NF }
        /^Skipped:/ { skipped += $NF }
        /^Ok:/ { seen = 1 }
        END { print passed + 0, failed + !seen, skipped + 0 }')
}

part_unit() {
    build_in build-test/gcc -Dstrict=true && count_meson build-test/gcc --no-suite sim
}

part_asan() {
    CC=clang-14 build_in build-test/asan -Dstrict=true -Db_sanitize=address,undefined -Db_lundef=false &&
        ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
            count_meson build-test/asan
}

part_tsan() {
    CC=clang-14 build_in build-test/tsan -Dstrict=true -Db_sanitize=thread -Db_lundef=false &&
        TSAN_OPTIONS=halt_on_error=1 count_meson build-test/tsan --suite threads
}

# Tests in Node, a part's own. A file that ends without a word is a failure to the runner, too.
count_node() { # PART, FILES...
    local tap=$log_dir/$1.tap
    : >"$tap" # of a file that is not there mawk would say nothing
    timeout -k 30 1800 node --test --test-concurrency="$jobs" \
        --test-reporter=spec --test-reporter-destination=stdout \
        --test-reporter=tap --test-reporter-destination="$tap" "${@:2}"
    # shellcheck disable=SC2046 # three words
    count $(awk '
        /^# pass / { passed = $3; seen = 1 }
        /^# (fail|cancelled) / { failed += $3 }
        /^# (skipped|todo) / { skipped += $3 }
        END { print passed + 0, failed + !seen, skipped + 0 }' "$tap")
}

# build/pawl as users have it.
part_e2e() {
    build_in build && count_node e2e tests/e2e/*.test.mjs
}

# The long form of the test that kills the server: 200 times, or as often as it is told.
verb_kills() { # [N]
    packages_need "${packages_build[@]}" "${packages_test[@]}"
    build_in build >"$log_dir/build.log" 2>&1 || {
        cat "$log_dir/build.log"
        die "the build failed"
    }
    E2E_KILLS=${1:-200} exec node --test --test-reporter=spec tests/e2e/crash.test.mjs
}

# What packages from npm say of the same. Those are fetched once for each state of the lock file.
part_npm() {
    if [ tests/npm/package-lock.json -nt tests/npm/node_modules/.package-lock.json ]; then
        (cd tests/npm && npm ci --ignore-scripts --no-audit --no-fund) || return 1
    fi
    build_in build-test/gcc -Dstrict=true &&
        PAWL=$PWD/build-test/gcc/pawl \
        PAWL_SCHEMA_DRIVER=$PWD/build-test/gcc/tests/npm/schema_driver \
            count_node npm tests/npm/*.test.mjs
}

part_lint() {
    local check
    for check in "${lint_checks[@]}"; do
        echo "== $check"
        if "check_$check" 2>&1; then count 1 0; else count 0 1; fi
    done
}

# Runs one part and prints how it ended. Its numbers stay in its count file.
part_run() { # NAME
    local start=$SECONDS passed failed skipped status
    count_file=$log_dir/$1.count
    : >"$count_file"
    "part_$1" >"$log_dir/$1.log" 2>&1
    status=$?
    read -r passed failed skipped <<<"$(part_sum "$1")"
    if [ "$failed" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$passed" -eq 0 ]; }; then
        failed=1
        count 0 1
    fi
    [ "$failed" -eq 0 ] || part_show "$1"
    printf '%-10s %4d passed, %d failed%s  (%d s)\n' "$1" "$passed" "$failed" \
        "$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")" $((SECONDS - start))
}

# In one write, so that parts that run side by side do not mix.
part_show() {
    printf '%s\n' "---- $1: the end of $log_dir/$1.log
$(tail -n 300 "$log_dir/$1.log")
---- $1"
}

# The sum of what parts counted: "passed failed skipped". Where CI runs nothing may be skipped.
part_sum() { # NAME...
    local files=("${@/#/$log_dir/}")
    awk -v ci="${CI:-}" '{ passed += $1; failed += $2; skipped += $3 }
        END { if (ci != "") failed += skipped; print passed + 0, failed + 0, skipped + 0 }' \
        "${files[@]/%/.count}"
}

# Runs parts, closes with the line that sums them up; the status says whether all passed.
parts_run() { # NAME...
    local part running=0 passed failed skipped
    for part in "$@"; do
        declare -F "part_$part" >/dev/null || die "there is no part '$part'"
        rm -f "$log_dir/$part.count"
    done
    for part in "$@"; do
        if [[ " ${parts_alone[*]} " == *" $part "* ]]; then
            wait
            running=0
            part_run "$part"
            continue
        fi
        if [ "$running" -ge "$jobs" ]; then
            wait -n
            running=$((running - 1))
        fi
        part_run "$part" &
        running=$((running + 1))
    done
    wait
    read -r passed failed skipped <<<"$(part_sum "$@")"
    [ "$skipped" -eq 0 ] || echo "$skipped skipped"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

verb_test() {
    packages_need "${packages_build[@]}" "${packages_test[@]}"
    if [ $# -eq 0 ]; then
        set -- "${parts_beside[@]}" "${parts_alone[@]}"
    fi
    parts_run "$@"
}
