"""The control group that bounds one run as a whole: one interface, four tiers, chosen by trying.

Only the cell's process is in the group (it waits for "go"), and everything that it starts is born
there. PID 1 stays outside, so that the kernel's answer to a run out of memory leaves the one
process alive that reports how it ended.

The process joins by itself, through descriptors that we open and it inherits: a thread that moves
only itself needs no lock on v1, where moving another costs the kernel a grace period of RCU, 12 ms.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from sandbox_magic.jail.cgroup import systemd, v1, v2
from sandbox_magic.jail.cgroup.base import Group

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox_magic.model.policy import Limits

_PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EINTR, errno.ENOSPC)


def make(limits: Limits) -> Group:
    """Make a group of the first tier of which one can be made here.

    Args:
        limits: The bounds to set.

    Returns:
        The group; of tier ``none`` where nothing works, with the reasons.
    """
    for name, tier in _tiers().items():
        if name not in _refused:
            try:
                group = tier(limits)
            except (OSError, ValueError, KeyError) as error:
                _refuse(name, error)
            else:
                return _with_reasons(group)
    return _with_reasons(Group())


def settle(group: Group, limits: Limits, pid: int) -> Group:
    """Make sure that a process is in its group: move it if it has not joined, or take the next tier.

    Args:
        group: The group that it was to join.
        limits: The bounds.
        pid: The process, while it waits.
    """
    while not group.holds(pid):
        try:
            group.add(pid)
            break
        except OSError as error:
            _refuse(group.tier, error)
            group.close()
            group = make(limits)
    return group


def _refuse(tier: str, error: Exception) -> None:
    """Remember that a tier does not work here, unless it is only that something is short just now.

    Raises:
        OSError: It is: a weaker tier would be a weaker sandbox for a reason that passes.
    """
    if isinstance(error, OSError) and error.errno in _PASSING:
        raise error
    _refused[tier] = f"{tier}: {error}"


def _with_reasons(group: Group) -> Group:
    group.reasons = tuple(_refused.values())
    return group


_refused: dict[str, str] = {}  # tiers that did not work in this process; machines don't change under it


def _tiers() -> dict[str, Callable[[Limits], Group]]:
    return {
        v2.Group2.tier: v2.make,
        systemd.ScopedGroup.tier: systemd.make,
        v1.Group1.tier: v1.Group1,
    }
