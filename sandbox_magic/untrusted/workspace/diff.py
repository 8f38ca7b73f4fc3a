"""What changed in the files, line by line: a unified diff of text, anything else as sizes.

The code wrote one side of each comparison, and lines can be chosen that take any algorithm long. So what is compared
is bounded: the size of a file, the work for all of them, what is shown of it.
"""

from __future__ import annotations

import html
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from sandbox_magic.model.units import size as in_words
from sandbox_magic.untrusted.workspace import file_names, openat

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sandbox_magic.untrusted.workspace.change import Change
    from sandbox_magic.untrusted.workspace.snapshot import Snapshot

    Operation = tuple[str, int, int, int, int]  # as difflib has them: what, a's lines from, to, b's lines from, to

MOST_BYTES = 2**20  # of a file that is compared by lines
MOST_WORK = 20_000_000  # steps of the comparison, of all files together: some seconds
MOST_LINES = 2000
_MOST_CHARACTERS = 500  # of a line
_CONTEXT = 3  # lines around a change, as diff(1) shows
_NO_NEWLINE = "\\ No newline at end of file"
_COLOURS = {"+": "rgba(46, 160, 67, .25)", "-": "rgba(248, 81, 73, .25)", "@": "rgba(56, 139, 253, .2)"}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Diff:
    """What changed in the files; ``print`` shows it as text, a notebook with colours.

    Attributes:
        lines: Of a unified diff, made safe to show: what can't be seen is written out.
        rest: A sentence about what is not shown, because there is so much; empty if all is.
    """

    lines: tuple[str, ...] = ()
    rest: str = ""

    def __repr__(self) -> str:
        """Return it as text."""
        return "\n".join(self._all) or "<Diff: no changes>"

    @property
    def _all(self) -> list[str]:
        return [*self.lines, *filter(None, [self.rest])]

    def _repr_html_(self) -> str:
        """Return it with colours."""
        lines = self._all or ["no changes"]
        shown = "".join(_coloured(line, head=_is_head(lines, number)) for number, line in enumerate(lines))
        return f'<pre style="margin: 0; line-height: 1.35; overflow-x: auto">{shown}</pre>'


def _is_head(lines: Sequence[str], number: int) -> bool:
    """Return whether a line names a file: two do, and a hunk follows. Before another hunk stand lines of context."""
    for start in (number - 1, number):
        signs = [line[:4] for line in lines[max(start, 0) : start + 3]]
        if signs == ["--- ", "+++ ", "@@ -"]:
            return True
    return False


def _coloured(line: str, *, head: bool) -> str:
    colour = "" if head else _COLOURS.get(line[:1], "")
    style = "font-weight: bold" if head else f"background: {colour}" if colour else ""
    text = html.escape(line) or " "
    return f'<div style="{style}">{text}</div>' if style else f"<div>{text}</div>"


def diff(changes: Iterable[Change], before: Snapshot | None) -> Diff:
    """Return what changed in the files.

    Args:
        changes: What changed.
        before: What the original directory held when the run began; None where nothing is known of it.
    """
    lines: list[str] = []
    work = MOST_WORK
    left = list(changes)
    while left and len(lines) < MOST_LINES:
        comparison = _Comparison(left.pop(0), before)
        lines += comparison.lines(work)
        work -= comparison.work
    more = [f"{len(lines) - MOST_LINES:,} more lines"] if len(lines) > MOST_LINES else []
    more += [f"{len(left):,} more file{'s' * (len(left) > 1)}"] if left else []
    rest = f"... and {' and '.join(more)}; diff(NAME) shows one file" if more else ""
    return Diff(lines=tuple(map(_shown, lines[:MOST_LINES])), rest=rest)


def _shown(line: str) -> str:
    text = "".join(map(_visible, line[:_MOST_CHARACTERS]))
    return f"{text}…" if len(line) > _MOST_CHARACTERS else text


def _visible(character: str) -> str:
    if character == "\t" or character.isprintable():
        return character
    return character.encode("unicode_escape").decode()


class _Comparison:
    """One file before and after.

    Attributes:
        work: What the comparison of its lines took, in steps.
    """

    def __init__(self, change: Change, before: Snapshot | None) -> None:
        self._change = change
        self._name = file_names.shown(change.path)
        self._size_before = before.summaries[change.path][1] if before and change.path in before.summaries else None
        self._before = before
        self.work = 0

    def lines(self, most_work: int) -> list[str]:
        """Return its part of the diff: its lines, or a sentence about it."""
        change = self._change
        if change.type != "file" or change.refused:
            to = f" to {file_names.shown(change.target)}" if change.target else ""
            return [self._in_words(change.refused or f"{change.type}{to}")]
        old = b"" if change.kind == "added" else self._old()
        if old is None:
            return [self._in_words(f"{self._sizes()}; what it held before is not known any more, or is too much")]
        return self._compared(old, change.data or b"", most_work)

    def _compared(self, old: bytes, new: bytes, most_work: int) -> list[str]:
        a, b = _text(old), _text(new)
        if a is None or b is None:
            return [self._in_words(self._sizes())]
        if old == new:
            runs = "executable" if self._change.executable else "no longer executable"
            return [self._in_words(runs if old else "empty")]
        kind = self._change.kind
        head = ["--- " + ("/dev/null" if kind == "added" else f"a/{self._name}")]
        head += ["+++ " + ("/dev/null" if kind == "removed" else f"b/{self._name}")]
        return [*head, *_hunks(a, b, self._operations(a, b, most_work))]

    def _in_words(self, what: str) -> str:
        return f"{self._name}: {self._change.kind}: {what}"

    def _sizes(self) -> str:
        after = "" if self._change.kind == "removed" else in_words(self._change.size)
        before = "" if self._size_before is None else in_words(self._size_before)
        return " -> ".join(filter(None, (before, after))) or "a file"

    def _old(self) -> bytes | None:
        """Return what the original held; None if it is too much, or is not what it was any more."""
        if self._before is None or (self._size_before or 0) > MOST_BYTES or not self._before.path:
            return None
        try:
            with openat.directory(self._before.path) as root:
                found = openat.read(root, self._change.path, MOST_BYTES)
        except OSError:
            return None
        if found is None or found[1] != self._before.states.get(self._change.path):
            return None
        return found[0]

    def _operations(self, a: Sequence[str], b: Sequence[str], most_work: int) -> list[Operation]:
        """Return what turns one list of lines into the other; where it would take too long, all in one."""
        start = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
        most = min(len(a), len(b)) - start
        same = next((n for n in range(most) if a[-1 - n] != b[-1 - n]), most)
        ends = len(a) - same, len(b) - same
        left, right = a[start : ends[0]], b[start : ends[1]]
        counts = Counter(right)
        self.work = len(left) + len(right) + min(len(left), len(right)) * sum(counts[line] for line in left)
        if not left or not right or self.work > most_work:
            self.work = min(self.work, len(left) + len(right))
            middle = [("replace", 0, len(left), 0, len(right))]
        else:
            middle = SequenceMatcher(None, left, right, autojunk=False).get_opcodes()  # type: ignore[assignment] # words
        moved = [(what, i + start, j + start, k + start, m + start) for what, i, j, k, m in middle]
        return [("equal", 0, start, 0, start), *moved, ("equal", ends[0], len(a), ends[1], len(b))]


def _text(data: bytes) -> list[str] | None:
    """Return the lines of a text, each with its newline; None if it is none, or too much."""
    if len(data) > MOST_BYTES or b"\0" in data:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    lines = [f"{line}\n" for line in text.split("\n")]
    return [*lines[:-1], *([lines[-1][:-1]] if lines[-1] != "\n" else [])]


class _Given(SequenceMatcher[str]):
    """One that has been told what the operations are, and groups them."""

    def __init__(self, operations: list[Operation]) -> None:
        super().__init__()
        self._given = operations

    def get_opcodes(self) -> list[Operation]:  # type: ignore[override] # words
        """Return them."""
        return self._given


def _hunks(a: Sequence[str], b: Sequence[str], operations: list[Operation]) -> Iterator[str]:
    known = [each for each in operations if each[1] < each[2] or each[3] < each[4]]
    for group in _Given(known).get_grouped_opcodes(_CONTEXT):
        yield f"@@ -{_range(group[0][1], group[-1][2])} +{_range(group[0][3], group[-1][4])} @@"
        for what, i, j, k, m in group:
            if what == "equal":
                yield from _signed(" ", a[i:j])
            else:
                yield from _signed("-", a[i:j])
                yield from _signed("+", b[k:m])


def _range(start: int, end: int) -> str:
    """Return lines as diff(1) writes them: the first, and how many, which is left out where it is one."""
    count = end - start
    return f"{start + bool(count)}" if count == 1 else f"{start + bool(count)},{count}"


def _signed(sign: str, lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield sign + line.removesuffix("\n")
        if not line.endswith("\n"):
            yield _NO_NEWLINE
