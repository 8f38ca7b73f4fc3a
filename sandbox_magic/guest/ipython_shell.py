"""Runs cells as IPython's shell does, with its magics, its history and its tracebacks, and shows as the guest shows.

Loaded only where the chosen Python has IPython, and with it all of `ipython_inner`.
"""

from __future__ import annotations

import contextlib
import io
import sys
from types import ModuleType

from IPython.utils.tokenutil import token_at_cursor

from . import failure, plain_shell
from .ipython_inner import Inner, Nowhere, configuration

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from .cell_builtins import CellBuiltins

_TIMED = "<timed exec>"  # the name that %%time gives to the rest of its cell
_PRACTICE = "import sys\n%time 1\n!true\n1 / 0"


class IPythonShell(plain_shell.Shell):
    """The shell where there is IPython.

    Args:
        found: What shows things, and tells the host.
        namespace_module: Has the names of the cells.
    """

    kind = "ipython"

    def __init__(self, found: CellBuiltins, namespace_module: ModuleType) -> None:
        super().__init__(found, namespace_module)
        self._inner = Inner.instance(config=configuration(), user_module=namespace_module)
        self._inner.begin(found.shows)
        found.shows.shell = self._inner

    def changes(self, text: str) -> bool:
        """Return whether a cell has lines of IPython's own."""
        try:
            return bool(self._inner.transform_cell(text).strip() != text.strip())
        except SyntaxError:  # of a line that it took for its own
            return True

    def _run(self, text: str, file: str, *, value: bool) -> BaseException | None:
        self._inner.next_cell(text, file, self.number)
        shown = self._inner.ast_node_interactivity  # which values are, as the code may have set
        if not value:
            self._inner.ast_node_interactivity = "none"
        self._inner.run_cell(text, store_history=True)
        if not value:
            self._inner.ast_node_interactivity = shown
        return self._inner.error

    def _last_value(self) -> object:
        return None  # IPython has shown it

    def _show(self, error: BaseException) -> None:
        self._inner.showtraceback((type(error), error, error.__traceback__), tb_offset=0)

    def _parts(self, error: BaseException, text: str, file: str) -> tuple[bytes, ...]:
        *parts, line = failure.parts(error, file, self._inner.written)
        timed = failure.line_in(error, _TIMED) if text.lstrip().startswith("%%time") else None
        return (*parts, line if timed is None else b"%d" % (timed + text[: text.index("%%")].count("\n") + 1))

    def complete(self, code: str, cursor: int) -> tuple[list[str], int, int]:
        """Return what could stand before the cursor, and from where to where in the code it would."""
        from IPython.core.completer import provisionalcompleter, rectify_completions

        with provisionalcompleter():
            found = list(rectify_completions(code, self._inner.Completer.completions(code, cursor)))
        if not found:
            return [], cursor, cursor
        return [each.text for each in found], found[0].start, found[0].end

    def inspect(self, code: str, cursor: int, detail: int) -> dict[str, str]:
        """Return what is known of the name at the cursor, by MIME type; nothing if there is no such name."""
        try:
            found = self._inner.object_inspect_mime(token_at_cursor(code, cursor), detail_level=detail)
        except Exception:  # noqa: BLE001 - there is no such name, or its own code raises
            return {}
        return {mime: str(text) for mime, text in found.items()}

    def is_complete(self, code: str) -> tuple[str, str]:
        """Return whether a cell is ``complete``, ``incomplete`` or ``invalid``, and how its next line is indented."""
        status, indent = self._inner.check_complete(code)
        return str(status), str(indent)


def practise() -> None:
    """Use such a shell once, so that what it loads late is there, and leave no trace."""
    from . import awaiting  # noqa: F401 - only loaded

    main = sys.modules["__main__"]
    try:
        inner = Inner(config=configuration(), user_module=ModuleType("__main__"))
        inner.begin(Nowhere())
        inner.next_cell(_PRACTICE, "<practice>")
        inner.shows_error = True  # so that it goes where the rest goes
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            inner.run_cell(_PRACTICE, store_history=True)
    finally:
        sys.modules["__main__"] = main
