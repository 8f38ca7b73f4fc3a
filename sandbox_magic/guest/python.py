"""Runs a cell file as ``__main__``, as ``python3 FILE`` would, in the process that PID 1 forked."""

from __future__ import annotations

import _signal
import faulthandler
import os
import resource
import sys

import inherited
import wire

if False:  # for the type checker; typing costs milliseconds
    from types import TracebackType

DUMP_SIGNAL = _signal.SIGRTMAX - 1  # PID 1 sends it at a time limit


DISPLAY = 3  # the one descriptor besides 0, 1 and 2; it is closed when the cell starts another program
_LABEL_BYTES = 400


def main(start: int, display: int, doors: list[int]) -> None:
    """Join the control group, wait for the cell, give up everything that is ours, and run it.

    Args:
        display: The descriptor on which the cell's own words for the host go out.
        doors: Files of control groups to join; where that is refused, the host sees and moves us.
        start: The descriptor on which PID 1 sends: the resource limits (``NPROC=64 CORE=1 ...``),
            the module search path (joined by ``:``), then ``sys.argv``.
    """
    for door in doors:
        try:
            os.write(door, b"0")
        except OSError:
            continue
    os.setpgid(0, 0)  # an interrupt goes to the cell and to what it started, as in a terminal
    _python_signals()
    faulthandler.enable(file=2)
    faulthandler.register(DUMP_SIGNAL, file=2)
    sys.path.remove(os.path.dirname(os.path.abspath(__file__)))
    inherited.close_all_but(0, 1, 2, start, display)  # `ready` and the doors among them
    frame = wire.read(start)
    if frame is None:
        os._exit(0)
    os.close(start)
    if display != DISPLAY:
        os.dup2(display, DISPLAY, inheritable=False)
        os.close(display)
    _offer_mark(wire.pack)
    for name in ("inherited", "python", "wire"):  # names that the cell may want for itself
        del sys.modules[name]
    limits, path, *arguments = (field.decode("utf-8", "surrogateescape") for field in frame)
    sys.path[:] = [os.getcwd(), *path.split(":")] if path else [os.getcwd(), *sys.path]
    sys.argv[:] = arguments
    sys.orig_argv = [sys.executable, *arguments]
    _limit(limits)
    run(arguments[0])


def _offer_mark(pack: object) -> None:
    """Give the cell a function of its own that marks a moment on the picture."""

    def mark(label: object) -> None:
        """Mark this moment, with a label, on the picture of this run."""
        text = str(label).replace("\0", "").encode("utf-8", "replace")
        os.write(DISPLAY, pack(b"mark", text[:_LABEL_BYTES]))  # type: ignore[operator]

    sys.modules["builtins"].__dict__["mark"] = mark


def run(file: str) -> None:
    """Run the file as ``__main__``; an uncaught exception is shown as Python shows it, without our frames."""
    module = type(sys)("__main__")
    module.__file__ = file
    module.__dict__["__builtins__"] = sys.modules["builtins"]
    sys.modules["__main__"] = module
    try:
        with open(file, "rb") as source:
            text = source.read()
        code = compile(text, file, "exec", dont_inherit=True)
    except BaseException as error:  # noqa: BLE001 - mostly a SyntaxError, which shows the cell's own line
        _show(error, None)
        raise SystemExit(1) from None
    try:
        exec(code, module.__dict__)
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever the cell raises is shown
        _show(error, error.__traceback__ and error.__traceback__.tb_next)
        raise SystemExit(130 if isinstance(error, KeyboardInterrupt) else 1) from None


def _show(error: BaseException, traceback: TracebackType | None) -> None:
    error = error.with_traceback(traceback)
    try:
        sys.excepthook(type(error), error, traceback)
    except BaseException:  # noqa: BLE001 - the cell's own hook failed
        sys.__excepthook__(type(error), error, traceback)


def _python_signals() -> None:
    """Put every signal where a fresh Python has it, whatever the host's process had."""
    inherited.default_signals()
    _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)
    _signal.signal(_signal.SIGXFSZ, _signal.SIG_IGN)
    _signal.signal(_signal.SIGINT, _signal.default_int_handler)


def _limit(text: str) -> None:
    for item in text.split():
        name, _, value = item.partition("=")
        which = getattr(resource, "RLIMIT_" + name)
        hard = resource.getrlimit(which)[1]
        number = int(value) if hard == resource.RLIM_INFINITY else min(int(value), hard)
        resource.setrlimit(which, (number, number))
