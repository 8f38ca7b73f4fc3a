"""Text that untrusted code wrote: decoded, capped, and unable to drive a terminal."""

from __future__ import annotations

import codecs
import functools
import re

_HELD_BACK = 4096  # an escape sequence longer than this is no escape sequence

# A control character from U+0080 on takes nothing with it: no front end that shows UTF-8 has to read one, and in text
# that was once decoded wrongly (a curly quote is three characters then) they stand around words.
#
# Each begins with one character of a class, which the engine looks for ten times as fast as for several
# beginnings. No string runs over the start of another: so each place is looked at a bounded number of times,
# however many starts without an end there are.
_ESCAPE = re.compile(
    r"""
    [\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f] (?:           # a control character; tab, newline, return stay
      (?<=\x1b)\[ (?:
        (?P<sgr> [0-9;:]* m )                                # colours and weights
      | [0-?]* [\ -/]* [@-~]                                 # any other control sequence
      )
    | (?<=\x1b)[\]PX^_] [^\x07\x1b\x9c]* (?: \x07 | \x1b\\ | \x9c )    # strings: OSC, DCS
    | (?<=\x1b) [\ -/]* [0-Z\\`-~]                          # two and three character sequences
    | )                                                      # it alone
    """,
    re.VERBOSE,
)
_UNFINISHED = re.compile(
    r"""
    \x1b (?:
      \[ [0-?]* [\ -/]*
    | [\]PX^_] [^\x07\x1b\x9c]* \x1b?
    | [\ -/]*
    ) \Z
    """,
    re.VERBOSE,
)


def clean(text: str) -> str:
    """Return the text without terminal controls, except colours, tabs, newlines and carriage returns."""
    return _ESCAPE.sub(_without_control, text)


def _without_control(match: re.Match[str]) -> str:
    return _colours(match["sgr"]) if match["sgr"] and len(match["sgr"]) <= _LONGEST else ""


# Besides what Python calls unprintable (formats, private): fillers, variation selectors, blank Braille.
INVISIBLE = re.compile(
    "[\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u2069\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e01ef]"
)
# Of combining marks in a row those after the third, which would pile up over the lines around.
PILED = re.compile(
    "(?<=[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3})"
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)


def _visible(sign: str) -> str:
    return sign if sign.isprintable() and not INVISIBLE.match(sign) else f"\\u{ord(sign):04x}"


def label(text: str, most: int) -> str:
    """Return untrusted text for one line of a message: without controls, the invisible made visible, bounded."""
    bare = _ESCAPE.sub("", " ".join(text.split()))[:most]
    return PILED.sub("", "".join(map(_visible, bare)))


_COLOURS = {38, 48, 58}  # of the text, of what is behind it, of its underline; numbers follow
_SHADES = {5: 1, 2: 3}  # how many of them behind a colour's kind: an index; red, green and blue
_NOT_ALONE = {8, *_COLOURS, None}  # "conceal", and what takes the next code for a number of its own
_STYLES = 5  # of underlines
_NUMBERS = {"": 0} | {str(number): number for number in range(1, 256)}
_LONGEST = 256  # of the sequences worth reading: all colours and weights at once take a quarter of it


@functools.lru_cache(maxsize=1024)  # a program has few of them, and writes them again and again
def _colours(sequence: str) -> str:
    """Return the SGR sequence of these parameters, up to its ``m``, without "conceal" (8), which would hide text.

    Terminals differ in how they read what they don't know: they skip one number, or all up to the next semicolon; take
    colons for semicolons; look only at what is before a colon (VTE); don't know 58 (xterm); count in 8 or 16 bits.
    None of them may find an 8. Text can still have the colour of its background.
    """
    kept, parameters = [], iter(sequence[:-1].split(";"))
    for code in parameters:
        group, separator = code.split(":"), ":"
        if _number(code) in _COLOURS:
            kind = next(parameters, "")
            shades = [next(parameters, "0") for _ in range(_SHADES.get(_number(kind) or 0, 0))]
            group, separator = [code, kind, *shades], ";"
        if _hides_nothing(*map(_number, group)):
            kept.append(separator.join(group))
    return f"\x1b[{';'.join(kept)}m" if kept else ""


def _number(digits: str) -> int | None:
    """Return the number; None if it is none, or so large that a terminal may wrap it round to another."""
    return _NUMBERS.get(digits.lstrip("0"))


def _hides_nothing(code: int | None, *below: int | None) -> bool:
    """Return whether every terminal understands a code with the numbers below it, or makes nothing of it that hides."""
    match code, *below:
        case [_]:
            return code not in _NOT_ALONE
        case [4, int(style)]:
            return style <= _STYLES
        case [58, _, *shades] if not _NOT_ALONE.isdisjoint(shades):
            return False
        case [38 | 48 | 58, 2, _, _, _, blue]:  # behind a colour space, so with semicolons it is a number too many
            return None not in below and blue not in _NOT_ALONE
        case [38 | 48 | 58, int(kind), *shades]:
            return None not in shades and len(shades) == _SHADES.get(kind)
    return False


_CONTROLS = bytes([*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F])
_C1 = b"\xc2"  # in UTF-8 each of them begins so, and some others do


def _is_plain(data: bytes) -> bool:
    """Return whether there is nothing to clean in it: known five times as fast, and so with most output."""
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
        self.plain: bool = True

    def feed(self, data: bytes, *, last: bool = False) -> str:
        """Take the next bytes; return the text that is complete now (with ``last``, all of it)."""
        if not self._held and not self._decoder.getstate()[0] and _is_plain(data):
            return self._decoder.decode(data, last)
        self.plain = False
        text = self._held + self._decoder.decode(data, last)
        self._held = ""
        if not last and (match := _UNFINISHED.search(text, max(0, len(text) - _HELD_BACK))):
            text, self._held = text[: match.start()], text[match.start() :]
        return clean(text)


class HeadTail:
    """Keeps the head and the tail of a stream of bytes, and counts what fell between.

    Args:
        most: The most bytes to keep, half of them the head.
    """

    def __init__(self, most: int) -> None:
        self._head_room = most - most // 2
        self._tail_room = most // 2
        self._head = bytearray()
        self._tail = bytearray()
        self.total: int = 0

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
        """Return up to ``most`` of the newest bytes that are not in the head."""
        most = min(most, self._tail_room)
        return bytes(self._tail[-most:]) if most else b""

    @property
    def text(self) -> str:
        """What was kept, decoded and cleaned, with an inserted line where something is missing."""
        if not self.dropped:
            return Cleaner().feed(self.data, last=True)
        head = Cleaner().feed(bytes(self._head), last=False)
        tail = self.tail(self._tail_room)
        start = next((n for n, byte in enumerate(tail[:3]) if byte & 0xC0 != 0x80), 3)  # noqa: PLR2004 - not inside a character
        return f"{head}\n{dropped_line(self.dropped)}\n{Cleaner().feed(tail[start:], last=True)}"


def dropped_line(count: int) -> str:
    """Return the line that is shown in place of dropped output."""
    return f"[sandbox: {count:,} bytes of output dropped here]"
