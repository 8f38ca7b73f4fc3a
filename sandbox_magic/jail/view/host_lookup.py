"""What is on this machine that a sandbox does not see: looked up for a hint, without opening or importing anything."""

from __future__ import annotations

import functools
import os
import stat
import sys
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

from sandbox_magic.jail.view import host_paths, interpreter, places

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

    from sandbox_magic.jail.view.interpreter import Interpreter
    from sandbox_magic.model.policy import Policy

_MOST_STEPS = 100  # components and links of a path
_INSIDE = (places.HOME, places.CELL, "/tmp", "/var/tmp", "/etc")  # noqa: S108 - the sandbox's own
_KERNELS = ("/proc", "/sys", "/dev", "/run")  # no files of a person's; looking at some does something
# To look at a path below such a mount may wait for another machine, or mount something.
_REMOTE = ("autofs", "nfs", "nfs4", "cifs", "smb3", "9p", "afs", "ceph", "glusterfs", "lustre", "ncpfs", "sshfs")


class Outside:
    """This machine as seen from the directory of the notebook.

    Args:
        python: The Python inside.
        policy: What the sandbox was given.
        script: The path of the code's file; empty for code that is in none.
    """

    def __init__(self, python: Interpreter, policy: Policy, script: str = "") -> None:
        self._python = python
        self._policy = policy
        self._folder = os.path.dirname(script)

    def hidden(self, path: str) -> bool:
        """Return whether a path is there, but not at the same place in the sandbox; not known is no."""
        try:
            here = os.getcwd()
            whole = os.path.normpath(os.path.join(here, path))
            if os.path.isabs(path):
                seen = _within(whole, self._shown())
            else:  # it has, or had, what lies here
                seen = bool(self._policy.workspace) or _within(path, [mount.name for mount in self._policy.binds])
            return not seen and is_there(whole, here, self._remote)
        except (OSError, ValueError):
            return False

    def shown_as(self, path: str) -> str:
        """Return what an absolute path is called in the working directory; nothing if it is not bound there."""
        for mount in self._policy.binds:
            if os.path.isabs(path) and _within(path, (mount.source,)):
                return os.path.normpath(os.path.join(mount.name, os.path.relpath(path, mount.source)))
        return ""

    def bound(self, path: str) -> bool:
        """Return whether a path below the working directory is, or lies in, what was bound there."""
        return _within(path, [mount.name for mount in self._policy.binds])

    def elsewhere(self, path: str) -> bool:
        """Return whether an absolute path leads to no directory that the sandbox has, as far as is known."""
        return not _within(path, (*self._shown(), *_INSIDE, *_KERNELS))

    def beside(self, path: str) -> str:
        """Return the path, from here, of what lies beside the script and not here; nothing if the sandbox sees it."""
        try:
            here = os.getcwd()
            whole = os.path.normpath(os.path.join(self._folder, path))
            unseen = self._folder not in ("", here) and not self._policy.workspace and not self.bound(path)
            fits = unseen and not os.path.isabs(path) and _within(whole, (self._folder,))
            return _from(whole, here) if fits and is_there(whole, here, self._remote) else ""
        except (OSError, ValueError):
            return ""

    @functools.cached_property
    def _remote(self) -> tuple[str, ...]:
        return _remote_mounts()

    def _shown(self) -> tuple[str, ...]:
        sources = (mount.source for mount in self._policy.binds)
        return ("/usr", "/bin", "/lib", "/lib64", *host_paths.host().binds, *self._python.shared, *sources)

    def module(self, name: str) -> tuple[str, bool] | None:
        """Find a module, beside the script first.

        Returns:
            Its file or directory, relative to the notebook's where it lies below that, and empty if the sandbox sees
            it, or that is not known; and whether it belongs to this process's own Python where the sandbox has
            another. None if there is none.
        """
        try:
            beside = _place(name, [self._folder]) if self._folder else None
            place = beside or _place(name, sys.path)
            if place is None:
                return None
            if not beside and self._policy.python != "kernel" and _within(place, interpreter.choose("kernel").shared):
                return place, True
            here = os.getcwd()
            return ("" if _within(place, self._shown()) else _from(place, here)), False
        except Exception:  # noqa: BLE001 - a finder on sys.path_hooks is anybody's
            return "", False


def is_there(path: str, here: str, remote: Sequence[str]) -> bool:
    """Return whether an absolute path is there, link by link, without going where looking is not free.

    Args:
        path: The path, normalised.
        here: A directory that is known to be there, so that the path to it is not examined.
        remote: Mounts below which looking is not free, unless ``here`` lies there too.
    """
    left = path.strip("/").split("/")
    at = "/"
    ours = _deepest(here, remote)
    for _ in range(_MOST_STEPS):
        if not left:
            return True
        step = os.path.normpath(os.path.join(at, left.pop(0)))
        if _within(here, (step,)):
            at = step
            continue
        if _within(step, _KERNELS) or _deepest(step, remote) not in ("", ours):
            return False
        found = os.lstat(step)
        if stat.S_ISLNK(found.st_mode) and left:
            target = os.path.normpath(os.path.join(at, os.readlink(step)))
            left, at = [*target.strip("/").split("/"), *left], "/"
        else:
            at = step
    return False


def _deepest(path: str, mounts: Sequence[str]) -> str:
    return max((mount for mount in mounts if _within(path, (mount,))), key=len, default="")


def _remote_mounts() -> tuple[str, ...]:
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        fields = [line.split() for line in lines]
    kinds = ((_unescaped(each[4]), each[each.index("-") + 1]) for each in fields)
    return tuple(place for place, kind in kinds if kind in _REMOTE or kind.startswith("fuse"))


def _unescaped(path: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(code, character)
    return path


def _place(name: str, search: Sequence[str]) -> str | None:
    """Return the file or the directory of a module's top level, by the finders of a search path alone."""
    top, *rest = name.split(".")
    spec = found = PathFinder.find_spec(top, search)
    for depth, part in enumerate(rest, 2):
        if found is None or found.submodule_search_locations is None:
            return None
        whole = ".".join([top, *rest[: depth - 2], part])
        found = PathFinder.find_spec(whole, found.submodule_search_locations)
    return _of_spec(spec) if spec and found else None


def _of_spec(spec: ModuleSpec) -> str | None:
    places = [*spec.submodule_search_locations] if spec.submodule_search_locations else [spec.origin]
    return os.path.abspath(places[0]) if places and places[0] else None


def _from(path: str, here: str) -> str:
    return os.path.relpath(path, here) if path.startswith(here.rstrip("/") + "/") else path


def _within(path: str, places: Sequence[str]) -> bool:
    return any(path == place or path.startswith(place.rstrip("/") + "/") for place in places)
