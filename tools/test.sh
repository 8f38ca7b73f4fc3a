#!/bin/sh
# Runs every test: first those marked `alone`, which measure time or take all of the machine, one at a time; meanwhile,
# at the lowest priority, tests/unit and tests/typing, which start no sandbox and measure no time but their own; then
# all others, four at a time also on two processors: a test waits for more than half of its time. With arguments, as
# pytest takes them: the tests that those name, the ones marked `alone` first. MEASURE: what comes before pytest
# (tools/coverage.sh).
set -u
cd "$(dirname "$0")/.."
none=5 # pytest's status where no test was chosen
# Containers often set it. Then each of the hundreds of processes that the tests start compiles the package anew, and
# pytest every file of tests.
unset PYTHONDONTWRITEBYTECODE

tests() { # options and arguments of pytest
    # shellcheck disable=SC2086 # the words of MEASURE
    SANDBOX_MUST_WORK=1 .venv/bin/python -P ${MEASURE-} -m pytest "$@"
}

together() { # what was chosen, but for what is marked `alone`
    # Each worker begins with a quarter of them, as they stand, so that a file shares its kernel and all share a browser;
    # who is done takes over from who has most left.
    tests -m 'not alone' --numprocesses=4 --dist=worksteal "$@"
}

worst() { # the first of these statuses that is a failure; `none` if no test ran at all
    worst=$none
    for status in "$@"; do
        case $status in
        "$none") ;;
        0) worst=0 ;;
        *) return "$status" ;;
        esac
    done
    return "$worst"
}

if [ $# != 0 ]; then
    tests -m alone "$@"
    alone=$?
    together "$@"
    worst "$alone" "$?"
    exit
fi

said=$(mktemp)
# shellcheck disable=SC2086 # as above
SANDBOX_MUST_WORK=1 nice -n 19 .venv/bin/python -P ${MEASURE-} -m pytest -m 'not alone' tests/unit tests/typing \
    >"$said" 2>&1 </dev/null &
unit=$!
trap 'kill "$unit" 2>/dev/null; rm -f "$said"' EXIT
trap 'exit 130' INT TERM
# shellcheck disable=SC2046 # no such file has a space in its name
tests -m alone $(grep -rl --include='test_*.py' 'mark\.alone' tests)
alone=$?
wait "$unit"
beside=$?
trap 'rm -f "$said"' EXIT
cat "$said"
together tests --ignore=tests/unit --ignore=tests/typing
worst "$alone" "$beside" "$?"
