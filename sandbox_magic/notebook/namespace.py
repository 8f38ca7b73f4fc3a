"""The notebook's variables, as far as a sandboxed cell has to do with them."""

from __future__ import annotations

import difflib
import keyword
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Literal

from sandbox_magic.model.errors import PolicyError
from sandbox_magic.safe_import import importing

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def chosen(shell: InteractiveShell, names: object) -> dict[str, object]:
    """Return the notebook's variables of these names.

    Raises:
        PolicyError: There is none of such a name.
    """
    found = {}
    for name in names if isinstance(names, (tuple, dict)) else ():
        if name not in shell.user_ns:
            msg = f"option input: there is no variable {name}"
            near = difflib.get_close_matches(name, own(shell), n=1)
            raise PolicyError(msg, remedy=near[0] if near else "the name of one that the notebook has")
        found[name] = shell.user_ns[name]
    return found


def own(shell: InteractiveShell) -> list[str]:
    """Return the names of the notebook's variables that -i could pass in, those that begin with _ left out."""
    return [name for name in shell.user_ns if name[:1] != "_" and travels(shell, name)]


def travels(shell: InteractiveShell, name: str) -> bool:
    """Return whether the notebook has a variable of this name that -i could pass in."""
    kept = (ModuleType, FunctionType, type)
    return name in shell.user_ns and name not in shell.user_ns_hidden and not isinstance(shell.user_ns[name], kept)


def known(shell: InteractiveShell, name: str) -> Literal["", "value", "unsupported", "code"]:
    """Return whether the notebook has a variable of this name, and whether -i would pass it in."""
    if name not in shell.user_ns or name in shell.user_ns_hidden:
        return ""
    if not travels(shell, name):
        return "code"
    with importing():
        from sandbox_magic.execution.variables import packed
    try:
        packed({name: shell.user_ns[name]})
    except PolicyError:
        return "unsupported"
    return "value"


def variable(name: object) -> str:
    """Return the name if a variable can have it.

    Raises:
        PolicyError: None can.
    """
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        msg = f"option result: {name!r} is not the name of a variable"
        raise PolicyError(msg, remedy="a name such as r1")
    return name
