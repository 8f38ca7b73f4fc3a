"""What drawing costs: the same cell with the dashboard and without, in one real kernel.

Two cells: one that is busy for some seconds, by the clock of the reply; one that prints at once, by the
clock of its first text. Ratios are to the same cell without dashboard.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from traitlets.config import Config

from benchmarks.measure import Row, Way, alternate, row, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

BUSY_SECONDS = float(os.environ.get("BUSY_SECONDS", "5"))
BUSY = f"""
import time
n, end = 0, time.process_time() + {BUSY_SECONDS}
while time.process_time() < end: n += 1
"""
SHORT = "print(1)"
_WITHOUT, _WITH = "without dashboard", "with dashboard"


def measured() -> list[Row]:
    """Return the rows of this subject."""
    with kernel() as client:
        timed(client, "%load_ext sandbox_magic")
        return [
            *compare(client, f"busy {BUSY_SECONDS:g} s, reply", BUSY, clock="reply", usual=10),
            *compare(client, "print(1), first text", SHORT, clock="first text", usual=60),
        ]


def compare(client: Any, what: str, body: str, *, clock: str, usual: int) -> list[Row]:
    """Alternate the two ways; return a row for each, and one of how much later the one is, pair by pair."""

    def way(head: str) -> Way:
        return Way(run=lambda: {what: timed(client, head + body)[clock]})

    ways = {_WITHOUT: way("%%sandbox --no-dashboard --quiet\n"), _WITH: way("%%sandbox\n")}
    found = alternate(ways, usual=usual, pause_seconds=0.0)
    pairs = zip(found[_WITH][what], found[_WITHOUT][what], strict=True)
    later = row("dashboard", f"{what}: later by", [drawn - plain for drawn, plain in pairs], unit="ms")
    return [*rows("dashboard", found, unit="ms", base=(_WITHOUT, what)), later]


def timed(client: Any, source: str) -> dict[str, float]:
    """Run a cell; return milliseconds to its first text and to its reply."""
    began = time.perf_counter()
    sent = client.execute(source)
    times: dict[str, float] = {}
    while True:
        message = client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") != sent:
            continue
        kind, content = message["msg_type"], message["content"]
        assert kind != "error", content
        passed = 1000 * (time.perf_counter() - began)
        if kind == "stream":
            times.setdefault("first text", passed)
        if kind == "status" and content["execution_state"] == "idle":
            return {**times, "reply": passed}


@contextmanager
def kernel() -> Iterator[Any]:
    """Have a kernel of this environment; gives its client."""
    with TemporaryDirectory() as folder:
        manager = KernelManager(
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
            connection_file=str(Path(folder) / "connection.json"),
            config=Config(KernelManager={"transport_encryption": "auto"}),
        )
        manager.start_kernel(cwd=folder)
        client = manager.client()
        try:
            client.start_channels()
            client.wait_for_ready(timeout=60)
            yield client
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
