"""Text that untrusted code wrote: decoded, capped, and unable to drive a terminal."""

from __future__ import annotations

import codecs
import re

_HELD_BACK = 4096  # an escape sequence longer than this is no escape sequence

# Each begins with one character of a class, which the engine looks for ten times as fast as for several
# beginnings. No string runs over the start of another: so each place is looked at a bounded number of times,
# however many starts without an end there are.
_ESCAPE = re.compile(
    r"""
    [\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f] (?:           # a control character; tab, newline, return stay
      (?: (?<=\x1b)\[ | (?<=\x9b) ) (?:
        (?P<sgr> [0-9;:]* m )                                # colours and weights
      | [0-?]* [\ -/]* [@-~]                                 # any other control sequence
      )
    | (?: (?<=\x1b)[\]PX^_] | (?<=[\x90\x98\x9d-\x9f]) )    # strings: OSC, DCS
      [^\x07\x1b\x90\x98\x9c-\x9f]* (?: \x07 | \x1b\\ | \x9c )
    | (?<=\x1b) [\ -/]* [0-Z\\`-~]                          # two and three character sequences
    | )                                                      # it alone
    """,
    re.VERBOSE,
)
_UNFINISHED = re.compile(
    r"""
    [\x1b\x90\x98\x9b\x9d-\x9f] (?:
      (?: (?<=\x1b)\[ | (?<=\x9b) ) [0-?]* [\ -/]*
    | (?: (?<=\x1b)[\]PX^_] | (?<=[\x90\x98\x9d-\x9f]) ) [^\x07\x1b\x90\x98\x9c-\x9f]* \x1b?
    | (?<=\x1b) [\ -/]*
    ) \Z
    """,
    re.VERBOSE,
)


def clean(text: str) -> str:
    """Give the text without terminal controls, except colours, tabs, newlines and carriage returns."""
    return _ESCAPE.sub(lambda match: _colours(match["sgr"]) if match["sgr"] else "", text)


# Besides what Python calls unprintable (formats, private): fillers, variation selectors, blank Braille.
_INVISIBLE = re.compile(
    "[\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u2069\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e01ef]"
)
# Of combining marks in a row those after the third, which would pile up over the lines around.
_PILED = re.compile(
    "(?<=[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3})"
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)


def _visible(sign: str) -> str:
    return sign if sign.isprintable() and not _INVISIBLE.match(sign) else f"\\u{ord(sign):04x}"


def label(text: str, most: int) -> str:
    """Give text of the code's for a line of ours: no controls, one line, what is invisible made visible, bounded."""
    bare = _ESCAPE.sub("", " ".join(text.split()))[:most]
    return _PILED.sub("", "".join(map(_visible, bare)))


_COLOUR_NUMBERS = {"5": 1, "2": 3}  # an index; red, green and blue


def _colours(sequence: str) -> str:
    """Give the SGR sequence of these parameters, up to its ``m``, without "conceal" (8), which would hide text."""
    kept, parameters = [], iter(sequence[:-1].split(";"))
    for code in parameters:
        if code in ("38", "48", "58"):  # a colour follows: 5;N or 2;R;G;B
            kind = next(parameters, "")
            if kind not in _COLOUR_NUMBERS:  # terminals differ in what they skip
                break
            kept += [code, kind, *(next(parameters, "0") for _ in range(_COLOUR_NUMBERS[kind]))]
        elif code.lstrip("0") != "8":
            kept.append(code)
    return f"\x1b[{';'.join(kept)}m" if kept else ""


_CONTROLS = bytes([*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F])
_C1 = b"\xc2"  # in UTF-8 each of them begins so, and some others do


def _is_plain(data: bytes) -> bool:
    """Tell whether there is nothing to clean in it: known five times as fast, and so with most output."""
    return len(data.translate(None, _CONTROLS)) == len(data) and _C1 not in data


class Cleaner:
    """Decodes and cleans a stream of bytes as it arrives.

    A character or an escape sequence that is cut by the end of a piece waits for the next piece.

    Attributes:
        plain: Whether there was nothing to clean so far.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self.plain = True

    def feed(self, data: bytes, *, last: bool = False) -> str:
        """Take the next bytes; give the text that is complete now (with ``last``, all of it)."""
        if not self._held and not self._decoder.getstate()[0] and _is_plain(data):
            return self._decoder.decode(data, last)
        self.plain = False
        text = self._held + self._decoder.decode(data, last)
        self._held = ""
        if not last and (match := _UNFINISHED.search(text, max(0, len(text) - _HELD_BACK))):
            text, self._held = text[: match.start()], text[match.start() :]
        return clean(text)


class Kept:
    """Keeps the head and the tail of a stream of bytes, and counts what fell between.

    Args:
        most: The most bytes to keep, half of them the head.
    """

    def __init__(self, most: int) -> None:
        self._head_room = most - most // 2
        self._tail_room = most // 2
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self.total += len(data)
        room = self._head_room - len(self._head)
        self._head += data[:room]
        self._tail += data[room:] if room > 0 else data
        if len(self._tail) > 2 * self._tail_room:  # trimmed seldom: each trim copies
            del self._tail[: len(self._tail) - self._tail_room]

    @property
    def dropped(self) -> int:
        """How many bytes were not kept."""
        return max(0, self.total - self._head_room - self._tail_room)

    @property
    def data(self) -> bytes:
        """The bytes kept."""
        return b"".join((self._head, self.tail(self._tail_room)))

    def tail(self, most: int) -> bytes:
        """Give up to ``most`` of the newest bytes that are not in the head."""
        most = min(most, self._tail_room)
        return bytes(self._tail[-most:]) if most else b""

    @property
    def text(self) -> str:
        """What was kept, decoded and cleaned, with a line of ours where something is missing."""
        if not self.dropped:
            return Cleaner().feed(self.data, last=True)
        head = Cleaner().feed(bytes(self._head), last=False)
        tail = self.tail(self._tail_room)
        start = next((n for n, byte in enumerate(tail[:3]) if byte & 0xC0 != 0x80), 3)  # noqa: PLR2004 - not inside a character
        return f"{head}\n{dropped_line(self.dropped)}\n{Cleaner().feed(tail[start:], last=True)}"


def dropped_line(count: int) -> str:
    """Give the line that stands for dropped output."""
    return f"[sandbox: {count:,} bytes of output dropped here]"
