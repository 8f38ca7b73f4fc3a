"""The programs that run a language, found in what a sandbox sees, before anything is run."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from sandbox_magic.guest import wire
from sandbox_magic.jail.view import environment, host_paths, places
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.languages import Language, known
from sandbox_magic.model.summary import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox_magic.jail.view.interpreter import Interpreter
    from sandbox_magic.model.policy import Limits

LINES = f"{places.GUEST}/lines/lines"  # see model/languages.py
_MADE = "/tmp/cell"  # noqa: S108 - what a compiler makes; in the sandbox's own /tmp
_MOST_LINKS = 40  # as the kernel's, path_resolution(7)
_SHOWN = 80


def commands(
    language: Language,
    interpreter: Interpreter,
    limits: Limits,
    own: Iterable[Language] = (),
    *,
    file: str = f"{places.CELL}/cell",
) -> tuple[tuple[str, ...], ...]:
    """Return what runs a cell of the language in a sandbox; nothing for the ordinary Python runtime.

    Args:
        language: The language.
        interpreter: The Python inside, whose programs are there too.
        limits: What the environment inside depends on.
        own: The user's languages, to be named among those that are there.
        file: The path of the code inside.

    Raises:
        PolicyError: A program is not there; says which, and which languages are.
    """
    if not language.commands:
        return ()
    view = View(interpreter, limits)
    found = []
    for first, *rest in language.argv(file, _MADE, LINES):
        program = view.find(first)
        if program is None:
            raise _missing(first, view, own)
        found.append((program, *rest))
    for needed in language.needs:
        if view.find(needed) is None:
            raise _missing(needed, view, own)
    if found and language.through and view.find(language.through[0]):
        found[-1] = (*language.through, *found[-1])
    return tuple(found)


def packed(
    language: Language, interpreter: Interpreter, limits: Limits, own: Iterable[Language] = (), *, file: str
) -> bytes:
    """Return the same as the guest takes it: a frame for each command.

    Raises:
        PolicyError: As `commands`.
    """
    found = commands(language, interpreter, limits, own, file=file)
    return b"".join(wire.pack(*map(os.fsencode, command)) for command in found)


def available(interpreter: Interpreter, limits: Limits, own: Iterable[Language] = ()) -> tuple[str, ...]:
    """Return the names of the languages whose programs are all in the sandbox."""
    return _available(View(interpreter, limits), own)


class View:
    """The host's programs, as a sandbox sees them.

    Args:
        interpreter: The Python inside.
        limits: What the environment inside depends on.
    """

    def __init__(self, interpreter: Interpreter, limits: Limits) -> None:
        machine = host_paths.host()
        self._shown = (*machine.binds, *interpreter.shared)
        self._search = environment.environment(interpreter, limits, machine)["PATH"].split(":")

    def find(self, program: str) -> str | None:
        """Return the first of a program's names (``"lua|lua5.4"``) under which it is there; None if it is not."""
        return next((name for name in program.split("|") if self._has(name)), None)

    def _has(self, name: str) -> bool:
        if name == _MADE or _is_the_cells_own(name):
            return True
        places = [name] if "/" in name else [f"{place}/{name}" for place in self._search]
        return any(self._leads_to_a_program(place) for place in places)

    def _leads_to_a_program(self, path: str) -> bool:
        """Follow the path link by link: each must be shown, and the last be a program."""
        for _ in range(_MOST_LINKS):
            folder = os.path.realpath(os.path.dirname(path))
            path = os.path.normpath(os.path.join(folder, os.path.basename(path)))
            if not any(path == place or path.startswith(place.rstrip("/") + "/") for place in self._shown):
                return False
            if not os.path.islink(path):
                return os.path.isfile(path) and os.access(path, os.X_OK)
            path = os.path.join(folder, os.readlink(path))
        return False


def _is_the_cells_own(name: str) -> bool:
    """Return whether it is a program that lies where the cell's files do; whether it is there turns out inside."""
    writable = (f"{places.HOME}/", "/tmp/", "./")  # noqa: S108 - inside
    return "/" in name and (not os.path.isabs(name) or name.startswith(writable))


def _available(view: View, own: Iterable[Language]) -> tuple[str, ...]:
    def is_there(language: Language) -> bool:
        return all(view.find(program) for program in language.programs)

    return tuple(language.name for language in known(own) if is_there(language))


def _missing(program: str, view: View, own: Iterable[Language]) -> PolicyError:
    names = [printable(name, _SHOWN) for name in program.split("|")]
    listed = " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    what = f"there is no {listed} in the sandbox, so nothing was run; there are {', '.join(_available(view, own))}"
    if (outside := _on_the_host(program)) is None:
        return PolicyError(what, remedy="install it for all users (as a system package), or --lang one of these")
    seen = f"{outside}, which a sandbox does not see"
    return PolicyError(what, seen=seen, remedy="install it below /usr, or --lang one of these")


def _on_the_host(program: str) -> str | None:
    search = os.environ.get("PATH", "/usr/bin:/bin").split(os.pathsep)
    places = os.pathsep.join(place for place in search if os.path.isabs(place))
    return next(
        (path for name in program.split("|") if "/" not in name and (path := shutil.which(name, path=places))), None
    )
