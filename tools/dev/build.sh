# build.sh - build folders. Sourced by ./dev.

# Makes build folder $1, or keeps it, with the meson options after it.
build_setup() {
    local dir=$1
    shift
    if [ -f "$dir/build.ninja" ]; then
        meson configure "$dir" "$@"
    else
        meson setup "$dir" "$@"
    fi
}

build_in() {
    build_setup "$@" && ninja -C "$1" -j "$jobs"
}

verb_build() {
    packages_need "${packages_build[@]}"
    build_in build >"$log_dir/build.log" 2>&1 || {
        cat "$log_dir/build.log"
        die "the build failed"
    }
    grep -E 'warning:' "$log_dir/build.log" || true
    say "built in build/"
}
