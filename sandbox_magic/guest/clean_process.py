"""Undoes what a process inherits: open descriptors and signal settings."""

from __future__ import annotations

import _signal
import os


def close_all_but(*descriptors: int) -> None:
    """Close every open descriptor except these."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in descriptors:
            try:
                os.close(int(name))
            except OSError:  # the listing's own
                continue


def default_signals() -> None:
    """Return every signal its default action and block none."""
    for number in range(1, _signal.NSIG):
        try:
            _signal.signal(number, _signal.SIG_DFL)
        except (OSError, ValueError):  # SIGKILL, SIGSTOP, the C library's own
            continue
    _signal.pthread_sigmask(_signal.SIG_SETMASK, [])
