"""Runs a cell of another language than Python: the steps of a compiler, then the program, in this process's place."""

from __future__ import annotations

import errno
import os

from . import wire

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Callable, NoReturn


def commands(packed: bytes, delivered: str, file: str) -> list[list[bytes]]:
    """Return the commands, a frame of words each, with the place where the file stands for that of its delivery."""
    old, new = os.fsencode(delivered), os.fsencode(file)
    return [[word.replace(old, new) for word in words] for words in wire.Reader().feed(packed)]


def run(
    commands: list[list[bytes]],
    arguments: list[bytes],
    *,
    default_signals: Callable[[], None],
    compiled: Callable[[], None],
    begin: Callable[[], None],
) -> NoReturn:
    """Run the commands, of which all but the last must succeed; the last one gets the arguments and our place.

    Args:
        commands: Each as its words, the program first.
        arguments: The cell's own.
        default_signals: Sets every signal to its default action, as a shell's child has it.
        compiled: Called when there were steps of a compiler, and they are done.
        begin: Called just before the last command.
    """
    default_signals()
    for command in commands[:-1]:
        _end_unless_done(_wait_for(command))
    if commands[1:]:
        compiled()
    begin()
    _become(commands[-1] + arguments)


def _wait_for(command: list[bytes]) -> int:
    try:
        child = os.fork()
    except OSError as error:
        _say(command[0], error)
        os._exit(1)
    if child == 0:
        null = os.open(os.devnull, os.O_RDONLY)  # the cell's input is for the cell
        os.dup2(null, 0)
        _become(command)
    return os.waitpid(child, 0)[1]


def _end_unless_done(status: int) -> None:
    """End as a step ended that failed, by its signal or with its exit status."""
    if os.WIFSIGNALED(status):
        os.kill(os.getpid(), os.WTERMSIG(status))
        os._exit(128 + os.WTERMSIG(status))  # not reached: every signal has its default action
    if status:
        os._exit(os.WEXITSTATUS(status))


def _become(command: list[bytes]) -> NoReturn:
    try:
        os.execv(_found(command[0]), command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        _say(command[0], error)
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)  # as a shell


def _found(program: bytes) -> bytes:
    """Return where a program is: where it is not is nothing that the code tried."""
    folders = () if b"/" in program else map(os.fsencode, os.get_exec_path())
    paths = (os.path.join(folder, program) for folder in folders)
    found = next((path for path in paths if os.path.isfile(path) and os.access(path, os.X_OK)), b"")
    if not found and b"/" not in program:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    return found or program


def _say(program: bytes, error: OSError) -> None:
    os.write(2, b"%s: %s\n" % (program, (error.strerror or str(error)).encode()))
