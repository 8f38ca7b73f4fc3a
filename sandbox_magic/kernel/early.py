"""A sandbox that is parked while the kernel still imports what it needs on the host, which takes as long."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox_magic.execution.files import FileTransfer
from sandbox_magic.execution.session import Session
from sandbox_magic.jail import pool
from sandbox_magic.jail.fingerprint import fingerprint
from sandbox_magic.kernel.configuration import read_policy, take_options

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_NAMES = 2000  # in the folder: a larger one is listed behind the kernel's first reply, which it would delay


def park(words: Sequence[str]) -> None:
    """Have a sandbox parked in the background, for the session that will come.

    It is a guess: configuration files are not read yet. Where it was wrong the sandbox does not fit, as any spare, and
    the session starts its own; what can't be started is said by the first cell.

    Args:
        words: The kernel's command line.
    """
    with suppress(RuntimeError):  # no thread can be had
        threading.Thread(target=_want, args=(words,), daemon=True).start()


def _want(words: Sequence[str]) -> None:
    with suppress(Exception):
        _, given = take_options(words)
        policy = Session(policy=read_policy({}, given())).policy
        lower = FileTransfer(policy, {}).look(most_names=_MOST_NAMES)
        pool.spares.want(fingerprint(policy, lower), policy, lower)
