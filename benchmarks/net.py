"""What ``--net`` costs: how much later a sandbox is parked and a first byte comes, and how fast bytes go through.

The client is one program, run in a sandbox with ``--net``, outside through a plain ``socat`` relay, and outside without
a relay. The server is a process of its own, on this machine's loopback. Ratios of speed are to socat's, of a first byte
to the direct one's. A run without ``--net`` has none of this.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import sandbox_magic as sm
from benchmarks.measure import Row, Way, alternate, rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.measure import Found

_BYTES = 200 * 2**20
_SERVER = """
import socket
listener = socket.create_server(("127.0.0.1", 0), backlog=128)
print(listener.getsockname()[1], flush=True)
chunk = bytes(2**20)
while True:
    with listener.accept()[0] as stream:
        for _ in range(int(stream.recv(20)) // len(chunk)):
            stream.sendall(chunk)
        stream.sendall(b"1")
"""
_CLIENT = """
import json, socket, statistics, time
def ask(length):
    began, received = time.perf_counter(), 0
    with socket.create_connection(("127.0.0.1", {port})) as stream:
        stream.sendall(b"%d" % length)
        while received <= length:
            received += len(stream.recv(2**20))
    return time.perf_counter() - began
first = statistics.median([ask(0) for _ in range(101)][1:])
print(json.dumps({{"first byte": 1000 * first, "speed": {length} / 1e6 / ask({length})}}))
"""
_NET, _SOCAT, _DIRECT = "--net", "socat", "direct"
_WITHOUT, _WITH = "without --net", "with --net"
_PARKED = "parked"


def measured() -> list[Row]:
    """Return the rows of this subject."""
    with ExitStack() as opened:
        port = opened.enter_context(_started(sys.executable, "-I", "-c", _SERVER))
        ways = {_DIRECT: Way(run=lambda: _outside(port)), _NET: Way(run=lambda: _inside(port))}
        if shutil.which("socat"):
            relay = ("-d", "-d", "TCP-LISTEN:0,bind=127.0.0.1,fork", f"TCP:127.0.0.1:{port}")
            other = opened.enter_context(_started("socat", *relay))
            ways[_SOCAT] = Way(run=lambda: _outside(other))
        relayed = alternate(ways, usual=9)
        parked = alternate({_WITHOUT: Way(run=_parked), _WITH: Way(run=lambda: _parked(f"localhost:{port}"))}, usual=40)
    return [
        *rows("net", parked, unit="ms", base=(_WITHOUT, _PARKED)),
        _later(parked, _PARKED, _WITH, _WITHOUT),
        *rows("net", _alone("first byte", relayed), unit="ms", base=(_DIRECT, "first byte")),
        _later(relayed, "first byte", _NET, _DIRECT),
        *rows("net", _alone("speed", relayed), unit="MB/s", base=(_SOCAT, "speed") if _SOCAT in ways else None),
        *([] if _SOCAT in ways else [Row(subject="net", what="speed: socat", note="socat is not installed")]),
    ]


@contextmanager
def _started(*command: str) -> Iterator[int]:
    """Run a program that says last in a line on which port it listens; return that."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            while "listening" not in line and not line.strip().isdecimal():
                line = process.stdout.readline()
            threading.Thread(target=process.stdout.read, daemon=True).start()  # else it waits until somebody reads
            yield int(line.rpartition(":")[2])
        finally:
            process.kill()


def _outside(port: int) -> Mapping[str, float]:
    command = (sys.executable, "-I", "-S", "-c", _CLIENT.format(port=port, length=_BYTES))
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def _inside(port: int) -> Mapping[str, float]:
    code = _CLIENT.format(port=port, length=_BYTES)
    return dict(json.loads(sm.run(code, net=f"localhost:{port}", net_bytes="1G", timeout=600).check().stdout))


def _parked(*net: str) -> Mapping[str, float]:
    return {_PARKED: 1000 * sm.run("pass", net=net, warm=False).usage.park_seconds}


def _alone(what: str, found: Found) -> Found:
    return {way: {what: values[what]} for way, values in found.items()}


def _later(found: Found, what: str, way: str, base: str) -> Row:
    """Return by how much one way is later than another."""
    medians = [statistics.median(found[each][what]) for each in (way, base)]
    return Row(subject="net", what=f"{what}: later by", unit="ms", median=medians[0] - medians[1])
