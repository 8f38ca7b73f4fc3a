"""Which language a cell is in: the one that is named, its file's suffix, its ``#!`` line."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.languages import FILE, PYTHON, Language, known
from sandbox_magic.model.option_values import split_words

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_LINE = 1000  # of a #! line; the kernel itself reads 256 bytes
_SHOWN = 60
_OUR_PYTHON = re.compile(r"python(3(\.\d+)?)?")


def of(source: bytes, language: str | Language | None = None, own: Iterable[Language] = ()) -> Language:
    """Return the language of a cell: the one that is named, else what its ``#!`` line says, else Python.

    Args:
        source: The cell.
        language: As the option was given.
        own: The user's languages.

    Raises:
        PolicyError: There is no such language; names the nearest, or all.
    """
    if isinstance(language, Language):
        return language
    if language is not None:
        return _named(language, known(own))
    return _of_first_line(source, known(own)) or PYTHON


def _named(name: str, languages: tuple[Language, ...]) -> Language:
    by_name = {alias: each for each in reversed(languages) for alias in (*each.aliases, each.name)}
    folded = {alias.casefold(): each for alias, each in by_name.items()}
    found = by_name.get(name) or folded.get(name.casefold())
    if found is not None:
        return found
    near = difflib.get_close_matches(name.casefold(), folded, n=1)
    remedy = near[0] if near else f"one of {', '.join(each.name for each in languages)}"
    raise PolicyError(f"there is no language {name!r}", remedy=remedy)


def for_suffix(name: str, own: Iterable[Language] = ()) -> Language | None:
    """Return the language of a file by the end of its name: ``script.mjs`` is node's, and keeps its suffix."""
    suffix = os.path.splitext(name)[1]
    for language in known(own):
        for each in filter(None, (language.suffix, *language.suffixes)):
            if each.casefold() == suffix.casefold():
                return language if each == language.suffix else _with_suffix(language, each)
    return None


def _with_suffix(language: Language, suffix: str) -> Language:
    return replace(language, suffix=suffix, aliases=(), suffixes=())


def _of_first_line(source: bytes, languages: tuple[Language, ...]) -> Language | None:
    """Read a ``#!`` line as the kernel does (execve(2)): a program, and the rest as one argument.

    Of ``env`` the arguments are split, whether it has ``-S`` or not: what is meant is plain.
    """
    if not source.startswith(b"#!"):
        return None
    line = source[2:_LONGEST_LINE].split(b"\n", 1)[0].decode("utf-8", "surrogateescape").strip(" \t\r")
    program, _, rest = line.replace("\t", " ").partition(" ")
    words = [program, rest.strip()] if rest.strip() else [program]
    if not program or "\0" in line:
        return None
    if os.path.basename(program) == "env" and len(words) > 1:
        words = _of_env(program, words[1])
    return _of_program(words, languages)


def _of_env(env: str, rest: str) -> list[str]:
    """Return what env would start; env itself where it has more to do than to find a program."""
    for option in ("--split-string=", "-vS", "-S"):
        rest = rest.removeprefix(option)
    words = split_words(rest, "the #! line can't be read")
    plain = bool(words) and not words[0].startswith("-") and "=" not in words[0]
    return words if plain else [env, *words]


def _of_program(words: list[str], languages: tuple[Language, ...]) -> Language:
    name = os.path.basename(words[0])
    if _OUR_PYTHON.fullmatch(name):
        return PYTHON
    shown = "".join(filter(str.isprintable, name))[:_SHOWN].strip()  # the code chose it
    found = next((each for each in languages if name in (*each.aliases, *_programs(each))), None)
    own = Language(name=shown or "#!", suffix=found.suffix if found else "", commands=((*words, FILE),))
    return replace(own, lines=found.lines, through=found.through, beside=found.beside) if found else own


def _programs(language: Language) -> list[str]:
    return [name for program in language.programs for name in program.split("|")]
