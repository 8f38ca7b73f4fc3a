"""The exit status of the command line: how a run ended, as a shell can read it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from sandbox_magic.model.outcome import ENDINGS, Outcome

if TYPE_CHECKING:
    from sandbox_magic.model.result import Result

CELL_FAILED = 1
USAGE = 2
REFUSED = 125
INTERRUPTED = 128 + signal.SIGINT
READER_GONE = 128 + signal.SIGPIPE

_OWN = {
    USAGE: "the command line makes no sense or names no usable file; nothing was run",
    REFUSED: "no sandbox could be started, so nothing was run; or a file could not be written",
    READER_GONE: "whoever read the output has gone",
}
MEANINGS = _OWN | {row.exit_status: row.exit_words for row in ENDINGS.values() if row.exit_status}
"""What each exit status means that is not the script's own."""

HELP = "\n".join(
    (
        "The exit status is the script's own if it ended by itself, and otherwise:",
        *(f"  {number:>3}  {words}" for number, words in sorted(MEANINGS.items())),
        "  128+N  ended by signal N",
        "A script may exit with any of these itself; what --save-usage writes tells them apart.",
    )
)


def status(result: Result) -> int:
    """Return the exit status for a run."""
    if result.outcome is Outcome.SIGNALLED:
        return 128 + (result.signal or signal.SIGKILL)
    number = ENDINGS[result.outcome].exit_status
    return (result.exit_code or 1) if number is None else number
