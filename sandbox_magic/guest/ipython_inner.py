"""IPython's own shell, with what it shows going to the host, and no files of its own.

Nothing of it writes a file: its history is in memory, and it reads no configuration, for the home directory is the
code's working directory.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import sys
import traceback
import warnings

import IPython
from IPython.core import interactiveshell, page
from IPython.core.inputtransformer2 import leading_empty_lines
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from . import error_text, ipython_magics, programs
from .ipython_parts import Compiler, Hook, Leave, Publisher

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any, Callable

vars(interactiveshell)["PickleShareDB"] = (
    lambda _: {}
)  # up to IPython 8 a shell opens one at once, and makes a directory
_FIGURES = "module://sandbox_figures"
_PLAIN, _COLOURS = ("nocolor", "neutral") if IPython.version_info >= (9,) else ("NoColor", "Neutral")


def configuration() -> Config:
    """Return how it is configured."""
    config = Config()
    config.HistoryManager.enabled = False
    config.HistoryManager.hist_file = ":memory:"
    config.InteractiveShell.colors = _PLAIN
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
        self._is_coloured = False
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
        if error_text.is_apart() != self._is_coloured:  # for a front end; once, for the code may choose others
            self._is_coloured = not self._is_coloured
            self.colors = _COLOURS if self._is_coloured else _PLAIN
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
