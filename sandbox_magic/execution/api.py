"""`run` and `stream`: untrusted code in, a result or events out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox_magic.execution.cell import Cell
from sandbox_magic.execution.drive import View, drive
from sandbox_magic.execution.loop import Loop
from sandbox_magic.execution.run import Run
from sandbox_magic.jail.lease import Cold
from sandbox_magic.model import languages as _languages
from sandbox_magic.model import options as _options
from sandbox_magic.model.errors import PolicyError

if TYPE_CHECKING:
    from sandbox_magic.model.policy import Policy
    from sandbox_magic.model.result import Result


_FIELDS = {option.keyword: option.field for option in _options.OPTIONS if option.scope == "run"}


def run(source: str | bytes, *, policy: Policy | None = None, **options: object) -> Result:
    """Run untrusted code in a sandbox and give its result.

    How the code ends never raises; Ctrl-C ends the code and is an outcome too (pressed again when
    two seconds have not ended it, it raises KeyboardInterrupt).

    Args:
        source: The code, run as ``__main__`` from a file, verbatim.
        policy: What it may see, use and do.
        **options: Options of the table (`sandbox_magic.model.options.OPTIONS`), on top of the policy:
            ``timeout=5``, ``memory="256M"``, ``stdin="..."``, ``args=["a"]``.

    Raises:
        PolicyError: An option makes no sense.
        SandboxUnavailable: No sandbox could be started, so nothing was run.
    """
    return drive(stream(source, policy=policy, **options), View())


def stream(source: str | bytes, *, policy: Policy | None = None, **options: object) -> Run:
    """Give the same run event by event: `Text`, `Display`, `Sample` as they come, then `Ended`.

    The run starts with the first event asked for, and ends if the iterator is dropped. An
    `InputRequest` is answered with `Run.answer` before the next event is asked for.

    Raises:
        PolicyError: An option makes no sense.
    """
    values = _options.read(options, ("limits", "policy", "run"))
    if not isinstance(source, (str, bytes)):
        msg = f"the source is a {type(source).__name__}"
        raise PolicyError(msg, remedy="the code as a string or bytes")
    text = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    given = {_FIELDS[name]: values.pop(name) for name in list(values) if name in _FIELDS}
    if isinstance(given.get("inputs"), tuple):  # as a magic gives them, which knows the values
        msg = f"option input: {', '.join(given['inputs'])} without a value"  # type: ignore[arg-type] # names
        raise PolicyError(msg, remedy='a dict: inputs={"x": x}')
    language = given["language"] = _languages.of(text, given.get("language"), given.get("languages", ()))  # type: ignore[arg-type] # parsed by the table
    if language.commands and (given.get("inputs") or given.get("outputs")):
        msg = f"variables go to and from Python only, and this is {language.name}"
        raise PolicyError(msg, remedy="stdin, args or --bind for what goes in; print or --save for what comes out")
    cell = Cell(source=text, **given)  # type: ignore[arg-type] # parsed by the table
    return Run(Loop(cell, _options.to_policy(values, policy), Cold()))
