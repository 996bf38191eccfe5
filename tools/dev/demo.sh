# demo.sh - ./dev demo: an agent does real work, its server is killed in the middle, the work goes on.
# Sourced by ./dev.

demo_question="Which installed packages take the most space, which of them does nothing depend on, \
and how much does the documentation in /usr/share/docs take?"

demo_step() { printf '\n\033[1m== %s\033[0m\n' "$*" | if [ -t 1 ]; then cat; else sed 's/\x1b\[[0-9;]*m//g'; fi; }

# A port that nobody listens on now. Another may take it in between: then `serve` says so.
demo_port() {
    local port
    for port in $(shuf -i 20000-29999 -n 50); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
    die "no free port between 20000 and 29999"
}

demo_serve() {
    build/pawl serve -c examples/disk/pawl.yaml >>"$demo_dir/server.log" 2>&1 &
    demo_server=$!
    demo_wait "the server to be ready" demo_is_ready
}

demo_is_ready() { build/pawl ps >/dev/null 2>&1; }

# Waits for a condition, a minute at most, and not for a server that is dead.
demo_wait() { # WHAT, COMMAND...
    local what=$1 until=$((SECONDS + 60))
    shift
    until "$@"; do
        kill -0 "$demo_server" 2>/dev/null || demo_fail "the server ended while waiting for $what"
        [ "$SECONDS" -lt "$until" ] || demo_fail "waited a minute for $what"
        read -rt 0.05 <> <(:) || :
    done
}

demo_fail() {
    say "$*"
    say "the server said:"
    cat "$demo_dir/server.log" >&2
    exit 1
}

demo_session() { build/pawl ps --all --json 2>/dev/null | grep -o 'ses_[0-9a-f-]*' | head -n 1; }
demo_has_session() { [ -n "$(demo_session)" ]; }
demo_journal() { build/pawl events "$session" 2>/dev/null; }
demo_count() { demo_journal | grep -c "\"kind\":\"$1\""; }
demo_is_over() { [ "$(demo_count turn_ended)" -gt 0 ]; }

# The quick tools have their results, the slow one is at work: the moment to pull the plug.
demo_is_midway() {
    local open
    demo_is_over && return 0
    open=$(build/pawl show "$session" --json 2>/dev/null | grep -o '"on":"tool"' | wc -l)
    [ "$open" -eq 1 ] && [ "$(demo_count model_answered)" -ge 2 ]
}

demo_cleanup() {
    local status=$?
    if [ -n "${demo_runner:-}" ]; then kill "$demo_runner" 2>/dev/null; fi
    if [ -n "${demo_server:-}" ] && [ -z "${demo_keep:-}" ]; then
        kill "$demo_server" 2>/dev/null && wait "$demo_server" 2>/dev/null
        rm -rf "$demo_dir"
    fi
    exit "$status"
}

demo_first_line() {
    if [ -n "${OPENAI_API_KEY:-}" ]; then
        export PAWL_DEMO_MODEL=openai
        echo "This demo asks a real model at ${OPENAI_BASE_URL:-https://api.openai.com/v1}."
    else
        export PAWL_DEMO_MODEL=scripted
        echo "This demo uses the scripted model (no OPENAI_API_KEY is set): its words are written" \
            "down, its tools and their results are real."
    fi
}

# Reads the journal, a JSON object a line: a call that was answered must never be begun again, and
# no call may have two results. Prints the counts, or what was done twice.
demo_audit() {
    awk '
        function call_of(line) { match(line, /"call":[0-9]+/); return substr(line, RSTART + 7, RLENGTH - 7) }
        { match($0, /"kind":"[a-z_]+"/); kind = substr($0, RSTART + 8, RLENGTH - 9); call = call_of($0) }
        kind == "interrupted" { lost++ }
        kind == "model_started" && (call in answered) { twice = twice " model call " call " was asked again;" }
        kind == "model_answered" { if (answered[call]++) twice = twice " model call " call " has two answers;"; answers++ }
        kind == "tool_finished" { if (finished[call]++) twice = twice " tool call " call " has two results;"; results++ }
        END {
            printf "%d model answers and %d tool results are recorded; %d attempt%s died with the server and %s run again\n",
                answers, results, lost, lost == 1 ? "" : "s", lost == 1 ? "was" : "were"
            print twice == "" ? "nothing that had its result was done again" : "DONE TWICE:" twice
            exit twice != ""
        }'
}

demo_summary() {
    demo_journal | demo_audit || demo_fail "something was done twice"
    build/pawl verify -c examples/disk/pawl.yaml || demo_fail "the journal does not verify"
}

verb_demo() {
    local session status=0
    demo_keep=
    [ "${1:-}" != --keep ] || demo_keep=1
    demo_first_line
    verb_build >&2 || die "the build failed"
    demo_dir=$(mktemp -d)
    export PAWL_DEMO_STORE=$demo_dir/disk.db PAWL_DEMO_PORT PAWL_SERVER
    PAWL_DEMO_PORT=$(demo_port)
    PAWL_SERVER=http://127.0.0.1:$PAWL_DEMO_PORT
    trap demo_cleanup EXIT

    demo_step "pawl serve"
    demo_serve
    cat "$demo_dir/server.log"

    demo_step "pawl run disk \"$demo_question\""
    build/pawl run disk "$demo_question" &
    demo_runner=$!
    demo_wait "the session to be there" demo_has_session
    session=$(demo_session)
    demo_wait "a tool to be at work" demo_is_midway
    if demo_is_over; then
        say "the agent was done before the server could be killed; everything below still holds"
    else
        demo_step "kill -9 $demo_server, while verify_files runs"
        kill -9 "$demo_server"
        wait "$demo_server" 2>/dev/null
        demo_step "pawl serve, once more"
        demo_serve
    fi
    wait "$demo_runner" || status=$?
    demo_runner=

    demo_step "pawl show $session"
    build/pawl show "$session"
    demo_step "what was done, and what was done twice"
    demo_summary
    if [ -n "$demo_keep" ]; then
        echo "the server is still there: $PAWL_SERVER (process $demo_server, store $PAWL_DEMO_STORE)"
    fi
    return "$status"
}
