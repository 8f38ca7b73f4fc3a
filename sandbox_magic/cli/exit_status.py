"""The exit status of the command line: how a run ended, as a shell can read it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from sandbox_magic.model.result import Outcome

if TYPE_CHECKING:
    from sandbox_magic.model.result import Result

USAGE = 2
"""The command line makes no sense, or names a file that can't be used; nothing was run."""
REFUSED = 125
"""The command itself failed: no sandbox could be started, or a file could not be written."""
INTERRUPTED = 128 + signal.SIGINT
READER_GONE = 128 + signal.SIGPIPE

_OF_OUTCOME = {
    Outcome.COMPLETED: 0,
    Outcome.WALL_TIME: 124,  # as timeout(1)
    Outcome.CPU_TIME: 128 + signal.SIGXCPU,  # as the kernel's own limit would end it
    Outcome.OUT_OF_MEMORY: 128 + signal.SIGKILL,  # as the kernel, Docker and Kubernetes show it
    Outcome.OUTPUT_LIMIT: 128 + signal.SIGXFSZ,  # "file size limit exceeded", the nearest there is
    Outcome.INTERRUPTED: INTERRUPTED,
}

HELP = (
    "The exit status is the script's own if it ended by itself, and otherwise:\n"
    "    2  the command line makes no sense or names no usable file; nothing was run\n"
    "  124  stopped at the time limit (as timeout(1))\n"
    "  125  no sandbox could be started, so nothing was run; or a file could not be written\n"
    "  130  stopped by Ctrl-C\n"
    "  137  out of memory, or the code destroyed its own sandbox\n"
    "  141  whoever read the output has gone\n"
    "  152  stopped at the CPU time limit\n"
    "  153  stopped at the output limit\n"
    "  128+N  ended by signal N\n"
    "A script may exit with any of these itself; what --save-usage writes tells them apart."
)


def status(result: Result) -> int:
    """Give the exit status for a run."""
    match result.outcome:
        case Outcome.FAILED:
            return result.exit_code or 1
        case Outcome.SIGNALLED:
            return 128 + (result.signal or signal.SIGKILL)
        case outcome:
            return _OF_OUTCOME[outcome]
