# sim.sh - the simulator: many worlds, or one of them line by line; and the planted bugs that it
# must find. Sourced by ./dev.

sim_dir=build-test/sim
sim_test_worlds=20000 # what ./dev test tries: always the same ones
sim_chunk=2000        # worlds a process, so that a failure is told soon

# Two parts of ./dev test need it; the second finds it built.
sim_build() {
    (
        flock 9
        build_setup "$sim_dir" -Dstrict=true && ninja -C "$sim_dir" -j "$jobs" tests/sim/sim
    ) 9>"$log_dir/sim.lock"
}

part_sim() {
    sim_build || return 1
    sim_count "$sim_dir/tests/sim/sim" 1 "$sim_test_worlds"
    sim_count "$sim_dir/tests/sim/sim" --twice 1 200
}

sim_count() { # COMMAND...
    if "$@" 2>&1; then count 1 0; else count 0 1; fi
}

part_mutants() {
    local out
    sim_build || return 1
    out=$(tests/mutants/run "$sim_dir")
    printf '%s\n' "$out"
    count "$(grep -c '^found ' <<<"$out")" "$(grep -c '^FAIL ' <<<"$out")"
}

# Worlds from $1 on, side by side, until $2 of them were tried or the clock says $3.
sim_many() { # FIRST, WORLDS (0: no end), UNTIL (0: no end)
    local next=$1 left=$2 running=0 n
    while { [ "$2" -eq 0 ] || [ "$left" -gt 0 ]; } && { [ "$3" -eq 0 ] || [ "$SECONDS" -lt "$3" ]; }; do
        n=$sim_chunk
        [ "$2" -eq 0 ] || [ "$left" -ge "$n" ] || n=$left
        if [ "$running" -ge "$jobs" ]; then
            wait -n || return 1
            running=$((running - 1))
        fi
        sim_chunk_run "$next" "$n" &
        running=$((running + 1))
        next=$((next + n))
        left=$((left - n))
    done
    while [ "$running" -gt 0 ]; do
        wait -n || return 1
        running=$((running - 1))
    done
    echo "$((next - $1)) worlds from seed $1 on: all is well"
}

sim_chunk_run() { # FIRST, COUNT
    local log=$log_dir/sim-$1.log
    if "$sim_dir/tests/sim/sim" "$1" "$2" >"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    tail -n 80 "$log"
    say "the whole trace: $log"
    return 1
}

verb_sim() { # SEED | [--from SEED] [--seeds N | --minutes M]
    local from=$((EPOCHSECONDS * 1000)) seeds=0 minutes=0
    packages_need "${packages_build[@]}" "${packages_test[@]}"
    sim_build >"$log_dir/sim-build.log" 2>&1 || {
        cat "$log_dir/sim-build.log"
        die "the simulator does not build"
    }
    case ${1:-} in
    '' | --*) ;;
    *) exec "$sim_dir/tests/sim/sim" "$1" ;;
    esac
    while [ $# -ge 2 ]; do
        case $1 in
        --from) from=$2 ;;
        --seeds) seeds=$2 ;;
        --minutes) minutes=$2 ;;
        *) die "sim: $1? It takes SEED, or --from SEED, --seeds N, --minutes M" ;;
        esac
        shift 2
    done
    [ $# -eq 0 ] || die "sim: $1 needs a value"
    [ "$seeds" -gt 0 ] || [ "$minutes" -gt 0 ] || seeds=$sim_test_worlds
    sim_many "$from" "$seeds" "$((minutes > 0 ? SECONDS + minutes * 60 : 0))"
}
