#!/bin/sh
# Every check, also after one that failed, so that one run says all there is to fix. $1 = one of them.
cd "$(dirname "$0")/.." || exit 1
failed=
check() { # name, arguments of python
    name=$1
    shift
    if [ -n "$only" ] && [ "$only" != "$name" ]; then return; fi
    echo "== $name"
    .venv/bin/python -P "$@" || failed="$failed $name"
}
only=${1:-}
check format -m ruff format --check --quiet
check lint -m ruff check --quiet
check types -m mypy --no-error-summary
check tests -m mypy --no-error-summary --config-file tests/mypy.ini
check seccomp tools/compile_seccomp.py --check
if [ -n "$failed" ]; then
    echo "To fix:$failed   (make fix does what can be done by itself)"
    exit 1
fi
