"""Standard output in a flood of lines: whole lines go out, where before each piece did."""

from __future__ import annotations

import itertools
import sys
import time

_LINES = 1000  # after which it is looked whether they are a flood
_QUICK_SECONDS = 0.05  # for these: then they are


def expect() -> None:
    """Look after each thousand lines how quickly they came, and from a flood on write whole lines.

    Until then each piece that print() has goes out by itself, a line's end too, so that it is seen at once. For the
    lines between two looks nothing but C code runs: the text layer flushes what is below it at the end of each line,
    and next() of a chain is as good as flush().
    """
    text = sys.stdout
    below = vars(text.buffer)
    since = time.monotonic()

    def look(_: None) -> None:
        nonlocal since
        del below["flush"]
        began, since = since, time.monotonic()
        if since - began > _QUICK_SECONDS:
            again()
            return
        try:
            text.reconfigure(write_through=False)  # type: ignore[union-attr] # it is the one that Python made
        except (OSError, ValueError):  # the cell took it apart, or closed it
            return

    def again() -> None:
        below["flush"] = itertools.chain(itertools.repeat(None, _LINES), map(look, itertools.repeat(None))).__next__

    text.reconfigure(line_buffering=True)  # type: ignore[union-attr] # as above
    again()
