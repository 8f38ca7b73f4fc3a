#!/bin/sh
# Fetches what the tests need besides the environment. As root on Debian it installs what is missing; otherwise it
# says the one command that root must type, and fails: nothing is skipped.
set -eu
cd "$(dirname "$0")/.."
missing=
command -v chromium >/dev/null || missing="$missing chromium"                  # drives JupyterLab
command -v node >/dev/null || missing="$missing nodejs"                        # languages that a cell may have
command -v g++ >/dev/null || missing="$missing g++"
command -v sqlite3 >/dev/null || missing="$missing sqlite3"
command -v openssl >/dev/null || missing="$missing openssl"                    # programs that ask for files in /etc
command -v git >/dev/null || missing="$missing git"                            # clients and servers of --net
command -v curl >/dev/null || missing="$missing curl"
[ -n "$(find /usr/lib/postgresql -name initdb -print -quit 2>/dev/null)" ] || missing="$missing postgresql"
command -v redis-check-rdb >/dev/null || missing="$missing redis-tools"        # redis-server would start one
[ -e /etc/services ] || missing="$missing netbase"
[ -e /etc/mime.types ] || missing="$missing media-types"
[ -n "$(find /usr/share/fonts -name '*.ttf' -print -quit 2>/dev/null)" ] ||    # a page without fonts is empty
    missing="$missing fonts-dejavu-core"
[ -n "$(find /usr/lib /lib -name 'libseccomp.so.2' -print -quit 2>/dev/null)" ] ||
    missing="$missing libseccomp2"                                             # recompiles the filter to compare
# The bundled bwrap does without root; where there is root, the system's own is tested too.
if [ "$(id -u)" = 0 ]; then command -v bwrap >/dev/null || missing="$missing bubblewrap"; fi
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing what the tests need:$missing"
    export DEBIAN_FRONTEND=noninteractive
    case $missing in
    *postgresql*) # its programs are wanted, and no server that starts with the machine
        mkdir -p /etc/postgresql-common/createcluster.d
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/sandbox-magic.conf
        ;;
    esac
    timeout 180 apt-get update -qq
    # shellcheck disable=SC2086 # the words of the command
    timeout 600 $install -qq >/dev/null
else
    echo "The tests need what only root can install. As root:  apt-get update && $install" >&2
    exit 1
fi
