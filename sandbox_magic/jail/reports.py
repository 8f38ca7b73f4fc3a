"""What PID 1 and bwrap report while the host waits for nothing else."""

from __future__ import annotations

import json
import os
import select
import time
from contextlib import suppress

from sandbox_magic.guest import wire


def next_frame(report: int, seconds: float, word: bytes = b"") -> list[bytes] | None:
    """Wait for PID 1's next frame; return None if it does not come in time.

    Args:
        report: Where its frames arrive.
        seconds: How long to wait.
        word: How the frame begins that is waited for, if not any; others are dropped.

    Raises:
        EOFError: PID 1 is gone.
    """
    reader = wire.Reader()
    poll = select.poll()
    poll.register(report, select.POLLIN)
    deadline = time.monotonic() + seconds
    while poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        data = os.read(report, 65536)
        if not data:
            raise EOFError
        for frame in reader.feed(data):
            if not word or frame[0] == word:
                return frame
    return None


def child_pid(info: int) -> int:
    """Read bwrap's JSON to its end; it is complete, for PID 1 runs already."""
    text = b""
    with suppress(BlockingIOError):
        while piece := os.read(info, 4096):
            text += piece
    return int(json.loads(text)["child-pid"])
