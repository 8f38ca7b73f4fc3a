"""`sandbox-magic serve` under load: 64 connections, then twice as many as it takes, then requests that are cut.

Each connection sends the same short cell again as soon as it has the answer. ROUNDS=N: so many seconds of each, 60
without it. Anything but a result or a 429 that says when to come again is an error, and ends the measurement.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

import psutil

from benchmarks.measure import Row, rounds, row
from sandbox_magic.execution.asynchronous import cores

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTIONS = 64
QUEUE = 64
CUT = 20
_CELL = json.dumps({"code": "print(1)", "language": "python", "run_timeout": 30}).encode()
_SLEEPS = json.dumps({"code": "import time; time.sleep(600)", "language": "python", "run_timeout": 600}).encode()
_WAIT_SECONDS = 60


def measured() -> list[Row]:
    """Return the rows of this subject."""
    return asyncio.run(_measured())


async def _measured() -> list[Row]:
    with served() as (port, process):
        seconds = rounds(60)
        few = await load(port, CONNECTIONS, seconds)
        many = await load(port, 2 * (cores() + QUEUE), seconds)
        left = await cut(port, process)
    assert few.statuses.keys() == {HTTPStatus.OK}, few.statuses
    assert many.statuses.keys() <= {HTTPStatus.OK, HTTPStatus.TOO_MANY_REQUESTS}, many.statuses
    return [
        *few.rows(f"{CONNECTIONS} connections"),
        *many.rows(f"{2 * (cores() + QUEUE)} connections"),
        row("serve", f"processes left of {CUT} cut requests", [left], unit=""),
    ]


@contextlib.contextmanager
def served() -> Iterator[tuple[int, psutil.Process]]:
    """Start a server; yield its port and its process."""
    words = [sys.executable, "-P", "-m", "sandbox_magic", "serve", "--port", "0", "--queue", str(QUEUE)]
    with subprocess.Popen([*words, "--timeout", "600"], stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            yield int(process.stderr.readline().rpartition(":")[2]), psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate()


@dataclass
class Load:
    """What came of a load.

    Attributes:
        seconds: How long it lasted.
        statuses: How many answers there were of each status.
        took: The milliseconds of each request that was run.
        refused: Those of each that was refused.
    """

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def rows(self, name: str) -> list[Row]:
        """Return the rows of it."""
        found = [
            row("serve", f"runs: {name}", [self.statuses[HTTPStatus.OK] / self.seconds], unit="/s"),
            row("serve", f"request to result: {name}", self.took, unit="ms"),
        ]
        if self.refused:
            refused = row("serve", f"request to 429: {name}", self.refused, unit="ms")
            found.append(replace(refused, note=f"{len(self.refused)} of them"))
        return found


async def load(port: int, connections: int, seconds: float) -> Load:
    """Ask for so many runs at once, for so long."""
    found, began = Load(), time.monotonic()
    await asyncio.gather(*(_keep_asking(port, found, began + seconds) for _ in range(connections)))
    found.seconds = time.monotonic() - began
    return found


async def _keep_asking(port: int, found: Load, until: float) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while (began := time.monotonic()) < until:
            status, headers, body = await ask(reader, writer)
            took = 1000 * (time.monotonic() - began)
            found.statuses[status] += 1
            if status == HTTPStatus.OK:
                assert json.loads(body)["run_result"]["stdout"] == "1\n", body
                found.took.append(took)
            else:
                assert int(headers["retry-after"]) >= 1, headers
                found.refused.append(took)
                await asyncio.sleep(0.1)  # a client that waited as long as it is told would be no load
    finally:
        writer.close()


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes = _CELL
) -> tuple[int, dict[str, str], bytes]:
    """Send a request; return the status, the headers and the body of its answer."""
    _send(writer, body)
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
    return int(lines[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


def _send(writer: asyncio.StreamWriter, body: bytes) -> None:
    head = "POST /run_code HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
    writer.write(f"{head}{len(body)}\r\n\r\n".encode() + body)


async def cut(port: int, process: psutil.Process) -> int:
    """Cut requests that run or wait; return how many more processes there are than before, once they are settled."""
    before = await _settled(process)
    writers = [(await asyncio.open_connection("127.0.0.1", port))[1] for _ in range(CUT)]
    for writer in writers:
        _send(writer, _SLEEPS)
        await writer.drain()
    await asyncio.sleep(1)
    for writer in writers:
        writer.transport.abort()
    return await _settled(process) - before


async def _settled(process: psutil.Process) -> int:
    """Return how many processes the server has, when that has not changed for two seconds."""
    deadline, since, last = time.monotonic() + _WAIT_SECONDS, time.monotonic(), -1
    while time.monotonic() < min(deadline, since + 2):
        now = len(process.children(recursive=True))
        if now != last:
            since, last = time.monotonic(), now
        await asyncio.sleep(0.1)
    return last
