#!/bin/sh
# As root: runs a command in a root as on a machine of its own, in mount and PID namespaces; nothing of them stays.
# Not with chroot(2), in which no user namespace can be made: the root is changed with pivot_root(2).
# enter.sh ROOT SOURCE PACKAGES UID COMMAND...
# shellcheck disable=SC2016 # the inner shell's
exec unshare --mount --propagation private --pid --fork sh -euc '
    root=$1 source=$2 packages=$3 uid=$4
    shift 4
    mount --bind "$root" "$root"
    cd "$root"
    mount --bind "$source" srv/source
    mount --bind -o ro "$packages" opt/packages
    mount -t proc proc proc
    mount --rbind /sys sys
    mount --rbind /dev dev
    mount -t tmpfs -o mode=1777 tmpfs tmp
    pivot_root . old
    umount -l old
    mount -o remount,bind,ro /
    cd /srv/source
    exec setpriv --reuid "$uid" --regid "$uid" --clear-groups env -i HOME=/tmp LANG=C.UTF-8 SANDBOX_MUST_WORK=1 \
        SANDBOX_OLD_PYTHON=/usr/bin/python3.9 \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PYTHONDONTWRITEBYTECODE=1 \
        PYTHONPATH=/srv/source:/srv/source/tests/languages:/opt/packages "$@"
' sh "$@"
