#!/bin/sh
# Fetches the other ipykernels on which a press of a button is tested, beside the environment that `make test` made.
set -eu
cd "$(dirname "$0")/.."
for version in 6.31.0 7.3.0; do
    kernel=.cache/ipykernel/$version
    [ -d "$kernel" ] && continue
    rm -rf "$kernel.new"
    .venv/bin/python -P -m pip install -qq --disable-pip-version-check --no-deps --target "$kernel.new" \
        "ipykernel==$version"
    mv "$kernel.new" "$kernel"
done
