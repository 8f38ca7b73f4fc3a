"""Runs programs for the shell's ``!`` and ``%%bash``: without a terminal, and without threads, which a fork loses."""

from __future__ import annotations

import subprocess
import sys
import tempfile

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any

PIPE = subprocess.PIPE


def run(command: list[str], text: str | None = None, *, catch_out: bool = False, catch_error: bool = False) -> Done:
    """Run a command, and let what it writes be seen as it comes.

    Args:
        command: Its words.
        text: Its standard input, in place of ours.
        catch_out: Whether its standard output is returned instead.
        catch_error: Whether its standard error is.
    """
    out = PIPE if catch_out or sys.stdout is not sys.__stdout__ else None
    error = PIPE if catch_error or sys.stderr is not sys.__stderr__ else None
    process = start(command, text, stdout=out, stderr=error)
    try:
        written, said = process.communicate()
    except BaseException:  # an interrupt, which it got too
        process.kill()
        process.wait()
        raise
    done = Done(process.returncode, *(_decoded(data) for data in (written, said)))
    if not catch_out:  # somebody else stands in the place of our streams: a magic that catches what is written
        sys.stdout.write(done.out)
    if not catch_error:
        sys.stderr.write(done.error)
    return done


def start(command: list[str], text: str | None = None, **streams: Any) -> subprocess.Popen[bytes]:
    """Start a command; its input is a file, so that nobody has to wait until it reads."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    if text is None:
        return subprocess.Popen(command, **streams)
    with tempfile.TemporaryFile() as file:
        file.write(text.encode("utf-8", "surrogateescape"))
        file.seek(0)
        return subprocess.Popen(command, stdin=file, **streams)


def output(command: list[str]) -> str:
    """Return what a command writes, on both streams."""
    out, _ = start(command, stdout=PIPE, stderr=subprocess.STDOUT).communicate()
    return _decoded(out)


def _decoded(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "replace")


class Done:
    """How a command ended.

    Args:
        status: Its exit status; less than 0 for the signal that ended it.
        out: What was caught of its standard output.
        error: The same of its standard error.
    """

    def __init__(self, status: int, out: str, error: str) -> None:
        self.status = status
        self.out = out
        self.error = error
