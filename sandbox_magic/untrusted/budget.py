"""What the variables of one run may take to put together, all of them: time, and work that no clock could interrupt."""

from __future__ import annotations

import sys
import time
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from sandbox_magic.guest.codec import base

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SECONDS = 5.0  # 64 MiB of honest variables take a tenth of that
_MOST_PROBES = 30_000_000  # random keys take five each, a set of numbers with a common factor two hundred
_FEW_KEYS = 256  # that nobody can choose so badly that it would matter
_MOST_COMPARED = 50_000_000  # items of keys with equal hashes, about a second
_MOST_ROWS = 20_000_000  # that no data bounds: nulls, ranges; eight bytes each once they are written out
_MOST_STEPS = 10_000  # rows of indexes with a frequency that is no fixed length of time: 0.3 ms each


class Budget(base.Budget):
    """One allowance for all variables of a run, which the decoder asks while it decodes.

    Args:
        stopped: Returns whether the decoding is to end.
    """

    def __init__(self, stopped: Callable[[], bool] = lambda: False) -> None:
        self._stopped = stopped
        self._end = time.monotonic() + SECONDS
        self._probes = _MOST_PROBES
        self._compared = _MOST_COMPARED
        self._rows = _MOST_ROWS
        self._steps = _MOST_STEPS

    def check(self) -> None:
        """Raise `DecodeError` if the time is over, or the decoding is to end."""
        if self._stopped():
            msg = "reading it was interrupted"
            raise base.DecodeError(msg)
        if time.monotonic() > self._end:
            msg = f"reading all variables takes longer than {SECONDS:g} s"
            raise base.DecodeError(msg)

    def check_keys(self, keys: Sequence[object], kind: type) -> None:
        """Raise `parts.DecodeError` if these keys were chosen to make a dict or a set slow."""
        if sys.flags.hash_randomization and set(map(type, keys)) <= {str, bytes}:
            return  # nobody outside of this process can choose their hashes
        hashes = list(map(hash, keys))
        together = sorted(hashes)  # never in a dict or a set themselves
        if any(map(int.__eq__, together, together[1:])):  # -1 and -2 share theirs, so tuples of them do
            self._compare(sorted(zip(hashes, map(_size, keys), strict=True)))
        if self._compared >= 0 and len(keys) > _FEW_KEYS:
            self._count_probes(hashes, kind)
        if min(self._compared, self._probes) < 0:
            msg = "it holds keys that were made to collide"
            raise base.DecodeError(msg)

    def _compare(self, sizes: list[tuple[int, int]]) -> None:
        """Pay for comparing each key with all others of its hash."""
        for _, alike in groupby(sizes, itemgetter(0)):
            of_each = [size for _, size in alike]
            self._compared -= (len(of_each) - 1) * sum(of_each)

    def _count_probes(self, hashes: list[int], kind: type) -> None:
        from sandbox_magic.untrusted.hash_tables import TooManyProbes, probes  # imports NumPy

        try:
            self._probes -= probes(hashes, kind, most=self._probes, check=self.check)
        except TooManyProbes:
            self._probes = -1

    def claim_rows(self, count: int) -> None:
        """Raise `parts.DecodeError` if so many more rows, which no data bounds, are too many."""
        self._rows -= count
        if self._rows < 0:
            msg = "it claims many rows and has no data for them"
            raise base.DecodeError(msg)

    def allows_steps(self, count: int) -> bool:
        """Return whether so many more rows may be stepped through one by one."""
        self._steps -= count
        return self._steps >= 0


def _size(key: object) -> int:
    """Return how many items are compared to compare a key with an equal one."""
    if isinstance(key, (tuple, frozenset)):
        return 1 + sum(map(_size, key))
    return 1 + len(key) // 64 if isinstance(key, (str, bytes)) else 1
