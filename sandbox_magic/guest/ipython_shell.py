"""Runs cells as IPython's shell does, with its magics, its history and its tracebacks, and shows as the guest shows.

Loaded only where the chosen Python has IPython. Nothing of it writes a file: its history is in memory, and it reads
no configuration, for the home directory is the code's working directory.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import sys
import traceback
import warnings
from types import ModuleType

import IPython
from IPython.core import interactiveshell, page
from IPython.core.autocall import ExitAutocall
from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.inputtransformer2 import leading_empty_lines
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.tokenutil import token_at_cursor
from traitlets.config import Config

from . import error_text, failure, ipython_magics, plain_shell, programs

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any, Callable

    from .cell_builtins import CellBuiltins

vars(interactiveshell)["PickleShareDB"] = (
    lambda _: {}
)  # up to IPython 8 a shell opens one at once, and makes a directory
_FIGURES = "module://sandbox_figures"
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
        self._inner = Inner.instance(config=_config(), user_module=namespace_module)
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
        inner = Inner(config=_config(), user_module=ModuleType("__main__"))
        inner.begin(Nowhere())
        inner.next_cell(_PRACTICE, "<practice>")
        inner.shows_error = True  # so that it goes where the rest goes
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            inner.run_cell(_PRACTICE, store_history=True)
    finally:
        sys.modules["__main__"] = main


def _config() -> Config:
    config = Config()
    config.HistoryManager.enabled = False
    config.HistoryManager.hist_file = ":memory:"
    config.InteractiveShell.colors = "nocolor" if IPython.version_info >= (9,) else "NoColor"
    config.InteractiveShell.autoindent = False
    config.Completer.use_jedi = False  # its first completion takes seconds
    return config


class Nowhere:
    """Where nothing is shown, and nothing is kept."""

    location: str = os.devnull

    def publish(self, *_what: object, **_how: object) -> None:
        """Drop what is shown."""

    publish_result = publish


class _Memory(dict):  # type: ignore[type-arg] # of names and whatever
    """What IPython would remember from one start to the next, kept as long as the shell."""

    def __delitem__(self, name: object) -> None:
        self.pop(name, None)  # IPython's own does not mind what is not there


class Leave(ExitAutocall):
    """``exit`` and ``quit``, which here end the code as ``sys.exit`` does."""

    def __call__(self, code: object = None) -> None:
        """End it."""
        raise SystemExit(code)


class Compiler(CachingCompiler):
    """Compiles cells under the names that the host gives them."""

    text = file = ""

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        """Return the name of a cell; of what else is compiled IPython's own."""
        return self.file if raw_code == self.text else str(super().get_code_name(raw_code, transformed_code, number))


class Publisher(DisplayPublisher):
    """Sends what is displayed to the host."""

    def publish(
        self,
        data: Any,
        metadata: Any = None,
        *_source: object,
        transient: Any = None,
        update: bool = False,
        **_: object,
    ) -> None:
        """Send it."""
        self.parent.shows.publish(data, metadata or {}, (transient or {}).get("display_id"), update=update)

    def clear_output(self, wait: bool = False) -> None:  # noqa: FBT001, FBT002 - IPython's
        """Have what was shown be cleared."""
        self.parent.shows.clear(wait=wait)


class Hook(DisplayHook):
    """Sends the value of the last expression to the host, and keeps it in ``_`` and ``Out``."""

    def write_output_prompt(self) -> None:
        """Leave that to who shows it."""

    def compute_format_data(self, result: object) -> Any:
        """Return what it looks like."""
        return self.shell.bundle(result, None, None)

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        """Send it."""
        self.shell.shows.publish_result(format_dict, md_dict or {})

    def log_output(self, format_dict: Any) -> None:
        """Keep its text, which ``%history -o`` shows, and no pictures."""
        self.shell.history_manager.output_hist_reprs[self.prompt_count] = format_dict.get("text/plain", "")

    def finish_displayhook(self) -> None:
        """Write nothing behind it."""
        self._is_active = False


class Inner(InteractiveShell):
    """IPython's shell, with what it shows going to the host, and no files of its own."""

    profile_dir: Any = Nowhere()
    display_pub_class = Publisher
    displayhook_class = Hook
    compiler_class = Compiler

    def begin(self, shows: Any) -> None:
        """Take what shows things."""
        self.shows = shows
        self.written: str = ""  # the last traceback
        self.shows_error: bool = False  # at this moment
        self.error: BaseException | None = None  # what ended the cell
        self.db: dict[str, Any] = _Memory()
        self.input_transformer_manager.cleanup_transforms[0] = _with_empty_lines
        self.loop_runner: Any = _wait_for
        self.exiter: Any = Leave(self)
        for names in (self.user_ns, self.user_ns_hidden):
            names.update({"exit": self.exiter, "quit": self.exiter})
        self.set_hook("show_in_pager", page.as_hook(_print_page), 90)
        ipython_magics.register(self)
        atexit.unregister(self.atexit_operations)
        warnings.filterwarnings("ignore", "To exit: use", UserWarning)

    def next_cell(self, text: str, file: str, number: int | None = None) -> None:
        """Take what is to be known of the cell that is run next.

        Its number is the front end's: there cells count that never came here, and those before which this went back.
        """
        if number is not None:
            self.execution_count = number
            for inputs in (self.history_manager.input_hist_parsed, self.history_manager.input_hist_raw):
                inputs[number:] = [""] * (number - len(inputs))
        self.compile.text, self.compile.file = text, file
        self.written = ""
        self.error = None

    def run_cell(self, *args: Any, **how: Any) -> Any:
        """Run a cell, or what a magic such as ``%%capture`` takes for one: where that fails the cell does."""
        done = super().run_cell(*args, **how)
        for error in (done.error_before_exec, done.error_in_exec):
            self.error = error if self.error is None else self.error
        return done

    def bundle(self, obj: Any, include: Any, exclude: Any) -> Any:
        """Return what an object looks like, as data and metadata by MIME type."""
        data, metadata = self.display_formatter.format(obj, include=include, exclude=exclude)
        figure = getattr(sys.modules.get("matplotlib.figure"), "Figure", None)
        if figure is not None and isinstance(obj, figure):
            if not any(mime.startswith("image/") for mime in data):
                return self.shows.bundle(obj, include, exclude)
            self.shows.remember(obj)
        return data, metadata

    def publish(self, data: Any, metadata: Any, place: Any, *, update: bool = False) -> None:
        """Show it, unless a magic such as ``%%capture`` catches it."""
        transient = {"display_id": place} if place else {}
        self.display_pub.publish(data=data, metadata=metadata, transient=transient, update=update)

    def clear(self, *, wait: bool) -> None:
        """Have what was shown be cleared."""
        self.display_pub.clear_output(wait)

    def init_ipython_dir(self, ipython_dir: Any) -> None:
        """Make none."""

    def init_profile_dir(self, profile_dir: Any) -> None:
        """Make none."""

    def init_virtualenv(self) -> None:
        """Leave the module search path as the host has it."""

    def _tee(self, channel: str) -> Any:  # noqa: ARG002 - IPython 9 would keep all output in memory
        return contextlib.nullcontext()

    def showtraceback(self, *args: Any, **how: Any) -> None:
        """Show an error; an exit is none."""
        error = sys.exc_info()[1]
        if isinstance(error, KeyboardInterrupt):
            self._at_once(lambda: self._print_interrupt(error))
        elif not isinstance(error, SystemExit):
            self._at_once(lambda: super(Inner, self).showtraceback(*args, **how))

    def _print_interrupt(self, error: BaseException) -> None:
        """Show it as Python does: IPython's first traceback loads so much that the process is killed before."""
        error_text.without_ours(error)
        entry = error.__traceback__
        while entry is not None and entry.tb_frame.f_code.co_filename != self.compile.file:
            entry = entry.tb_next
        traceback.print_exception(type(error), error, entry or error.__traceback__)

    def showsyntaxerror(self, *args: Any, **how: Any) -> None:
        """Show an error of syntax."""
        self._at_once(lambda: super(Inner, self).showsyntaxerror(*args, **how))

    def _at_once(self, write: Callable[[], None]) -> None:
        """Have it written in one piece, and not into what a magic catches, as in a notebook."""
        if self.shows_error:
            write()
            return
        self.shows_error = True
        try:
            with contextlib.redirect_stderr(io.StringIO()) as text:
                write()
        finally:
            self.shows_error = False
        self.written = text.getvalue()
        with contextlib.redirect_stderr(sys.__stderr__):
            error_text.at_once(lambda: print(self.written, end="", file=sys.stderr))

    def _get_exc_info(self, exc_tuple: Any = None) -> Any:
        kind, error, entry = super()._get_exc_info(exc_tuple)
        if entry is error.__traceback__:
            error_text.without_ours(error)
            entry = error.__traceback__
        return kind, error, entry

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:  # noqa: ARG002 - IPython's
        print(self.InteractiveTB.stb2text(stb).rstrip("\n"), file=sys.stderr)

    def system(self, cmd: str) -> None:
        """Run a command of ``!``; what it writes comes as it writes it."""
        status = programs.run(["/bin/sh", "-c", self.var_expand(cmd, depth=1)]).status
        self.user_ns["_exit_code"] = status
        if status and self.system_raise_on_error:
            from subprocess import CalledProcessError

            raise CalledProcessError(status, cmd)

    system_piped: Any = system
    system_raw: Any = system

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:  # noqa: FBT001, FBT002 - IPython's
        """Return what a command of ``x = !`` writes."""
        from IPython.utils.text import LSString, SList

        written = programs.output(["/bin/sh", "-c", self.var_expand(cmd, depth=depth + 1)])
        return SList(written.splitlines()) if split else LSString(written)

    def enable_gui(self, gui: Any = None) -> None:
        """Have no windows."""

    def enable_matplotlib(self, gui: Any = None) -> tuple[Any, str]:  # noqa: ARG002 - there is one place for figures
        """Have figures be shown as in any cell, whatever backend is asked for."""
        import matplotlib as mpl

        mpl.use(_FIGURES)
        return "inline", "inline"

    def set_next_input(self, s: str, replace: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - IPython's
        """Show what would be put into the next cell, which is the host's."""
        print(s)


def _wait_for(coroutine: Any) -> Any:
    from . import awaiting  # asyncio takes a third of the time of all else here

    return awaiting.wait_for(coroutine)


def _with_empty_lines(lines: list[str]) -> list[str]:
    """Keep the empty lines at the beginning, so that those of a traceback are the cell's; IPython takes them away."""
    first = next((line for line in lines if not line.isspace()), " ")
    return leading_empty_lines(lines) if first.startswith((" ", "\t", "%%")) else lines


def _print_page(page: Any, *_where: object, **_how: object) -> None:
    print(page["text/plain"] if isinstance(page, dict) else page)
