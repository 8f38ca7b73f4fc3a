"""``%%sandbox`` and ``%sandbox``: options in, events to the cell."""

from __future__ import annotations

import difflib
import keyword
import sys
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand
from traitlets import TraitError, TraitType

from sandbox_magic.execution.api import prepare
from sandbox_magic.execution.drive import drive
from sandbox_magic.jail.doctor import diagnose
from sandbox_magic.model import options as _options
from sandbox_magic.model.errors import PolicyError, StoppedEarly
from sandbox_magic.model.result import RunFailed
from sandbox_magic.notebook.arguments import HELP, parse
from sandbox_magic.notebook.views import view_for
from sandbox_magic.safe_import import shadow_warning

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from sandbox_magic.model.output import Display
    from sandbox_magic.model.result import Result
    from sandbox_magic.notebook.views import NotebookView


class OptionDefault(TraitType[Any, Any]):
    """A default for one option, set with ``%config SandboxMagics.NAME = VALUE``; None is the table's own."""

    allow_none = True
    default_value = None

    def __init__(self, option: _options.Option) -> None:
        super().__init__(help=f"{option.help} (the table's default: {option.default})")
        self.option = option
        self.tag(config=True)

    def validate(self, _owner: object, value: object) -> object:
        """Refuse a value that the option would refuse; keep it as it was given."""
        try:
            parsed = _options.read({self.option.keyword: value}, [self.option.scope])
            _options.to_policy(parsed)
            if self.option.keyword == "result":
                variable(value)
        except PolicyError as error:
            raise TraitError(str(error)) from error
        return value if self.option.parse else parsed[self.option.keyword]


_metaclass: Any = type(Magics)
_Configurable: Any = _metaclass(
    "_Configurable", (Magics,), {option.keyword: OptionDefault(option) for option in _options.OPTIONS}
)


@magics_class
class SandboxMagics(_Configurable):  # type: ignore[misc] # made from the table, so its type is not written down
    """The magics, and the defaults of their options."""

    @no_var_expand
    @cell_magic("sandbox")  # type: ignore[arg-type] # IPython's decorators are not typed for methods
    def run_cell(self, line: str, cell: str) -> Display | None:  # noqa: D102 - the help of the option table, below
        values = self._values(line)
        if values is None:
            print(HELP)
            return None
        shown = {key: values.pop(key) for key in list(values) if _options.BY_KEYWORD[key].scope == "show"}
        raises = not shown.get("no_raise_error")
        run = None
        try:
            name = variable(shown.get("result", "_sandbox"))
            if "inputs" in values:
                values["inputs"] = _variables(self.shell, values["inputs"])
            run = prepare(cell, values, variable=lambda name: _travels(self.shell, name))
            view = view_for(self.shell, run, shown, raises=raises)
            result = drive(run, view)
        except PolicyError as error:
            raise UsageError(str(error)) from None
        except KeyboardInterrupt:
            if run is None or not run.started:
                raise StoppedEarly from None
            raise
        self.shell.push({**result.outputs, name: result})
        if not shown.get("quiet"):
            _say_weaker(result)
        if raises and not result.ok:
            for event in view.value:
                view.publish(event)
            raise RunFailed(result)
        _show_later(self.shell, view, view.value[1:])
        return view.value[0] if view.value else None

    run_cell.__doc__ = HELP  # type: ignore[assignment] # as above

    @no_var_expand
    @line_magic("sandbox")  # type: ignore[arg-type] # as above
    def about(self, line: str) -> None:
        """Say what is configured and what this machine enforces; ``%sandbox doctor`` only the latter.

        Put ``%%sandbox`` (two percent signs) on top of a cell to run that cell in a sandbox.
        """
        word = line.strip()
        if word in ("-h", "--help"):
            print(HELP)
            return
        if word not in ("", "doctor"):
            msg = f"%sandbox takes no {word!r}: %sandbox, %sandbox doctor, or %%sandbox on top of a cell"
            raise UsageError(msg)
        try:
            policy = _options.to_policy(self._defaults(["limits", "policy"]))
        except PolicyError as error:
            raise UsageError(str(error)) from None
        if not word:
            print("defaults (%config SandboxMagics.NAME = VALUE changes one):")
            for option in _options.OPTIONS:
                own = getattr(self, option.keyword)
                print(f"  {option.name:<16} {option.default if own is None else own}")
        print(diagnose(policy))

    def _values(self, line: str) -> dict[str, object] | None:
        """Return the parsed options of a line on top of the configured ones; None if help is asked for."""
        try:
            given = parse(line)
            if given is None:
                return None
            return {**self._defaults(["limits", "policy", "run", "show"]), **given}
        except PolicyError as error:
            raise UsageError(str(error)) from None

    def _defaults(self, scopes: list[_options.Scope]) -> dict[str, object]:
        own = {option.keyword: getattr(self, option.keyword) for option in _options.OPTIONS if option.scope in scopes}
        return _options.read({key: value for key, value in own.items() if value is not None}, scopes)


def _variables(shell: InteractiveShell, names: object) -> dict[str, object]:
    """Return the notebook's variables of these names.

    Raises:
        PolicyError: There is none of such a name.
    """
    found = {}
    for name in names if isinstance(names, (tuple, dict)) else ():
        if name not in shell.user_ns:
            msg = f"option input: there is no variable {name}"
            own = [each for each in shell.user_ns if each[:1] != "_" and _travels(shell, each)]
            near = difflib.get_close_matches(name, own, n=1)
            raise PolicyError(msg, remedy=near[0] if near else "the name of one that the notebook has")
        found[name] = shell.user_ns[name]
    return found


def _travels(shell: InteractiveShell, name: str) -> bool:
    """Return whether the notebook has a variable of this name that -i could give to the code."""
    kept = (ModuleType, FunctionType, type)
    return name in shell.user_ns and name not in shell.user_ns_hidden and not isinstance(shell.user_ns[name], kept)


def _show_later(shell: InteractiveShell, view: NotebookView, events: list[Display]) -> None:
    """Show these once the cell's value stands in the notebook, as a figure that was left open is shown there."""

    def show() -> None:
        shell.events.unregister("post_execute", show)
        for event in events:
            view.publish(event)

    if events:
        shell.events.register("post_execute", show)


_said: set[str] = set()


def _say_weaker(result: Result) -> None:
    """Say once in a kernel which limits are held by less than the kernel for the run as a whole."""
    weaker = [guard for guard in result.isolation.weaker if guard.name not in _said]
    _said.update(guard.name for guard in weaker)
    for guard in weaker:
        _warn(f"{guard.name} is {guard.strength} here, not enforced ({guard.mechanism}). To mend it: {guard.remedy}")


def variable(name: object) -> str:
    """Return the name if a variable can have it.

    Raises:
        PolicyError: None can.
    """
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        msg = f"option result: {name!r} is not the name of a variable"
        raise PolicyError(msg, remedy="a name such as r1")
    return name


def load(shell: InteractiveShell) -> None:
    """Register the magics; say so if another package's ``%%sandbox`` is replaced."""
    magics = _configured(shell)
    replaced = {kind: shell.magics_manager.magics[kind].get("sandbox") for kind in ("line", "cell")}
    magics.replaced = replaced
    shell.register_magics(magics)
    other = replaced["cell"]
    owner = getattr(other, "__self__", None)
    module = getattr(other, "__module__", "") if owner is None else type(owner).__module__
    if module and not module.startswith("sandbox_magic."):
        _warn(
            f"%%sandbox was {module}'s until now, which is something else; from here on it is sandbox_magic's. "
            "%unload_ext sandbox_magic gives it back."
        )
    if warning := shadow_warning():  # it would have run, had we not been imported before
        _warn(warning)


def _configured(shell: InteractiveShell) -> SandboxMagics:
    """Make the magics with what the user has configured; a value that makes no sense is left out, and said."""
    while True:
        try:
            return SandboxMagics(shell)
        except TraitError as error:
            shell.configurables[:] = [item for item in shell.configurables if not isinstance(item, SandboxMagics)]
            bad = next((name for name in shell.config.SandboxMagics if f"option {name}" in str(error)), None)
            for name in [bad] if bad else list(shell.config.SandboxMagics):
                del shell.config.SandboxMagics[name]
            _warn(f"a configured default is left out: {error}")


def _warn(text: str) -> None:
    print(f"sandbox_magic: {text}", file=sys.stderr)


def unload(shell: InteractiveShell) -> None:
    """Take the magics away, and give back what they replaced."""
    for kind, table in shell.magics_manager.magics.items():
        owner = getattr(table.get("sandbox"), "__self__", None)
        if isinstance(owner, SandboxMagics):
            del table["sandbox"]
            if (before := owner.replaced.get(kind)) is not None:
                table["sandbox"] = before
    shell.configurables[:] = [item for item in shell.configurables if not isinstance(item, SandboxMagics)]
