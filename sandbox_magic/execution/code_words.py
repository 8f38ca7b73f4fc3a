"""What the code itself says of its attempts: the line of the cell, and the host names that it looks up. It can lie."""

from __future__ import annotations

import ipaddress
import time
from typing import Any

MOST = 500  # as the guest
_MOST_LINE = 10**9
_MOST_PORTS = 4
_KINDS = {b"open", b"run", b"connect", b"send", b"remove", b"rename", b"look up"}


class CodeWords:
    """What is said in one run, from its beginning."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._lines: dict[tuple[str, str], int] = {}
        self._names: dict[str, dict[str, Any]] = {}

    def take(self, kind: bytes, target: bytes, line: bytes, port: int | None) -> None:
        """Take one attempt.

        Args:
            kind: What was tried.
            target: What it was about.
            line: The line of the cell, in digits.
            port: Of a name that is looked up, where that is known: what it is looked up for.

        Raises:
            ValueError: Our guest does not say that.
        """
        if kind not in _KINDS or not line.isdigit() or len(line) >= len(str(_MOST_LINE)):
            msg = "an attempt that our guest does not send"
            raise ValueError(msg)
        if len(self._lines) >= MOST:
            return
        name = target.decode("utf-8", "surrogateescape")
        self._lines.setdefault((kind.decode(), name), int(line))
        if kind != b"look up" or _is_address(name):
            return
        now = time.monotonic() - self._began
        row = self._names.setdefault(
            name,
            {"kind": "look up", "target": name, "count": 1, "first": now, "last": now, "process": "", "ports": []},
        )
        if port and port not in row["ports"] and len(row["ports"]) < _MOST_PORTS:
            row["ports"].append(port)

    def beside(self, account: dict[str, Any]) -> dict[str, Any]:
        """Return an account with these lines and names in it."""
        rows = [*account["rows"], *self._names.values()]
        return {**account, "rows": [{**row, "line": self._line(row["kind"], row["target"])} for row in rows]}

    def _line(self, kind: str, target: str) -> int | None:
        line = self._lines.get((kind, target))
        if line is None and kind == "run":  # found along PATH
            line = self._lines.get((kind, target.rpartition("/")[2]))
        return line or None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
