"""Lays a layer of bounded size over a directory, in a mount namespace of its own, then becomes another program.

It is started there as root, as ``python3 overlay_mount.py PLACE SIZE LOWER INODE UID COMMAND...``; nothing untrusted
runs in it, and nothing of ours is imported. PLACE is an empty directory that becomes a tmpfs with SIZE bytes, in which
are ``home``, for whatever else is written, ``changed``, which takes the writes, and ``merged``, LOWER with the writes.
INODE is LOWER's, after its device's: a directory that has taken its place since is not shown.
UID is the host user who shall own what LOWER's owner owns, or ``-`` for LOWER's owner itself, who is root in this
user namespace.

Sources: mount(2), mount_setattr(2), and the kernel's Documentation/filesystems/overlayfs.rst ("User xattr").
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys

_NOSUID, _NODEV = 2, 4
_AT_FDCWD, _AT_EMPTY_PATH = -100, 0x1000
_CLONE_NEWUSER = 0x10000000
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442  # the same on every architecture; glibc 2.36 has names for them
_OPEN_TREE_CLONE = 1
_MOVE_MOUNT_F_EMPTY_PATH = 4
_MOUNT_ATTR_RDONLY, _MOUNT_ATTR_IDMAP = 1, 0x100000
_PAGE = 4096
_MOST_EMPTY = 2**17  # files that take no room of SIZE, but a kilobyte of the kernel's memory each
# What a distribution's kernel may have on by default. Then a renamed directory would be a mark on an empty one, and two
# names of one file would change together: the layer, read by itself, would not show what the directory does.
_PLAIN = "redirect_dir=nofollow,metacopy=off,index=off"

_libc = ctypes.CDLL(None, use_errno=True)


def main(place: str, size: str, lower: str, inode: str, uid: str, *command: str) -> None:
    """Mount, and become the command.

    Raises:
        OSError: This machine refuses one of the mounts, or the directory is another one now.
    """
    below = os.open(lower, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    found = os.fstat(below)
    if inode != f"{found.st_dev}:{found.st_ino}":
        raise OSError(errno.ESTALE, "the workspace is no longer the directory that was listed")
    _mount("tmpfs", place, f"mode=0755,size={size},nr_inodes={_MOST_EMPTY + int(size) // _PAGE}")
    os.chdir(place)  # from here on no name needs to be quoted
    for directory in ("home", "changed", "merged", "work", "mapped"):
        os.mkdir(directory)
    os.chmod("changed", found.st_mode & 0o777)
    options = f"{_PLAIN},upperdir=changed,workdir=work,lowerdir="
    if uid == "-":
        _need_attributes("changed")
        _mount("overlay", "merged", f"userxattr,{options}/proc/self/fd/{below}")
    else:
        owner = int(uid)
        _show_as_owned_by(owner, (found.st_uid, found.st_gid), f"/proc/self/fd/{below}", "mapped")
        for directory in ("home", "changed", "work"):
            os.chown(directory, owner, owner)
        _mount("overlay", "merged", f"{options}mapped")
    os.chdir("/")
    os.execv(command[0], command)  # noqa: S606 - the words are our own


def _need_attributes(directory: str) -> None:
    """Check that an ordinary user's overlay can note there that a directory was made anew."""
    try:
        os.setxattr(directory, "user.sandbox_magic", b"")
    except OSError as error:
        raise OSError(error.errno, "tmpfs takes no user attributes, as before Linux 6.6") from error


def _mount(kind: str, target: str, options: str) -> None:
    flags = ctypes.c_ulong(_NOSUID | _NODEV)
    if _libc.mount(b"sandbox-magic", os.fsencode(target), kind.encode(), flags, options.encode()):
        _fail(kind)


def _show_as_owned_by(uid: int, owner: tuple[int, int], directory: str, target: str) -> None:
    """Bind a directory so that what one user and group own there belongs to another: an id-mapped mount."""
    namespace = _namespace(owner, uid)
    tree = _libc.syscall(_OPEN_TREE, _AT_FDCWD, os.fsencode(directory), _OPEN_TREE_CLONE | os.O_CLOEXEC)
    if tree < 0:
        _fail("open_tree")
    attributes = (ctypes.c_uint64 * 4)(_MOUNT_ATTR_IDMAP | _MOUNT_ATTR_RDONLY, 0, 0, namespace)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    if _libc.syscall(_MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH, attributes, size):
        _fail("an id-mapped mount")
    if _libc.syscall(_MOVE_MOUNT, tree, b"", _AT_FDCWD, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH):
        _fail("move_mount")
    os.close(tree)
    os.close(namespace)


def _namespace(owner: tuple[int, int], uid: int) -> int:
    """Return a user namespace that says who stands for whom; a process must be in it only while it is described."""
    ready, told = os.pipe()
    done, held = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(held)
        if _libc.unshare(_CLONE_NEWUSER) == 0:
            os.write(told, b"1")
            os.read(done, 1)
        os._exit(0)
    os.close(told)
    try:
        if not os.read(ready, 1):
            raise OSError(errno.EPERM, "a user namespace for the id-mapped mount: refused")
        for name, number in (("uid", owner[0]), ("gid", owner[1])):
            with open(f"/proc/{child}/{name}_map", "w") as file:
                file.write(f"{number} {uid} 1")
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        for end in (ready, done, held):
            os.close(end)
        os.waitpid(child, 0)


def _fail(what: str) -> None:
    number = ctypes.get_errno()
    raise OSError(number, f"{what}: {os.strerror(number)}")


def _run() -> None:
    try:
        main(*sys.argv[1:])
    except OSError as error:
        sys.exit(f"{error.strerror or error}")


if __name__ == "__main__":
    _run()
