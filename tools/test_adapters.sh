#!/bin/sh
# The adapters, and a batch over ipyparallel, with the real packages, each in an environment of its own: build/adapters.
# Together they take half a gigabyte and some minutes to fetch, so they are no part of `make test`.
set -eu
cd "$(dirname "$0")/.."
check() { # package, file of tests
    python=build/adapters/$1/bin/python
    if [ ! -x "$python" ]; then
        .venv/bin/python -P -m venv "build/adapters/$1"
        "$python" -P -m pip install -qq --disable-pip-version-check "$1" pytest pytest-timeout --editable .
    fi
    echo "== $1"
    SANDBOX_MUST_WORK=1 "$python" -P -m pytest -q -p no:cacheprovider -W default "tests/adapters/$2" || failed=1
}
failed=
check smolagents smolagents_agent.py
check inspect_ai inspect_sandbox.py
check langchain-core langchain.py
check ipyparallel ipyparallel_executor.py
[ -z "$failed" ]
