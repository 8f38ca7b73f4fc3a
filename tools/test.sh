#!/bin/sh
# Runs the tests that the arguments name, all where they name none, as pytest takes them: first those marked `alone`,
# which measure time or take all of the machine, one at a time; then all others, two at a time. MEASURE: what comes
# before pytest (tools/coverage.sh).
set -u
cd "$(dirname "$0")/.."
none=5 # pytest's status where no test was chosen

tests() { # options and arguments of pytest
    # shellcheck disable=SC2086 # the words of MEASURE
    SANDBOX_MUST_WORK=1 .venv/bin/python -P ${MEASURE-} -m pytest "$@"
}

tests -m alone "$@"
alone=$?
# A file of tests shares its kernel and its browser. The longest files come first, as they stand.
tests -m 'not alone' --numprocesses=2 --dist=loadfile --no-loadscope-reorder "$@"
together=$?
if [ "$together" = "$none" ]; then exit "$alone"; fi
if [ "$alone" != 0 ] && [ "$alone" != "$none" ]; then exit "$alone"; fi
exit "$together"
