"""``%%sandbox`` and ``%sandbox``: options in, events to the cell."""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand
from traitlets import Enum, Integer, TraitType, observe

from sandbox_magic.model import options as _options
from sandbox_magic.model.errors import PolicyError, StoppedEarly
from sandbox_magic.notebook import namespace
from sandbox_magic.notebook.arguments import HELP, parse, parse_file
from sandbox_magic.notebook.defaults import OptionDefault, traits
from sandbox_magic.notebook.earlier import EarlierCells
from sandbox_magic.notebook.sessions import Sessions
from sandbox_magic.safe_import import importing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from IPython.core.interactiveshell import InteractiveShell
    from traitlets import Bunch

    from sandbox_magic.execution.hint_facts import Known
    from sandbox_magic.execution.run import Run
    from sandbox_magic.model.languages import Language
    from sandbox_magic.model.output import Display
    from sandbox_magic.model.result import Result
    from sandbox_magic.notebook.views import NotebookView


_ABOUT = """%sandbox says what is configured and what this machine enforces, %sandbox doctor only the latter.
%sandbox run FILE [OPTION ...] runs a file as %%sandbox runs a cell, %sandbox stop ends all runs in the background.
%sandbox sessions lists the sessions; %sandbox undo NAME goes back before a session's last cell, %sandbox restart NAME
lets it begin anew, %sandbox stop NAME ends it, %sandbox changes NAME returns what it has done to its workspace,
%sandbox attempts [NAME] what the cells of one with --trace have tried so far."""
_WAYS = (
    "%sandbox, %sandbox doctor, %sandbox stop [NAME], %sandbox run FILE, %sandbox sessions, %sandbox undo NAME, "
    "%sandbox restart NAME, %sandbox changes NAME, %sandbox attempts [NAME], or %%sandbox on top of a cell"
)
_SCOPES: tuple[_options.Scope, ...] = ("limits", "policy", "run", "show")


@contextmanager
def _usage() -> Iterator[None]:
    """Say what is wrong with an option as IPython says it: in one message, without a traceback."""
    try:
        yield
    except PolicyError as error:
        raise UsageError(str(error)) from None


@magics_class
class SandboxMagics(Magics):
    """The magics, and the defaults of their options.

    Attributes:
        shell: Where they are.
        picture: The size of the dashboard and the picture, ``normal`` or ``large``.
        sessions: The sessions of the notebook.
        replaced: Kind (``line``, ``cell``) and the magic that ours took the place of, if any.
    """

    shell: InteractiveShell
    replaced: dict[str, Callable[..., object] | None]
    picture: Any = Enum(
        ("normal", "large"), "normal", help="size of the dashboard and the picture: large is for a projector"
    ).tag(config=True)
    vars().update(traits())
    spares: TraitType[Any, Any] = Integer(1, min=0, max=64, help="sandboxes that are parked for the next runs").tag(
        config=True
    )

    @observe("spares")
    def _resize(self, change: Bunch) -> None:
        with importing():
            from sandbox_magic.jail import pool
        pool.spares.size = change.new

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._earlier = EarlierCells()
        self.sessions: Sessions = Sessions()

    @no_var_expand
    @cell_magic("sandbox")  # type: ignore[arg-type] # IPython's decorators are not typed for methods
    def run_cell(self, line: str, cell: str) -> Display | None:
        """Run a cell; what a person is shown is the help, below."""
        with _usage():
            given = parse(line)
            defaults = self._defaults(_SCOPES)
        return self._run(cell, defaults, given)

    def _run_file(self, line: str) -> Display | None:
        """Run the file that a line names, as `sandbox_magic.run` runs a path: its suffix says its language."""
        with _usage():
            path, given = parse_file(line)
            defaults = self._defaults(_SCOPES)
            defaults.pop("language", None)  # of cells
        return self._run(Path(path), defaults, given)

    def _run(self, source: str | Path, defaults: dict[str, Any], given: dict[str, Any] | None) -> Display | None:
        """Run code and show how it goes; show the help instead where there are no options, for it was asked for."""
        if given is None:
            print(HELP)
            return None
        with importing():
            from sandbox_magic.execution.drive import drive
            from sandbox_magic.notebook.views import view_for
        values = {**defaults, **given}
        shown = {key: values.pop(key) for key in list(values) if _options.BY_KEYWORD[key].scope == "show"}
        raises = not shown.get("no_raise_error")
        run = None
        try:
            name = namespace.variable(shown.get("result", "_sandbox"))
            if "inputs" in values:
                values["inputs"] = namespace.chosen(self.shell, values["inputs"])
            run = self._prepare(source, values, shown, given)
            view = view_for(self.shell, run, shown, raises=raises, large=self.picture == "large")
            if shown.get("bg"):
                self._start(run, view, str(name))
                return None
            result = drive(run, view)
        except PolicyError as error:
            raise UsageError(str(error)) from None
        except KeyboardInterrupt:
            if run is None or not run.started:
                raise StoppedEarly from None
            raise
        self.shell.push({**result.outputs, name: result})  # type: ignore[no-untyped-call] # IPython's own
        if result.ok and isinstance(source, str):
            self._earlier.add(source)
        if not shown.get("quiet"):
            _say_weaker(result)
        return self._value(result, view, raises=raises)

    def _prepare(self, source: str | Path, values: dict[str, Any], shown: dict[str, Any], given: dict[str, Any]) -> Run:
        name = shown.get("session", "none")
        if name == "none":
            with importing():
                from sandbox_magic.execution.api import prepare
            return prepare(source, values, variable=self._known)
        own = {key: values[key] for key in given if key in values}
        return self.sessions.prepare(name, source, values, own, undo=shown.get("undo", 1), variable=self._known)

    def _value(self, result: Result, view: NotebookView, *, raises: bool) -> Display | None:
        """Return what the notebook shows as the cell's value.

        Raises:
            RunFailed: The code failed, and the cell is to fail too.
        """
        if raises and not result.ok:
            from sandbox_magic.model.result import RunFailed

            for event in view.value:
                view.publish(event)
            raise RunFailed(result)
        _show_later(self.shell, view, view.value[1:])
        return view.value[0] if view.value else None

    def _start(self, run: Run, view: NotebookView, name: str) -> None:
        """Run it in the background, shown in its own cell; the handle gets a name in the notebook."""
        from sandbox_magic.execution.background import BackgroundRun

        def finish(result: Result) -> None:
            for event in view.value:
                view.publish(event)
            self.shell.push(dict(result.outputs))  # type: ignore[no-untyped-call] # IPython's own

        view.asks = False
        self.shell.push({name: BackgroundRun(run, view, finish)})  # type: ignore[no-untyped-call] # IPython's own

    run_cell.__doc__ = HELP  # type: ignore[assignment] # as above

    @no_var_expand
    @line_magic("sandbox")  # type: ignore[arg-type] # as above
    def about(self, line: str) -> object:
        """Run a file, or say what is configured and enforced; what a person is shown is the help, below."""
        word = line.strip()
        if word.split(maxsplit=1)[:1] == ["run"]:
            return self._run_file(word.removeprefix("run"))
        if word in ("-h", "--help"):
            print(HELP)
            return None
        if word == "stop":
            with importing():
                from sandbox_magic.execution import background
            for run in background.running():
                run.stop()
            return None
        what, _, name = word.partition(" ")
        if word == "sessions":
            print(self.sessions)
            return None
        if what == "attempts" or (what in ("stop", "restart", "undo", "changes") and name):
            with _usage():
                return self.sessions.do(what, name.strip())
        if word not in ("", "doctor"):
            raise UsageError(f"%sandbox takes no {word!r}: {_WAYS}")
        with importing():
            from sandbox_magic.jail.doctor import diagnose
        with _usage():
            policy = _options.to_policy(self._defaults(["limits", "policy"]))
        if not word:
            print("defaults (%config SandboxMagics.NAME = VALUE changes one):")
            own = self._own()
            for option in _options.OPTIONS:
                print(f"  {option.name:<16} {own.get(option.keyword, option.default)}")
        print(diagnose(policy))
        return None

    # The table too: who asks for help with the cursor on %%sandbox (Shift-Tab) is shown the line magic's.
    about.__doc__ = f"{HELP}\n{_ABOUT}"  # type: ignore[assignment] # as above

    def park(self) -> None:
        """Park a sandbox for the first cell, if that is configured."""
        with suppress(PolicyError, OSError):  # the first cell says what is wrong
            if self._own().get("warm") != "at load":
                return
            with importing():
                from sandbox_magic.jail import pool
                from sandbox_magic.jail.fingerprint import fingerprint
            policy = _options.to_policy(self._defaults(["limits", "policy"]))
            if not policy.workspace:  # what it depends on is known when it is listed
                pool.spares.want(fingerprint(policy, None), policy, None)

    def _known(self, name: str) -> Known:
        return namespace.known(self.shell, name) or self._earlier.known(name)

    def _defaults(self, scopes: Sequence[_options.Scope]) -> dict[str, object]:
        own = self._own()
        return _options.read({key: own[key] for key in own if _options.BY_KEYWORD[key].scope in scopes}, scopes)

    def _own(self) -> dict[str, object]:
        """Return what is configured, by keyword."""
        own = {key: trait.configured(self) for key, trait in self.traits().items() if isinstance(trait, OptionDefault)}
        return {key: value for key, value in own.items() if value is not None}

    @property
    def languages_of_the_user(self) -> tuple[Language, ...]:
        """The languages that are configured besides the table's."""
        return self._defaults(["run"]).get("languages", ())  # type: ignore[return-value] # as the table parses it


def _show_later(shell: InteractiveShell, view: NotebookView, events: list[Display]) -> None:
    """Show these once the notebook has shown the cell's value, as it does with a figure that was left open."""

    def show() -> None:
        shell.events.unregister("post_execute", show)
        for event in events:
            view.publish(event)

    if events:
        shell.events.register("post_execute", show)


def warn(text: str) -> None:
    """Tell the person something that is no error."""
    print(f"sandbox_magic: {text}", file=sys.stderr)


_said: set[str] = set()


def _say_weaker(result: Result) -> None:
    """Say once in a kernel which limits the kernel does not enforce for the run as a whole."""
    weaker = [guard for guard in result.isolation.weaker if guard.remedy and guard.name not in _said]
    _said.update(guard.name for guard in weaker)
    for guard in weaker:
        warn(f"{guard.name} is {guard.strength} here, not enforced ({guard.mechanism}). To fix it: {guard.remedy}")
