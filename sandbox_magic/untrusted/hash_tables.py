"""How many slots of its table CPython probes to make a dict or a set of given hashes, found without making it.

Where the keys are whole numbers their hashes can be chosen, and with them the slots that are probed
(Objects/dictobject.c and Objects/setobject.c, the same from CPython 3.6 to 3.14): a million keys in one *probe
sequence* take hours, in one call that nothing interrupts. No two of the hashes need to be equal for that.

Each key goes to the first place of its own sequence that no earlier key has taken. That is the stable matching between
keys and places in which every place prefers the earlier key; so it is found for all keys at once, in rounds: each key
that has no place asks for the next one of its sequence, and a place keeps the earliest that asks. In whatever order
they ask, a key asks for just the slots that CPython would probe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from sandbox_magic.safe_import import importing

with importing():
    import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Hashes: TypeAlias = np.typing.NDArray[np.uint64]
    Numbers: TypeAlias = np.typing.NDArray[np.int64]

_SHIFT = 5  # PERTURB_SHIFT
_LINEAR = 9  # LINEAR_PROBES of a set: places behind the first that are looked at before it jumps
_LARGE_SET = 50_000  # keys, beyond which a set grows to twice as many and no more to four times
_MANY = 50  # keys for which a step with NumPy is quicker than one by one
_CHECK_EVERY = 10_000  # steps one by one


class TooManyProbes(Exception):  # noqa: N818 - a finding
    """The keys were chosen to collide."""


def probes(hashes: Sequence[int], kind: type, *, most: int, check: Callable[[], None]) -> int:
    """Return how many slots are probed while a dict or a set grows to these keys, and once more when it grows on.

    Args:
        hashes: Of the keys, in their order.
        kind: ``dict`` or ``set``; a frozenset is made as a set is.
        most: The most places.
        check: Called now and then; raises if the time is over.

    Raises:
        TooManyProbes: It would be more.
    """
    table = Table(hashes, kind, check)
    order = np.arange(0)
    bits, total, done = 3, 0, 0
    while done < len(hashes):
        done = min(len(hashes), capacity(kind, bits))
        order = np.concatenate([order, np.arange(len(order), done)])
        found, places = table.fill(order, bits, most - total)
        total += found
        if kind is set:  # which grows in the order of its places, where a dict remembers that of its keys
            order = order[np.argsort(places)]
        bits = next_bits(kind, bits, done)
    return total + table.fill(order, bits, most - total)[0]


def capacity(kind: type, bits: int) -> int:
    """Return how many keys a table of ``2**bits`` places takes before it grows."""
    if kind is dict:
        return (2 << bits) // 3
    return -(-3 * ((1 << bits) - 1) // 5)


def next_bits(kind: type, bits: int, used: int) -> int:
    """Return the size, as above, to which a table grows that has taken as many keys as it can."""
    if kind is dict:
        return bits + 1
    return (used * (2 if used > _LARGE_SET else 4)).bit_length()


class Table:
    """The table of a dict or a set, of any size.

    Args:
        hashes: Of the keys, in their order.
        kind: As above.
        check: As above.
    """

    def __init__(self, hashes: Sequence[int], kind: type, check: Callable[[], None]) -> None:
        self._hashes: Hashes = np.array(hashes, np.int64).view(np.uint64)
        self._linear = _LINEAR if kind is set else 0
        self._check = check

    def fill(self, order: Numbers, bits: int, most: int) -> tuple[int, Numbers]:
        """Return the slots that are probed to put keys into an empty table, and the slot of each key in the end.

        Args:
            order: The keys, as indexes into the hashes.
            bits: The table has ``2**bits`` places.
            most: The most places.
        """
        mask = (1 << bits) - 1
        perturb = self._hashes[order]
        base = (perturb & np.uint64(mask)).astype(np.int64)
        ahead = np.zeros(len(order), np.int64)
        owner = np.full(1 << bits, len(order), np.int64)  # len(order): nobody
        asking = np.arange(len(order))
        total = 0
        while len(asking):
            self._check()
            total += len(asking)
            if total > most:
                raise TooManyProbes
            if len(asking) < _MANY:
                return total + self._finish(asking, owner, base, ahead, perturb, most - total), base + ahead
            place = base[asking] + ahead[asking]
            before = owner[place]
            np.minimum.at(owner, place, asking)
            kept = owner[place]
            sent_away = np.unique(before[(kept != before) & (before != len(order))])
            asking = np.concatenate([asking[kept != asking], sent_away])
            self._advance(base, ahead, perturb, asking, mask)
        return total, base + ahead

    def _advance(self, base: Numbers, ahead: Numbers, perturb: Hashes, asking: Numbers, mask: int) -> None:
        """Move these keys to the next place of their sequence."""
        near = (ahead[asking] < self._linear) & (base[asking] + self._linear <= mask)
        ahead[asking[near]] += 1
        far = asking[~near]
        perturb[far] >>= np.uint64(_SHIFT)
        ahead[far] = 0
        jump = base[far].astype(np.uint64) * np.uint64(5) + perturb[far] + np.uint64(1)
        base[far] = (jump & np.uint64(mask)).astype(np.int64)

    def _finish(  # noqa: PLR0913, PLR0917 - the state of the rounds
        self, asking: Numbers, owner: Numbers, base: Numbers, ahead: Numbers, perturb: Hashes, most: int
    ) -> int:
        """Do the same for the last few keys, one by one; return the places beyond the first of each."""
        mask, total = len(owner) - 1, 0
        for key in asking.tolist():
            at, step, left = int(base[key]), int(ahead[key]), int(perturb[key])
            while (other := int(owner[at + step])) != len(base):
                if key < other:  # go on with the one that has to leave
                    owner[at + step] = key
                    base[key], ahead[key], perturb[key] = at, step, left
                    key, at, step, left = other, int(base[other]), int(ahead[other]), int(perturb[other])  # noqa: PLW2901
                if step < self._linear and at + self._linear <= mask:
                    step += 1
                else:
                    left, step = left >> _SHIFT, 0
                    at = (at * 5 + left + 1) & mask
                total += 1
                if total > most:
                    raise TooManyProbes
                if not total % _CHECK_EVERY:
                    self._check()
            owner[at + step] = key
            base[key], ahead[key] = at, step
        return total
