#!/bin/sh
# CPython's own tests inside a sandbox and outside, as the same unprivileged user (tests/cpython). They come from Debian's
# package libpython3.X-testsuite, which is fetched once and only unpacked: into ~/.cache/sandbox-magic/cpython.
# Arguments: modules such as test_os; without any, those that tests/cpython/compare.py lists.
set -eu
cd "$(dirname "$0")/.."
version=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
package=libpython$version-testsuite
installed=/usr/lib/python$version/test
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sandbox-magic/cpython/$version
if [ ! -d "$installed" ] || ! command -v apt-get >/dev/null; then
    echo "make test-cpython needs Debian or Ubuntu: its package $package has the tests of the system's Python." >&2
    exit 1
fi
if [ ! -d "$cache" ]; then
    mkdir -p "$cache.new"
    echo "Fetching $package"
    if [ "$(id -u)" = 0 ]; then timeout 180 apt-get update -qq; fi
    (cd "$cache.new" && timeout 180 apt-get download -qq "$package" && dpkg-deb -x ./"$package"_*.deb .)
    mv -T "$cache.new" "$cache"
fi

# The system has a part of the package `test`, and Debian's package the rest. The sandbox's user has to get at both.
suite=$(mktemp -d)
trap 'rm -rf "$suite"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cp -r "$installed" "$cache$installed" "$suite"
chmod -R go+rX "$suite"
.venv/bin/python -P tests/cpython/compare.py "$suite" "$@"
