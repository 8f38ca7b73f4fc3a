#!/bin/sh
# As root: every language in real sandboxes, on Debians that have all of them, as root and as an ordinary user; what
# each takes and its version (build/languages.txt). The Debians are made once, in ~/.cache/sandbox-magic/machines.
# Arguments: suites of Debian, for only some.
set -eu
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
    echo "make test-languages makes the roots of Debians, whose files have owners: only root can." >&2
    exit 1
fi
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sandbox-magic/machines

# A copy of the checkout: every Debian tests the same.
source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
sh tools/copy_checkout.sh "$source"
chmod -R go+rX "$source"

mkdir -p build
: >build/languages.txt
for suite in ${*:-bookworm trixie}; do
    case $suite in
        bookworm) python=3.11 ;;
        trixie) python=3.13 ;;
        *) echo "which Python has the Debian $suite? Add it to tools/test_languages.sh" >&2; exit 1 ;;
    esac
    echo "::: $suite (its root is made the first time, which takes some minutes)"
    root=$(.venv/bin/python -P tests/languages/root.py "$suite")
    packages=$cache/packages-$python-$(cat requirements/constraints.txt tools/test_languages.sh | cksum | cut -d ' ' -f 1)
    if [ ! -d "$packages" ]; then
        rm -rf "$packages.new.$$"
        .venv/bin/python -P -m pip install -qq --disable-pip-version-check --constraint requirements/constraints.txt \
            --python-version "$python" --only-binary :all: --target "$packages.new.$$" \
            nh3 psutil pytest pytest-timeout tinycss2 # what sanitizes HTML is asked for too
        mv -T "$packages.new.$$" "$packages" 2>/dev/null || rm -rf "$packages.new.$$" # somebody else was quicker
    fi
    for uid in 0 1000; do
        echo "::: $suite as uid $uid"
        # The test of a language that is missing runs where one is: with make test.
        sh tests/languages/enter.sh "$root" "$source" "$packages" "$uid" \
            python3 -P -m pytest -q -p no:cacheprovider -o session_timeout=1800 tests/languages/every.py \
            tests/sandbox/test_languages.py tests/sandbox/test_old_python.py -k 'not missing_is_told_apart'
    done
    sh tests/languages/enter.sh "$root" "$source" "$packages" 0 python3 -P tests/languages/times.py |
        tee -a build/languages.txt
done
