#!/bin/sh
# Opens JupyterLab on the notebook $1, with this checkout's own environment as its kernel. By its address, not as a
# file to open: then the address that is printed, for whoever has no browser here, leads to the notebook too.
set -eu
cd "$(dirname "$0")/.."
root=
if [ "$(id -u)" = 0 ]; then root=--allow-root; fi
# JUPYTER_PREFER_ENV_PATH: the kernel "python3" is .venv's, whatever the user has installed under that name.
# shellcheck disable=SC2086 # one flag or none
JUPYTER_PREFER_ENV_PATH=1 exec .venv/bin/python -P -m jupyterlab $root "--LabApp.default_url=/lab/tree/$1"
