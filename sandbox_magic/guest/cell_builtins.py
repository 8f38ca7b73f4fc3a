"""What a cell finds in its builtins: ``display``, ``mark``, an ``input`` that asks, figures that are shown.

A cold cell waits for this module, so what is behind it is loaded when it is first used.
"""

from __future__ import annotations

import builtins
import os
import sys

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any, Callable

    from .channel import Channel

FIGURES = "sandbox_figures"  # the name of matplotlib's backend
HOOKED = (
    "IPython.core.display_functions",
    "matplotlib",
    "matplotlib.backends.backend_agg",
    "plotly.basedatatypes",
    "webbrowser",
    "PIL.ImageShow",
)
"""The modules that `library_hooks` changes."""
_LABEL_BYTES = 400
_PROMPT_BYTES = 4000


class CellBuiltins:
    """What is offered, and what is done when the cell's own code is over.

    Args:
        channel: Where it goes.
        show_error: Shows an error as Python does, without our frames.
    """

    def __init__(self, channel: Channel, show_error: Callable[[BaseException], None]) -> None:
        self._owner = os.getpid()
        self._channel = channel
        self._show_error = show_error
        self._shows: Any = None
        self._exchange: Any = None
        self._audited: Any = None
        self._scores: Any = None
        self._inputs = False
        self._stdin = sys.stdin
        self._input_file = _file_of_input()
        self._asks = self._is_cell = False

    def hook(self) -> None:
        """Find the modules to which something is done once they are imported."""
        hooks = {**dict.fromkeys(HOOKED, self._into_library), "getpass": self._into_getpass}
        hooks["multiprocessing.spawn"] = self._into_spawn
        sys.meta_path.insert(0, AfterImport(hooks, {FIGURES: self._make_figures}))  # type: ignore[arg-type] # a finder

    def make(self, wanted: list[str]) -> None:
        """Put everything in its place; with ``ask`` among the wanted words, input() asks."""
        outputs = [word[4:] for word in wanted if word.startswith("out:")]
        self._inputs = "inputs" in wanted
        if outputs or self._inputs:
            from .variables import Exchange

            self._exchange = Exchange(self._channel, outputs)
        if "lines" in wanted:
            self._tell_lines()
        builtins.__dict__.update(mark=self._mark(), display=self._display())
        if "score" in wanted:
            from .scoring import Scores

            self._scores = Scores()
        self._is_cell = "characters" in wanted
        self._asks = "ask" in wanted
        if self._asks:
            builtins.__dict__["input"] = self._input()

    def _tell_lines(self) -> None:
        """Have the host told which line of the cell tries what."""
        if self._audited is None:
            from .audited import Audited

            self._audited = Audited(self.tell, self._channel.is_busy)
        self._audited.begin(sys.argv[0])

    def adopt(self) -> None:
        """Take this process, a copy of the one that made it, for the one that runs the cells."""
        self._owner = os.getpid()
        self._channel.adopt()

    def answer(self, *fields: bytes) -> None:
        """Answer what the front end asked of a session."""
        self._channel.send(b"answer", *fields)

    def begin(self, namespace: dict[str, Any]) -> None:
        """Put the host's variables into the cell's namespace."""
        if self._inputs:
            self._exchange.bring(namespace)
        if self._scores is not None:
            self._scores.bring(namespace)

    def send(self, namespace: dict[str, Any]) -> None:
        """Send the variables that are asked for, when the cell has come to its end."""
        if self._scores is not None:
            namespace = self._scores.with_calls(namespace)
        if self._exchange is not None:
            self._exchange.send(namespace)

    def tell(self, word: bytes, *fields: bytes) -> None:
        """Tell the host how the cell ended."""
        try:
            self._channel.send(word, *fields)
        except self._channel.ChannelClosed:
            return

    def finish(self, value: object) -> None:
        """Show the value of the cell's last expression, then the figures that it left open."""
        if os.getpid() != self._owner:  # a forked copy that came to the end of the cell too
            return
        if value is not None:
            self.shows.result(value)
        figures = sys.modules.get(FIGURES)
        if figures is not None:
            figures.show()

    @property
    def shows(self) -> Any:
        """What shows things; loaded when it is first used."""
        if self._shows is None:
            from .display import Display

            self._shows = Display(self._channel, self._show_error)
        return self._shows

    def _mark(self) -> Callable[[object], None]:
        def mark(label: object) -> None:
            """Mark this moment, with a label, on the picture of this run."""
            text = str(label).encode("utf-8", "replace")
            try:
                self._channel.send(b"mark", text[:_LABEL_BYTES])
            except self._channel.ChannelClosed:
                return

        return mark

    def _display(self) -> Callable[..., object]:
        def display(*objects: object, **how: object) -> object:
            """Show objects as a notebook does; with ``display_id`` return a handle to update them."""
            return self.shows.display(*objects, **how)

        return display

    def _input(self) -> Callable[[object], str]:
        python = builtins.input

        def input(prompt: object = "", /) -> str:  # noqa: A001 - it takes the other's place
            """Ask the person at the notebook; EOFError if there is none."""
            return python(prompt) if self._input_is_given else self._ask(str(prompt), password=False)

        return input

    @property
    def _input_is_given(self) -> bool:
        """Whether the code has put something else in the place of standard input, for Python to read."""
        return getattr(sys, "stdin", None) is not self._stdin or _file_of_input() != self._input_file

    def _ask(self, prompt: str, *, password: bool) -> str:
        _flush()
        asked = prompt.encode("utf-8", "replace")[:_PROMPT_BYTES]
        try:
            reply = self._channel.request(b"ask", b"%d" % password, asked)
        except self._channel.ChannelClosed:
            reply = []
        if not reply:
            print(prompt, end="", flush=True, file=sys.stderr if password else sys.stdout)
            raise EOFError("EOF when reading a line")
        return str(reply[0], "utf-8", "replace")

    def _into_getpass(self, module: Any) -> None:
        python = module.getpass

        def getpass(prompt: str = "Password: ", stream: object = None, **how: object) -> str:
            """Ask the person at the notebook, who is not shown what is typed."""
            if self._input_is_given or not self._asks:
                return str(python(prompt, stream, **how))
            return self._ask(str(prompt), password=True)

        module.getpass = getpass

    def _into_library(self, module: Any) -> None:
        from .library_hooks import LibraryHooks

        LibraryHooks(self.shows, self._channel, FIGURES).change(module)

    def _into_spawn(self, module: Any) -> None:
        from . import spawned

        spawned.change(module, lambda: self._is_cell)

    def _make_figures(self, module: Any) -> None:
        from . import figures

        figures.fill(module, self.shows.figure)


def _file_of_input() -> tuple[int, int] | None:
    """Return which file descriptor 0 is; None if it is closed."""
    try:
        found = os.fstat(0)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):  # the cell closed it, or put something else there
            continue


class AfterImport:
    """A finder that lets the others find a module, and calls a function when it has been imported.

    Args:
        hooks: Name of a module -> the function to call with it.
        own: Name of a module that there is not -> the function that fills it.
    """

    def __init__(self, hooks: dict[str, Callable[[Any], None]], own: dict[str, Callable[[Any], None]]) -> None:
        self._hooks = hooks
        self._own = own

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Find a module that has a hook, or is one of the guest's."""
        if name in self._own:
            return type(sys.__spec__)(name, Filling(self._own[name]), origin="sandbox")  # type: ignore[arg-type] # a loader
        if name not in self._hooks:
            return None
        hook = self._hooks.pop(name)
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = Hooked(spec.loader, hook)  # type: ignore[assignment] # a loader
                return spec
        return None


class Filling:
    """A loader whose module is filled by a function."""

    def __init__(self, fill: Callable[[Any], None]) -> None:
        self._fill = fill

    def create_module(self, _spec: Any) -> None:
        """Leave it to the import system."""

    def exec_module(self, module: Any) -> None:
        """Fill it."""
        self._fill(module)


class Hooked:
    """Another's loader, with a function called after it."""

    def __init__(self, loader: Any, hook: Callable[[Any], None]) -> None:
        self._loader = loader
        self._hook = hook

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def exec_module(self, module: Any) -> None:
        """Load the module as it would have been loaded; then call."""
        spec = module.__spec__
        spec.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._hook(module)
