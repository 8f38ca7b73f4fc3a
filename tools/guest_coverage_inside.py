"""Starts coverage in a sandbox, before the guest: see `guest_coverage.py`. A Python without it runs unmeasured."""

from __future__ import annotations

import _thread
import contextlib
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def measure() -> None:
    """Measure this process and what it forks, which saves its own data when it exits or becomes another program."""
    from coverage import Coverage

    this = "*/guest_coverage_inside.py"  # the report would look for its source in the guest, and fail
    whole = "/sandbox/lib/*"
    coverage = Coverage("/coverage/data.guest", branch=True, include=whole, omit=this, config_file=False)
    coverage.set_option("run:patch", ["fork", "execv"])
    coverage.set_option("run:parallel", True)  # noqa: FBT003 - the option's value
    coverage.start()
    _measure_threads()
    _save_before_the_report(coverage.save)


def _measure_threads() -> None:
    """Start a thread as `threading` does: PID 1's is not one of that module's, and would not be measured."""
    plain = _thread.start_new_thread

    def start(function: Callable[..., object], arguments: tuple[object, ...]) -> int:
        def run() -> None:
            sys.settrace(threading.gettrace())
            function(*arguments)

        return plain(run, ())

    _thread.start_new_thread = start  # type: ignore[assignment] # what the guest uses of it


def _save_before_the_report(save: Callable[[], None]) -> None:
    """Save before PID 1 says that the cell has ended: then the host kills it."""
    from sandbox_guest import wire

    plain = wire.pack

    def pack(*fields: bytes) -> bytes:
        if fields[0] == b"ended":
            save()
        return bytes(plain(*fields))

    wire.pack = pack


with contextlib.suppress(ImportError):
    measure()
