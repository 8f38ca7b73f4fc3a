#!/bin/sh
# Makes .venv from a usable Python and installs the package into it, editable, with the extra named by $1
# ("demo" or "dev"). Does nothing, in milliseconds, when that was done before from the same files at the same
# place. PYTHON=/path/to/python3 chooses the Python.
set -eu
cd "$(dirname "$0")/.."
extra=$1

usable() { # is $1 there, does it start, is it 3.11 or later? (a pyenv shim can be there and not start)
    "$1" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

candidates() { # every python on PATH, one a line, best first; a broken one does not hide a good one behind it
    for name in python3.13 python3.12 python3.11 python3.14 python3 python; do
        printf '%s\n' "$PATH:/usr/bin:/usr/local/bin" | tr : '\n' | while IFS= read -r directory; do
            if [ -x "$directory/$name" ]; then printf '%s\n' "$directory/$name"; fi
        done
    done
}

has() { # can the Python $1 import what the statement $2 imports?
    "$1" -I -c "$2" >/dev/null 2>&1
}

make_with() { # make .venv with the Python $1, by the first means it has
    if has "$1" 'import venv; from ensurepip import version'; then
        "$1" -I -m venv .venv
    elif has "$1" 'import virtualenv'; then
        "$1" -I -m virtualenv --quiet .venv
    elif has "$1" 'import venv; from pip import main'; then # Debian's python3-pip without python3-venv
        "$1" -I -m venv --without-pip .venv &&
            "$1" -I -m pip --python .venv/bin/python install -qq --disable-pip-version-check pip
    else
        return 1
    fi
}

make_venv() {
    rm -rf .venv
    if [ -n "${PYTHON:-}" ]; then
        if usable "$PYTHON" && make_with "$PYTHON"; then return; fi
        echo "PYTHON=$PYTHON is not Python 3.11 or later with the venv module." >&2
        exit 1
    fi
    found=
    while IFS= read -r python; do
        usable "$python" || continue
        found=$python
        if make_with "$python"; then return; fi
    done <<LIST
$(candidates)
LIST
    if [ -n "$found" ]; then
        echo "$found has no venv module. Try, as root:  apt-get install python3-venv" >&2
    else
        echo "No Python 3.11 or later was found on PATH. Try, as root:  apt-get install python3-venv" >&2
        echo "or name one:  make PYTHON=/path/to/python3 ..." >&2
    fi
    exit 1
}

# Is .venv there, does it start, does it belong to this place (an editable install holds the path), and was it made
# from the Python that PYTHON names, where it names one?
in_place() {
    base='import sys; print(sys.base_prefix, sys.version)'
    usable .venv/bin/python && [ "$(cat .venv/.place 2>/dev/null)" = "$(pwd)" ] &&
        { [ -z "${PYTHON:-}" ] || [ "$("$PYTHON" -I -c "$base")" = "$(.venv/bin/python -I -c "$base")" ]; }
}

wanted=$(cat pyproject.toml requirements/constraints.txt tools/environment.sh | cksum)
if in_place; then
    for done in .venv/.made-dev ".venv/.made-$extra"; do # dev holds all that demo has
        if [ "$(cat "$done" 2>/dev/null)" = "$wanted" ]; then exit 0; fi
    done
else
    make_venv
    pwd >.venv/.place
fi
rm -f .venv/.made-*
echo "Installing into .venv ($(.venv/bin/python -V), extra: $extra); about a minute the first time ..."
install() { # what pip is told
    .venv/bin/python -P -m pip install -qq --disable-pip-version-check --no-warn-script-location \
        --constraint requirements/constraints.txt "$@"
}
install --upgrade pip # that of the Python's maker may be years old, and needs three times as long to choose versions
install --no-compile --editable ".[$extra]"
# Compiled by all processors, which pip does by one; the packages' own tests, a third, are imported by nobody. What
# can't be compiled is somebody's template, or for another Python.
.venv/bin/python -P -m compileall -qq -j 0 -x '/tests?/' .venv/lib || true
printf '%s\n' "$wanted" >".venv/.made-$extra"
