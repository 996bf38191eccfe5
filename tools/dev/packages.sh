# packages.sh - Debian packages: what building, and what testing, needs. Sourced by ./dev.

packages_build=(
    bubblewrap
    ca-certificates
    gcc
    libc6-dev
    libcurl4-openssl-dev
    libglib2.0-dev
    libjansson-dev
    libmicrohttpd-dev
    libseccomp-dev
    libsqlite3-dev
    libuv1-dev
    libyaml-dev
    meson
    nettle-dev
    ninja-build
    pkg-config
    tzdata
)

# The versions in these names are those of .clang-format and .clang-tidy: another one would
# format and complain otherwise.
packages_test=(
    clang-14
    clang-format-14
    clang-tidy-14
    cppcheck
    curl
    faketime
    jq
    json-schema-test-suite
    libclang-rt-14-dev
    libcmocka-dev
    libxml2-utils
    nodejs
    sqlite3
)

# What ./dev bench peers measures pawl beside.
packages_peers=(nodejs postgresql-15 redis-server)

# Some builds of Node bring npm along; Debian's is a package of its own, and the two exclude each other.
command -v npm >/dev/null || { packages_test+=(npm) && packages_peers+=(npm); }

# Those of the arguments that are not installed, one a line.
packages_missing() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            echo "$package"
    done
}

# Installs what is missing; a system that has it all needs no network and no root.
packages_need() {
    local missing as_root=()
    if ! command -v dpkg-query >/dev/null; then
        say "this is no Debian: not looking for packages ($*)"
        return 0
    fi
    mapfile -t missing < <(packages_missing "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            die "these packages are missing, and there is neither root nor sudo: ${missing[*]}"
        as_root=(sudo)
    fi
    say "installing ${missing[*]}"
    "${as_root[@]}" apt-get update -qq || die "apt-get update failed"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
        --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
        "${missing[@]}" >/dev/null || die "apt-get could not install ${missing[*]}"
}
