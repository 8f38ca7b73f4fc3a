"""A value as text: bounded, and plain containers one item a line where they are long."""

from __future__ import annotations

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any

MOST_CHARACTERS = 200_000
MOST_ITEMS = 1000  # of one container, as IPython shows
_WIDTH = 79
_DEEPEST = 20

_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
    dict: ("{", "}"),
}


def text(value: object) -> str:
    """Return what ``repr`` returns, cut where it is too long.

    A container of plain types is never written as a whole first: of ten million items a thousand are.
    """
    return _cut(_written(value, 0, (), [MOST_CHARACTERS]))


def _cut(written: str) -> str:
    return written if len(written) <= MOST_CHARACTERS else written[:MOST_CHARACTERS] + "…"


def _written(value: Any, indent: int, above: tuple[int, ...], room: list[int]) -> str:
    kind = type(value)
    if kind not in _BRACKETS or not value or len(above) >= _DEEPEST:
        written = repr(value[:MOST_CHARACTERS] if kind in (str, bytes) else value)
        room[0] -= len(written)
        return written
    opening, closing = _BRACKETS[kind]
    if id(value) in above:
        return opening + "..." + closing
    inner = indent + len(opening)
    items: list[str] = []
    for item in _items(value):
        if len(items) == MOST_ITEMS or room[0] <= 0:
            items.append("...")
            break
        items.append(_item(value, item, inner, (*above, id(value)), room))
    if kind is tuple and len(items) == 1:
        closing = ",)"
    if sum(map(len, items)) + 2 * len(items) + indent <= _WIDTH and not any("\n" in item for item in items):
        return opening + ", ".join(items) + closing
    return opening + (",\n" + " " * inner).join(items) + closing


def _items(value: Any) -> Any:
    """Return its items; a set's in order where they have one."""
    if type(value) in (set, frozenset) and len(value) <= MOST_ITEMS:
        try:
            return sorted(value)
        except Exception:  # noqa: BLE001 - they have none
            return value
    return value


def _item(container: Any, item: object, indent: int, above: tuple[int, ...], room: list[int]) -> str:
    if type(container) is not dict:
        return _written(item, indent, above, room)
    key = _written(item, indent, above, room)
    last = len(key) - key.rfind("\n") - 1
    return key + ": " + _written(container[item], indent + last + 2, above, room)
