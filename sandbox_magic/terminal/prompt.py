"""The code's questions, put to the person at the terminal."""

from __future__ import annotations

import sys
from getpass import getpass
from typing import TYPE_CHECKING

from sandbox_magic.terminal.streams import is_terminal

if TYPE_CHECKING:
    from sandbox_magic.model.output import InputRequest


def ask(request: InputRequest, who: str) -> str | None:
    """Return what the person at the terminal types; None if there is no terminal.

    Raises:
        KeyboardInterrupt: The person stopped it, or the run is over.
    """
    if not _person_there():
        return None
    try:
        return getpass(question(request, who)) if request.password else input(question(request, who))
    except EOFError:
        return None


def question(request: InputRequest, who: str) -> str:
    """Return a question with the code's prompt in it, labelled so that it can't be mistaken for the system's."""
    return f"the {who} asks: {request.prompt}{' ' * bool(request.prompt)}"


def _person_there() -> bool:
    try:
        return bool(sys.stdin.isatty()) and is_terminal("stdout")
    except (AttributeError, ValueError):  # closed, or none
        return False
