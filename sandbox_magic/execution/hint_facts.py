"""What a hint is made from, besides the text that the code wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sandbox_magic.untrusted.text import label

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sandbox_magic.model.policy import Limits

Known = Literal["", "value", "unsupported", "code", "earlier value", "earlier code"]
"""What the caller knows of a name: nothing, a variable of the notebook that can be passed in, one that can't, its
import, function or class, or a variable or code of an earlier sandboxed cell."""
_LONGEST = 200  # characters of a path


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known besides the text.

    Attributes:
        limits: The limits in force.
        said: The notes that the result has already.
        memory_is_watched: Whether memory is only monitored, so that each process has a limit of its own.
        layered: Whether its workspace is an overlay.
        hidden: Returns whether a path exists on this machine and not at the same place in the sandbox; a relative
            one starts from the directory of the notebook.
        elsewhere: Returns whether an absolute path leads to no directory that the sandbox has.
        beside: Returns where a relative path leads from the script's directory, if it exists there only.
        module: Finds a module on this machine: returns its file or directory, empty if the sandbox sees it, and
            whether it belongs to this process's own Python while the run used another.
        shown_as: Returns the name of an absolute path in the working directory; empty if it is not bound there.
        bound: Returns whether a path in the working directory is a bind.
        variable: Returns what the notebook knows of a name.
        reads_nothing: Whether the code reads standard input, and there was none.
        net: What it may connect to, as it was typed.
        sought: The host that the code was to reach when it failed, as ``--net`` takes it, by the code's own word.
        binds_reach_home: Whether ``--bind PATH:NAME`` shows it as ``~/NAME``: the working directory is the home.
    """

    limits: Limits
    said: Sequence[str]
    memory_is_watched: bool
    hidden: Callable[[str], bool]
    module: Callable[[str], tuple[str, bool] | None]
    layered: bool = False
    elsewhere: Callable[[str], bool] = lambda _: False
    beside: Callable[[str], str] = lambda _: ""
    shown_as: Callable[[str], str] = lambda _: ""
    bound: Callable[[str], bool] = lambda _: False
    variable: Callable[[str], Known] = lambda _: ""
    reads_nothing: bool = False
    net: Sequence[str] = ()
    sought: str = ""
    binds_reach_home: bool = False


def is_plain(path: str) -> bool:
    """Return whether a path is shown unchanged: one that is cut or escaped can't be copied from the hint."""
    return 0 < len(path) <= _LONGEST and label(path, _LONGEST) == path and path.isprintable()
