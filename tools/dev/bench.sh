# bench.sh - figures of a running pawl beside their targets. Sourced by ./dev.
#
# Nothing is judged: figures depend on the machine and on what else it does. Each is a few seconds;
# quote ratios within one run.

bench_versions() {
    local package
    printf '%s, %s cores, %s MiB; load %s\n' \
        "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
        "$(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo)" "$(cut -d' ' -f1-3 /proc/loadavg)"
    printf '%s; %s; %s' "$(build/pawl version)" "$(git describe --always --dirty 2>/dev/null)" \
        "Linux $(uname -r)"
    for package in gcc libsqlite3-0 libcurl4 libmicrohttpd12 libuv1 libjansson4; do
        printf '; %s %s' "$package" "$(dpkg-query -W -f='${Version}' "$package" 2>/dev/null || echo '?')"
    done
    printf '\n\n'
}

# The store by itself: what a commit costs without anything round it.
bench_store() {
    printf '\nThe store alone: ticks of 1400 bytes from 1 to 1024 sessions at once\n'
    build/bench/store_bench "sqlite:$1/alone.db" 10000 1
    rm -f "$1"/alone.db*
}

# What people build or take instead, on the same work. Node's own version is npm's: Debian's is too
# old for one of them.
bench_peers() { # FOLDER
    local here=bench/peers node
    packages_need "${packages_peers[@]}"
    if [ $here/package-lock.json -nt $here/node_modules/.package-lock.json ]; then
        (cd $here && npm ci --ignore-scripts --no-audit --no-fund >/dev/null) || return 1
    fi
    chmod 755 "$1" # PostgreSQL runs under another user than root
    node=$(echo $here/node_modules/node-linux-*/bin/node)
    "$node" $here/main.mjs "$1"
}

verb_bench() {
    local folder names=() has_store=0 name
    packages_need "${packages_build[@]}"
    build_in build >"$log_dir/build.log" 2>&1 || die "the build failed: see $log_dir/build.log"
    for name in "$@"; do
        if [ "$name" = store ]; then has_store=1; else names+=("$name"); fi
    done
    # Not in /tmp, which may be in memory: the figures hold the disk's.
    folder=$(mktemp -d build/bench-XXXXXX) || die "no folder for the stores"
    # shellcheck disable=SC2064 # its name now
    trap "rm -rf '$folder'" EXIT
    bench_versions
    if [ "${1:-}" = peers ]; then
        bench_peers "$folder"
        return
    fi
    if [ $# -eq 0 ] || [ ${#names[@]} -gt 0 ]; then
        build/bench/pawl_bench "$folder" "${names[@]}" || return 1
    fi
    if [ $# -eq 0 ] || [ "$has_store" -eq 1 ]; then
        bench_store "$folder"
    fi
}
