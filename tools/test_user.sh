#!/bin/sh
# As root: copies this checkout into the home of an ordinary user made for the purpose, into a directory with a space
# in its name, and runs there, as that user and with what Debian gives every user, the demo and the tests named in T
# (all where none is named). Both must work for whoever has no root.
set -eu
cd "$(dirname "$0")/.."
user=notebook-user
place="sandbox magic"
if [ "$(id -u)" != 0 ]; then
    echo "make test-user makes a user, which only root can. As an ordinary user, make test is the same." >&2
    exit 1
fi
/usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null || {
    timeout 180 apt-get update -qq
    timeout 300 apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
}
sh tools/test_needs.sh
id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/sh "$user"
home=$(getent passwd "$user" | cut -d : -f 6)

# The copy's own environment is kept from the last time.
mkdir -p "$home/$place"
find "$home/$place" -mindepth 1 -maxdepth 1 ! -name .venv -exec rm -rf {} +
sh tools/copy_checkout.sh "$home/$place"
chown -R "$user:" "$home/$place"

# Of root's environment only what says how this machine reaches its package registry comes along.
registry=PIP_INDEX_URL,PIP_EXTRA_INDEX_URL,PIP_CERT,HTTP_PROXY,HTTPS_PROXY,NO_PROXY,http_proxy,https_proxy,no_proxy
exec runuser -w "$registry,CI" -c 'cd "$0" && make demo && SANDBOX_MUST_WORK=1 make test T="$1"' -l -- \
    "$user" "$place" "${T-}"
