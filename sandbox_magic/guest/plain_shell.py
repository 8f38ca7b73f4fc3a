"""Runs cells one after the other in one namespace, with nothing but Python: the shell where there is no IPython."""

from __future__ import annotations

import builtins
import sys

from . import compiling, ending, error_text, failure

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from .cell_builtins import CellBuiltins

_INTERRUPTED = 130  # the exit status that a shell gives a program that SIGINT ended
_MOST_MATCHES = 1000


class Shell:
    """Runs cells; `ipython_shell.IPythonShell` is the other kind, and has the same methods.

    Args:
        found: What shows things, and tells the host.
        namespace_module: Has the names of the cells.

    Attributes:
        number: What the front end counts the next cell as; None where it does not.
    """

    kind = "python"
    number: int | None = None

    def __init__(self, found: CellBuiltins, namespace_module: ModuleType) -> None:
        self._found = found
        self._namespace = vars(namespace_module)

    def run_cell(self, text: str, file: str, *, value: bool = True) -> int:
        """Run a cell, show its last value and its open figures, and tell the host how it ended.

        Variables that are asked for are brought and sent too, as `CellBuiltins` was told.

        Args:
            text: The cell.
            file: The name that it has in tracebacks.
            value: Whether the value of its last expression is shown.

        Returns:
            As an exit status: 0, 1 for an error, 130 for an interrupt, or what the code exits with.
        """
        try:
            return self._status_of(text, file, value=value)
        except BaseException as error:  # noqa: BLE001 - of our own, or an interrupt between two steps
            return _INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
        finally:
            _flush()

    def _status_of(self, text: str, file: str, *, value: bool) -> int:
        error: BaseException | None = None
        try:
            self._found.begin(self._namespace)
            error = self._run(text, file, value=value)
            self._found.finish(self._last_value())
        except BaseException as raised:  # noqa: BLE001 - of a representation, or an interrupt; the code's own is shown
            self._show(raised)
            error = raised if error is None else error
        if isinstance(error, SystemExit):
            return self._left(error)
        if error is not None:
            self._found.tell(b"error", *self._parts(error, text, file))
            if place := failure.sought(error):
                self._found.tell(b"sought", *place)
            return _INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
        self._found.send(self._namespace)
        self._found.tell(b"finished")
        return 0

    def _left(self, end: SystemExit) -> int:
        """Return the exit status; what is no number is said, as Python does."""
        if not end.code:
            self._found.send(self._namespace)
        elif not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
        return (end.code or 0) & 0xFF if isinstance(end.code, int) or end.code is None else 1

    def _run(self, text: str, file: str, *, value: bool) -> BaseException | None:
        """Run the code; return what ended it, which has been shown."""
        from . import encoding_line

        encoding_line.remember(text, file)
        try:
            self._execute(text, file, value=value)
        except SystemExit as end:
            return end
        except BaseException as error:  # noqa: BLE001 - whatever the cell raises
            self._show(error)
            return error
        return None

    def _execute(self, text: str, file: str, *, value: bool) -> None:
        code = compiling.of_cell(text, file, value=value)
        if not compiling.awaits(code):
            exec(code, self._namespace)
            return
        from . import awaiting

        awaiting.run(code, self._namespace)

    def _last_value(self) -> object:
        """Return the value to be shown, which stays in ``_`` as at Python's prompt."""
        value = self._namespace.pop(compiling.VALUE, None)
        if value is not None:
            builtins.__dict__["_"] = value
        return value

    def _show(self, error: BaseException) -> None:
        error_text.show(error)

    def _parts(self, error: BaseException, text: str, file: str) -> tuple[bytes, ...]:  # noqa: ARG002 - the other shell's
        """Return what the host is told of an error, the traceback as it was shown."""
        import traceback

        written = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        return failure.parts(error, file, written)

    def complete(self, code: str, cursor: int) -> tuple[list[str], int, int]:
        """Return what could stand before the cursor, and from where to where in the code it would."""
        import re
        import rlcompleter

        end = min(cursor, len(code))
        word = re.search(r"[\w.]*\Z", code[:end])
        begin = word.start() if word else end
        completer = rlcompleter.Completer(self._namespace)
        found = [completer.complete(code[begin:end], number) for number in range(_MOST_MATCHES * (begin < end))]
        return sorted({match for match in found if match}), begin, end

    def inspect(self, code: str, cursor: int, detail: int) -> dict[str, str]:  # noqa: ARG002 - of the source we say no more
        """Return what is known of the name at the cursor, by MIME type; nothing if there is no such name."""
        import re

        before = re.search(r"[\w.]*\Z", code[:cursor])
        after = re.match(r"\w*", code[cursor:])
        name = (before[0] if before else "") + (after[0] if after else "")
        first, *rest = name.strip(".").split(".")
        try:
            thing = self._namespace[first] if first in self._namespace else vars(builtins)[first]
            for each in rest:
                thing = getattr(thing, each)
        except Exception:  # noqa: BLE001 - there is no such name, or its own code raises
            return {}
        return {"text/plain": _described(name, thing)}

    def is_complete(self, code: str) -> tuple[str, str]:
        """Return whether a cell is ``complete``, ``incomplete`` or ``invalid``, and how its next line is indented."""
        import codeop

        try:
            done = codeop.compile_command(code, symbol="exec")
        except (SyntaxError, ValueError, OverflowError):
            return "invalid", ""
        if done is not None:
            return "complete", ""
        last = code.rstrip("\n").rpartition("\n")[2]
        indent = last[: len(last) - len(last.lstrip())]
        return "incomplete", indent + "    " * last.rstrip().endswith(":")


def _described(name: str, thing: Any) -> str:
    import inspect

    try:
        signature = name + str(inspect.signature(thing)) if callable(thing) else ""
    except (TypeError, ValueError):  # it says none
        signature = ""
    words = [signature, "type: " + type(thing).__name__, inspect.getdoc(thing) or ""]
    return "\n".join(word for word in words if word)


def _flush() -> None:
    try:
        ending.flush()
    except Exception:  # noqa: BLE001 - the code closed them, or put something else there
        return
