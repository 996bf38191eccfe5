# lint.sh - what reads the code without running it. Sourced by ./dev. Each check is one test.

lint_checks=(format clang_tidy cppcheck tidy tidy_selftest)

sources() { # PATTERN
    find src tests bench -name node_modules -prune -o -name "$1" -print | sort
}

check_format() {
    sources '*.[ch]' | xargs clang-format-14 --dry-run -Werror
}

# One file a process: with more, clang-tidy 14 takes every va_list for uninitialised.
check_clang_tidy() {
    local rules
    CC=clang-14 build_setup build-test/lint >/dev/null || return 1
    ninja -C build-test/lint build.ninja >/dev/null || return 1 # what it makes when it is set up
    rules=$( (sources '*.h' && find . -path './build*' -prune -o -name 'meson*' -type f -print) |
        sort | xargs cat .clang-tidy | sha256sum)
    mkdir -p build-test/lint/passed
    sources '*.c' | xargs -P "$jobs" -n 1 tools/dev/clang-tidy-one build-test/lint "${rules%% *}"
}

# A NULL that ends a variadic call is a pointer on every system that we run on, and readdir() of
# glibc is safe as long as nobody shares its stream.
check_cppcheck() {
    cppcheck --quiet --error-exitcode=1 --enable=warning,portability,performance --inline-suppr \
        --std=c11 --library=posix,gnu --suppress=varFuncNullUB --suppress=readdirCalled -j "$jobs" -I src -I tests -I . src tests bench
}

check_tidy() {
    tests/tidy/check
}

check_tidy_selftest() {
    tests/tidy/selftest
}

verb_lint() {
    packages_need "${packages_build[@]}" "${packages_test[@]}"
    parts_run lint
}

verb_format() {
    packages_need "${packages_test[@]}"
    sources '*.[ch]' | xargs clang-format-14 -i
}
