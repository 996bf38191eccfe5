#!/bin/sh
# Compiles the program and runs its tests.
set -eu
cd "$(dirname "$0")"
gcc -std=c17 -Wall -Wextra -Werror -o "${TMPDIR:-/tmp}/test_duration" duration.c test_duration.c
"${TMPDIR:-/tmp}/test_duration"
