"""What the cells of a sandbox have tried, one after another: each cell's own account, and all of them together.

Pure but for the questions to what watches (`watcher`), which answers from any thread.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from sandbox_magic.jail.attempts.account import MOST_ROWS

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox_magic.jail.attempts.watcher import Watcher

_Account = dict[str, Any]


class Tried:
    """The accounts of a sandbox; one that is not a session's has one cell.

    Args:
        watcher: What watches it.
    """

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._lock = threading.Lock()  # who looks may be another thread than who runs the cell
        self._lost = False
        self._whole = _nothing()
        self._began = self._since = 0.0  # when the first cell began, and what is now in the watcher's account

    def begin_cell(self) -> None:
        """Take note of what came between two cells, which is no cell's; before the first one it was the guest's own.

        Raises:
            BrokenPipeError: It is not watched any more.
        """
        with self._lock:
            if self._turn() is None:
                raise BrokenPipeError
            if not self._began:
                self._began = self._since
                self._whole = _nothing()

    def end_cell(self, completed: Callable[[_Account], _Account]) -> _Account | None:
        """Return the account of the cell that is over; None if what watched has ended.

        Args:
            completed: Adds what the code itself says of it.
        """
        with self._lock:
            return self._turn(completed)

    def whole(self) -> _Account:
        """Return what has been tried since the first cell began, up to now; ``complete`` is whether that is all."""
        with self._lock:
            whole = {**self._whole, "complete": not self._lost}
            if not self._began or self._watcher.closed:
                return whole
            live = self._watcher.tell()
            if live is None:
                return {**whole, "complete": False}
            return together(whole, live, self._since - self._began)

    def _turn(self, completed: Callable[[_Account], _Account] = dict) -> _Account | None:
        since, self._since = self._since, time.monotonic()
        account = self._watcher.turn()
        self._lost |= account is None
        if account is not None:
            account = completed(account)
            self._whole = together(self._whole, account, since - self._began)
        return account


def together(whole: _Account, account: _Account, after_seconds: float) -> _Account:
    """Return one account of two; the times of the second are moved. No more rows than an account has."""
    rows = {(row["kind"], row["target"]): dict(row) for row in whole["rows"]}
    more = whole["more"] + account["more"]
    for row in account["rows"]:
        key = row["kind"], row["target"]
        if key not in rows and len(rows) >= MOST_ROWS:
            more += row["count"]
            continue
        old = rows.get(key, {"first": row["first"] + after_seconds, "count": 0, "writes": False})
        rows[key] = {
            **row,
            "first": old["first"],
            "last": row["last"] + after_seconds,
            "count": old["count"] + row["count"],
            "line": None,  # of which cell?
            "writes": old.get("writes", False) or row.get("writes", False),
        }
    return {**whole, "rows": list(rows.values()), "ordinary": whole["ordinary"] + account["ordinary"], "more": more}


def _nothing() -> _Account:
    return {"rows": [], "ordinary": 0, "more": 0}
