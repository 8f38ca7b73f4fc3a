"""`run` and `stream`: untrusted code in, a result or events out."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sandbox_magic.execution import given_files
from sandbox_magic.execution import source as _source
from sandbox_magic.execution.background import BackgroundRun
from sandbox_magic.execution.cell import Cell
from sandbox_magic.execution.drive import View, drive
from sandbox_magic.execution.loop import Loop
from sandbox_magic.execution.run import Run
from sandbox_magic.jail.lease import Cold, Warm
from sandbox_magic.model import language_choice
from sandbox_magic.model import options as _options
from sandbox_magic.model.errors import PolicyError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from typing import Unpack

    from sandbox_magic.execution.hint_facts import Known
    from sandbox_magic.model.languages import Language
    from sandbox_magic.model.option_types import Options
    from sandbox_magic.model.policy import Policy
    from sandbox_magic.model.result import Result

_SCOPES: tuple[_options.Scope, ...] = ("limits", "policy", "run")
_FIELDS = {option.keyword: option.field for option in _options.OPTIONS if option.scope == "run"}


def run(
    source: str | bytes | os.PathLike[str],
    *,
    policy: Policy | None = None,
    files: Mapping[str, bytes] | None = None,
    **options: Unpack[Options],
) -> Result:
    """Run untrusted code in a sandbox and return its result.

    How the code ends never raises; Ctrl-C ends the code and is an outcome too (pressed again when
    two seconds have not ended it, it raises KeyboardInterrupt).

    Args:
        source: The code, run as ``__main__`` from a file, verbatim; or the path of a file with code in it, which
            keeps its name, and whose suffix says what it is written in.
        policy: What it may see, use and do.
        files: Files for its working directory, by name: ``{"a.csv": b"..."}``. `Result.files` has what came out.
        **options: On top of the policy: ``timeout=5``, ``memory="256M"``, ``stdin="..."``, ``args=["a"]``.

    Raises:
        PolicyError: An option makes no sense.
        SandboxUnavailable: No sandbox could be started, so nothing was run.
    """
    return drive(prepare(source, options, policy, files=files), View())


def stream(
    source: str | bytes | os.PathLike[str],
    *,
    policy: Policy | None = None,
    files: Mapping[str, bytes] | None = None,
    **options: Unpack[Options],
) -> Run:
    """Return the same run event by event: `Text`, `Display`, `Sample` as they come, then `Ended`.

    The run starts with the first event asked for, and ends if the iterator is left or dropped:
    ``with stream(...) as run``, then ``run.result`` has what came of it so far. An `InputRequest`
    is answered with `Run.answer` before the next event is asked for.

    Args:
        source: As for `run`.
        policy: Likewise.
        files: Likewise.
        **options: Likewise.

    Raises:
        PolicyError: An option makes no sense.
    """
    return prepare(source, options, policy, files=files)


def start(
    source: str | bytes | os.PathLike[str],
    *,
    policy: Policy | None = None,
    files: Mapping[str, bytes] | None = None,
    **options: Unpack[Options],
) -> BackgroundRun:
    """Start the same run in the background, and return a handle: ``done``, ``wait()``, ``stop()``.

    Args:
        source: As for `run`.
        policy: Likewise.
        files: Likewise.
        **options: Likewise.

    Raises:
        PolicyError: An option makes no sense.
    """
    return BackgroundRun(prepare(source, options, policy, files=files), View())


def prepare(  # noqa: PLR0913 - what goes with a cell, each by name
    source: str | bytes | os.PathLike[str] | _source.Source,
    options: Mapping[str, Any],
    policy: Policy | None = None,
    *,
    files: Mapping[str, bytes] | None = None,
    stdin: int | None = None,
    last_value: bool = True,
    variable: Callable[[str], Known] = lambda _: "",
    writes: bool = True,
    compile_seconds: float | None = None,
) -> Run:
    """Return a run that has not started yet; arguments and errors as for `stream`.

    A value that the option table has read already is taken as it is.

    Args:
        source: As for `stream`.
        options: Likewise, as a mapping.
        policy: Likewise.
        files: Likewise.
        stdin: A descriptor that the code's standard input is copied from as it comes, where the options have none.
        last_value: Whether the value of its last expression is shown, as in a notebook.
        variable: Tells what the caller knows of a name, for a hint.
        writes: Whether the files that ``save`` names are written to this directory, not only in the result.
        compile_seconds: Real time for a compiler; None for as much as the limits give.
    """
    values = _options.read(options, _SCOPES)
    lease = Warm() if values.pop("warm", True) else Cold()
    cell, whole = cell_of(source, values, policy, files=files, stdin=stdin, last_value=last_value, variable=variable)
    if compile_seconds is not None:
        cell = replace(cell, compile_seconds=compile_seconds)
    loop = Loop(cell, whole, lease)
    loop.provide = provider(whole)
    loop.files.writes = writes
    return Run(loop)


def provider(policy: Policy) -> Callable[[Policy, Callable[[], bool]], Policy] | None:
    """Return what fetches the packages that a policy names; None where it names none."""
    if not policy.packages:
        return None
    from sandbox_magic.execution import downloading  # few runs need it

    return downloading.provide


def cell_of(  # noqa: PLR0913 - what goes with a cell, each by name
    source: str | bytes | os.PathLike[str] | _source.Source,
    values: Mapping[str, Any],
    policy: Policy | None = None,
    *,
    files: Mapping[str, bytes] | None = None,
    stdin: int | None = None,
    last_value: bool = True,
    variable: Callable[[str], Known] = lambda _: "",
) -> tuple[Cell, Policy]:
    """Return the cell and the policy of a run; as for `prepare`, of options that have been read."""
    values = dict(values)
    code = _source.read(source)
    given: dict[str, Any] = {_FIELDS[name]: values.pop(name) for name in list(values) if name in _FIELDS}
    if isinstance(given.get("inputs"), tuple):  # as a magic gives them, which knows the values
        msg = f"option input: {', '.join(given['inputs'])} without a value"
        raise PolicyError(msg, remedy='a dict: inputs={"x": x}')
    language = given["language"] = language_of(code, given.get("language"), given.get("languages", ()))
    if language.commands:
        code = _source.with_line_feeds(code)
    if language.commands and (given.get("inputs") or given.get("outputs")):
        msg = f"variables go to and from Python only, and this is {language.name}"
        raise PolicyError(msg, remedy="stdin, args or --bind for what goes in; print or --save for what comes out")
    if stdin is not None:
        given.setdefault("stdin", stdin)
    whole = _options.to_policy(values, policy)
    cell = Cell(source=code, files=given_files.read(files, whole), last_value=last_value, variable=variable, **given)
    return cell, whole


def language_of(code: _source.Source, named: str | Language | None, own: tuple[Language, ...] = ()) -> Language:
    """Return what code is written in: what an option says, its ``#!`` line, or its file's suffix.

    Raises:
        PolicyError: There is no such language.
    """
    text = code.text.removeprefix(_source.BYTE_ORDER_MARK)
    if code.path and named is None and not text.startswith(b"#!"):
        named = language_choice.for_suffix(code.path, own)
    return language_choice.of(text, named, own)


def _show_options(function: Callable[..., object]) -> None:
    """Let whoever asks for its signature (Shift-Tab, Tab) see each option, which ``**options`` would hide."""
    found = inspect.signature(function)
    fixed = [each for each in found.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
    options = [
        inspect.Parameter(option.keyword, inspect.Parameter.KEYWORD_ONLY, default=_Default(option.default))
        for option in _options.OPTIONS
        if option.scope in _SCOPES
    ]
    function.__signature__ = found.replace(parameters=[*fixed, *options])  # type: ignore[attr-defined] # PEP 362


class _Default(str):  # noqa: SLOT000 - a handful
    """A default as the table says it; shown without quotes."""

    def __repr__(self) -> str:
        return str(self)


_show_options(run)
_show_options(stream)
_show_options(start)
