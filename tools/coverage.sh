#!/bin/sh
# Runs the tests that the arguments name, as tools/test.sh does, with branch coverage of every Python that they start;
# then some of the sandbox's, or those named, with the guest measured inside; then makes one report of both. In that
# second pass a test may fail because coverage takes time, memory and modules inside: it is shown, and does not count.
set -u
cd "$(dirname "$0")/.."
coverage=".venv/bin/python -P -m coverage"

mkdir -p build/coverage
$coverage erase
MEASURE="-m coverage run" sh tools/test.sh "$@"
status=$?
if [ $# = 0 ]; then # those to which it matters little that coverage is there
    for name in display input languages limits overlay run sessions variables workspace; do
        set -- "$@" "tests/sandbox/test_$name.py"
    done
fi
.venv/bin/python -P tools/guest_coverage.py -q --tb=line "$@"
$coverage combine --quiet
$coverage report || status=$?
exit "$status"
