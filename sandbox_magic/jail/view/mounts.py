"""What the user binds to be read in a sandbox: examined before it is bound."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from sandbox_magic.jail.view import special_files
from sandbox_magic.model.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox_magic.jail.view.identity import Identity
    from sandbox_magic.model.policy import Mount


def check(mounts: Iterable[Mount], identity: Identity) -> None:
    """Refuse what is not there, what is no file and no directory, and what the sandbox's user could not read.

    Raises:
        PolicyError: There is such a one; says what would be right.
    """
    for mount in mounts:
        try:
            status = os.stat(mount.source)
        except OSError as error:
            msg = f"bind: {mount.source} can't be shown"
            raise PolicyError(msg, seen=str(error), remedy="the path of a file or directory that is there") from error
        mode = status.st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            msg = f"bind: {mount.source} is neither a file nor a directory"
            raise PolicyError(msg, remedy="a file or a directory")
        needed = stat.S_IROTH | (stat.S_IXOTH if stat.S_ISDIR(mode) else 0)
        if identity.dropped and mode & needed != needed:
            raise _only_its_owners(mount, status)


def _only_its_owners(mount: Mount, status: os.stat_result) -> PolicyError:
    """Return the error for what the sandbox of a root caller can't read, for it is another user.

    No advice to let everybody read it: it may well hold a secret.
    """
    owner = "root" if status.st_uid == 0 else "its owner"
    kind, remedy = "file", "-i or --stdin, with the part of it that the code may see"
    if stat.S_ISDIR(status.st_mode):
        kind, remedy = "directory", "--workspace, which shows the code a copy-on-write view of a directory"
    what = f"bind: {mount.source}: only {owner} may read this {kind}, and the sandbox is not {owner}"
    return PolicyError(what, remedy=remedy)


def masked(mounts: Iterable[Mount], place: str) -> list[str]:
    """Return the paths inside of what must not be used below them: sockets, FIFOs and devices.

    Args:
        mounts: What is bound.
        place: The working directory inside.
    """
    return [
        f"{place}/{mount.name}/{os.path.relpath(path, mount.source)}"
        for mount in mounts
        for path in special_files.below([mount.source], except_for=(), fresh=0.0)
    ]
