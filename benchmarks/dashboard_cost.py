"""What drawing costs: the same cell with the dashboard and without, alternating, in one real kernel.

Two cells: one that is busy for some seconds, by the clock of the reply; one that prints at once, by the
clock of its first text.
"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from traitlets.config import Config

ROUNDS = int(os.environ.get("ROUNDS", "10"))
SHORT_ROUNDS = 6 * ROUNDS  # of the short cell, where less than a millisecond is to be seen
BUSY_SECONDS = float(os.environ.get("SECONDS", "5"))
BUSY = f"""
import time
n, end = 0, time.process_time() + {BUSY_SECONDS}
while time.process_time() < end: n += 1
"""
SHORT = "print(1)"


def timed(client: Any, source: str) -> tuple[float, float, int]:
    """Run a cell; give seconds to its first text and to its reply, and how many comms it opened."""
    began = time.perf_counter()
    sent = client.execute(source)
    first, comms = 0.0, 0
    while True:
        message = client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") != sent:
            continue
        kind, content = message["msg_type"], message["content"]
        assert kind != "error", content
        first = first or (time.perf_counter() - began if kind == "stream" else 0.0)
        comms += kind == "comm_open"
        if kind == "status" and content["execution_state"] == "idle":
            return first, time.perf_counter() - began, comms


def compare(client: Any, what: str, body: str, *, clock: int, rounds: int) -> None:
    """Alternate the two ways, and print a row for each, and how much later the one is in the median of the pairs."""
    ways = {"without dashboard": "%%sandbox --no-dashboard --quiet\n", "with dashboard": "%%sandbox\n"}
    found: dict[str, list[tuple[float, float, int]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, head in ways.items():
            found[name].append(timed(client, head + body))
    base = statistics.median(times[clock] for times in found["without dashboard"])
    for name, runs in found.items():
        values = sorted(times[clock] for times in runs)
        median, p99 = statistics.median(values), values[int(0.99 * (len(values) - 1))]
        comms = max(times[2] for times in runs)
        print(f"{what}: {name:<20} {median * 1000:9.1f} {p99 * 1000:9.1f}   {median / base:6.3f}   {comms:3} comms")
    pairs = zip(*found.values(), strict=True)
    later = statistics.median(drawn[clock] - plain[clock] for plain, drawn in pairs)
    print(f"{what}: {'later by':<20} {later * 1000:9.1f}")


def main() -> None:
    """Start a kernel of this environment and compare."""
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
            timed(client, "%load_ext sandbox_magic")
            timed(client, f"%%sandbox\n{BUSY}")  # what is imported once
            print(f"{'milliseconds':<38} {'median':>9} {'p99':>9}    {'ratio':>5}")
            compare(client, f"busy {BUSY_SECONDS:g} s, to reply", BUSY, clock=1, rounds=ROUNDS)
            compare(client, "print(1), first text", SHORT, clock=0, rounds=SHORT_ROUNDS)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


if __name__ == "__main__":
    main()
