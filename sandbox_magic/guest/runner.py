"""Runs a cell file as ``__main__``, as ``python3 FILE`` would, in the process that PID 1 forked."""

from __future__ import annotations

import _signal
import faulthandler
import os
import sys

from . import clean_process, compiling, ending, error_text, flood, parking, processes, rlimits, wire

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from types import CodeType

    from .cell_builtins import CellBuiltins


def main(  # noqa: PLR0913, PLR0917 - its descriptors
    start: int, display: int, said: int, begin: int, line: int, doors: list[int], setup: parking.Setup
) -> None:
    """Join the control group, prepare and wait for the cell, close everything that is the guest's, and run the cell.

    Args:
        display: The descriptor on which the cell's own words for the host go out.
        said: The descriptor on which PID 1 is told that this process waits, and that the steps of a compiler are done.
        begin: The descriptor whose end says that what was compiled may run.
        line: A socket by which the host comes to watch what is tried; -1 where it does not.
        doors: Files of control groups to join; where that is refused, the host sees and moves us.
        setup: How to prepare.
        start: The descriptor on which the host sends: what is offered (``value``, ``ask``), the resource
            limits (``NPROC=64 CORE=1 ...``), the module search path (joined by ``:``), where the code's file
            should stand, then ``sys.argv``. Second comes what runs another language, a frame for each command.
    """
    _enter(doors, line)
    os.setpgid(0, 0)  # an interrupt goes to the cell and to what it started, as in a terminal
    _python_signals()
    faulthandler.enable(file=2)
    faulthandler.register(processes.DUMP_SIGNAL, file=2, chain=True)  # then its default action: to end the process
    clean_process.close_all_but(0, 1, 2, start, display, said, begin)  # the doors among them
    from . import cell_builtins, channel, order

    start, said, begin = (os.dup(each) if each == channel.DISPLAY else each for each in (start, said, begin))
    if display != channel.DISPLAY:
        os.dup2(display, channel.DISPLAY, inheritable=False)
        os.close(display)
    del sys.path[0]
    found = cell_builtins.CellBuiltins(channel.Channel(processes.DUMP_SIGNAL), error_text.show)
    found.hook()
    rlimits.put(setup.limits, cpu_time=False)
    parked, told = setup.prepare(_practise)
    os.write(said, told)
    if setup.snapshots is not None:
        from . import session

        session.Session(begin, said, found, setup).serve()
    frame = wire.read(start)
    if frame is None:
        os._exit(0)
    os.close(start)
    wanted, _, limits, path, place, delivered, *arguments = (
        field.decode("utf-8", "surrogateescape") for field in frame
    )
    rlimits.put(limits, cpu_time=not frame[1])
    words = wanted.split()
    if "workspace" in words:
        from .workspace import archive

        archive.fill(os.getcwd())
    file = delivered
    if place:
        from . import placing

        file = placing.put(delivered, place)
    if frame[1]:
        from . import program

        program.run(
            program.commands(frame[1], delivered, file),
            frame[6:],
            default_signals=clean_process.default_signals,
            compiled=lambda: _wait_to_begin(begin, said),
            begin=lambda: rlimits.put(limits, cpu_time=True),
        )
    os.close(said)
    os.close(begin)
    here = os.path.dirname(place) if file == place else os.getcwd()
    sys.path[:] = [here, *(path.split(":") if path else sys.path)]
    sys.argv[:] = [file, *arguments]
    sys.orig_argv = [sys.executable, *sys.argv]
    found.make(words)
    flood.expect()
    order.keep()
    status = _status_of_run(file, found, value="value" in words, characters="characters" in words)
    ending.end(status, parked)
    raise SystemExit(status)


def _enter(doors: list[int], line: int) -> None:
    """Join the control group, and be watched from here on where that is wanted."""
    for door in doors:
        try:
            os.write(door, b"0")
        except OSError:  # the host moves us
            continue
    if line >= 0:
        from . import attempts

        attempts.begin(line)


def _practise() -> None:
    """Do for a few lines of ours what is done for a cell."""
    for frame in wire.Reader().feed(wire.pack(b"value ask", b"CORE=1", parking.TYPICAL)):
        text = frame[2].decode("utf-8", "surrogateescape").encode()
        main = {"__builtins__": sys.modules["builtins"]}
        try:
            exec(compiling.compiled(text, "<parking>", value=True), main)
        except Exception as error:  # noqa: BLE001 - it raises one, so that this is practised too
            error_text.without_ours(error)
        ending.flush()


def _status_of_run(file: str, found: CellBuiltins, *, value: bool, characters: bool) -> int:
    """Run the file, and return the exit status; an end that has more to say than a number goes on as it is."""
    try:
        run(file, found, value=value, characters=characters)
    except SystemExit as end:
        if end.code is not None and not (isinstance(end.code, int) and -(2**31) <= end.code < 2**31):
            raise
        return (end.code or 0) & 0xFF
    return 0


def run(file: str, found: CellBuiltins, *, value: bool, characters: bool) -> None:
    """Run the file as ``__main__``; an uncaught exception is shown as Python shows it, without our frames.

    Args:
        file: Its path.
        found: What shows the last value, and the figures left open.
        value: Whether the value of the last expression is shown.
        characters: Whether it holds characters, as UTF-8, whatever encoding it names.
    """
    module = type(sys)("__main__")
    module.__file__ = file
    module.__dict__["__builtins__"] = sys.modules["builtins"]
    sys.modules["__main__"] = module
    is_cell = characters or file.endswith(".ipy")
    text: str | bytes = b""
    code: CodeType | BaseException
    try:
        text = _read(file, characters=characters)
        code = (compiling.of_cell if is_cell else compiling.compiled)(text, file, value=value)
    except BaseException as error:  # noqa: BLE001 - mostly a SyntaxError, which shows the cell's own line
        code = error.with_traceback(None)
    if isinstance(code, BaseException):
        if is_cell and isinstance(code, SyntaxError):
            _run_as_in_notebook(text, file, found, value=value)
        _fail(code, found, file)
        raise SystemExit(1)
    try:
        try:
            found.begin(module.__dict__)
            if compiling.awaits(code):
                _await(code, module.__dict__)
            else:
                exec(code, module.__dict__)
        except Exception as error:  # noqa: BLE001 - whatever the cell raises is shown, before its figures are
            _fail(error, found, file)
            raise SystemExit(1) from None
        finally:
            found.finish(module.__dict__.pop(compiling.VALUE, None))
        found.send(module.__dict__)
        found.tell(b"finished")
    except SystemExit as end:
        if not end.code:
            found.send(module.__dict__)
        raise
    except BaseException as error:  # noqa: BLE001 - an interrupt, or a representation's own error
        _fail(error, found, file)
        raise SystemExit(130 if isinstance(error, KeyboardInterrupt) else 1) from None


def _run_as_in_notebook(text: str | bytes, file: str, found: CellBuiltins, *, value: bool) -> None:
    """Run a cell that Python refuses, and end, if it is one of a notebook's."""
    from . import notebook_cell

    status = notebook_cell.run(text, file, found, sys.modules["__main__"], value=value)
    if status is not None:
        raise SystemExit(status)


def _await(code: CodeType, namespace: dict[str, object]) -> None:
    from . import awaiting

    try:
        awaiting.run(code, namespace)
    finally:
        awaiting.finish()


def _read(file: str, *, characters: bool) -> str | bytes:
    with open(file, "rb") as source:
        text = source.read()
    if not characters or b"coding" not in text:
        return text
    from . import encoding_line

    return encoding_line.characters(text, file) if encoding_line.matters(text) else text


def _fail(error: BaseException, found: CellBuiltins, file: str) -> None:
    """Show what ended the cell, then tell the host the same in parts."""
    error_text.show(error)
    try:
        from . import failure

        found.tell(b"error", *failure.parts(error, file))
        if place := failure.sought(error):
            found.tell(b"sought", *place)
    except BaseException:  # noqa: BLE001 - no memory is left, or the error's own words raise: it has been shown
        return


def _python_signals() -> None:
    """Put every signal where a fresh Python has it, whatever the host's process had."""
    clean_process.default_signals()
    _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)
    _signal.signal(_signal.SIGXFSZ, _signal.SIG_IGN)
    _signal.signal(_signal.SIGINT, _signal.default_int_handler)


def _wait_to_begin(start: int, compiled: int) -> None:
    """Say that the steps of a compiler are done, and wait until PID 1 holds the limits of the program."""
    os.write(compiled, b"1")
    while os.read(start, 1):
        pass
