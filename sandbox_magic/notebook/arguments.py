"""The words after ``%%sandbox`` -> options."""

from __future__ import annotations

import argparse
import os
import re
from typing import NoReturn

from sandbox_magic.model import options as _options
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.forwards import presets
from sandbox_magic.model.option_values import split_words

_HELP = "%sandbox -h lists the options"
_PIECE = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.|\s+|[^\s'"\\]+|.""", re.DOTALL)
_VARIABLE = re.compile(r"\{([^\W\d]\w*(?:[.\[(][^{}]*)?)\}")
_OF_LANGUAGES = ("{file}", "{out}")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise PolicyError(message, remedy=_HELP)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="%%sandbox",
        usage="%%%%sandbox [OPTION ...]",  # the list comes first: the window for help in a notebook is small
        description="Run the cell in a sandbox: no network, no files of yours, bounded in time, memory and processes.",
        epilog=f"Presets of --net: {presets()}. "
        "The Result is in _sandbox afterwards. %sandbox says what this machine enforces.",
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=28, width=88),
        add_help=False,
        allow_abbrev=False,
    )
    parser.add_argument("-h", "--help", action="store_true", help="show this and run nothing")
    _options.add_to(parser)
    return parser


HELP = _parser().format_help()


def parse(line: str) -> dict[str, object] | None:
    """Return keyword -> parsed value for the options of the line; None if help is asked for.

    Raises:
        PolicyError: An option or a value is wrong; says what would be right.
    """
    return _read(_words(line))


def parse_file(line: str) -> tuple[str, dict[str, object] | None]:
    """Return the path of the file that a line begins with, and the options behind it, as `parse` returns them.

    Raises:
        PolicyError: There is no file, or an option or a value is wrong; says what would be right.
    """
    words = _words(line)
    if words[:1] in (["-h"], ["--help"]):
        return "", None
    if not words or words[0].startswith("-"):
        seen = f"{words[0]} is an option" if words else ""
        raise PolicyError("%sandbox run needs a file", seen=seen, remedy="%sandbox run FILE [OPTION ...]")
    return os.path.expanduser(words[0]), _read(words[1:])


def _words(line: str) -> list[str]:
    words = _without_comment(line).strip()
    _refuse_variables(words)
    if (len(words) - len(words.rstrip("\\"))) % 2:  # two are a backslash, one would escape what follows
        msg = "options stand on one line, and this one ends in \\"
        raise PolicyError(msg, seen=words, remedy="all of them behind %%sandbox, without the \\")
    return split_words(words, f"the line can't be read: {words}")


def _read(words: list[str]) -> dict[str, object] | None:
    read, rest = _parser().parse_known_args(words)
    if rest:
        raise _options.unknown(rest, [f"--{option.name}" for option in _options.OPTIONS], _HELP)
    given = vars(read)
    if given.pop("help"):
        return None
    return _options.read(given, ("limits", "policy", "run", "show"))


def _without_comment(line: str) -> str:
    """Return the line up to a ``#`` that begins a word, as a shell reads it."""
    kept: list[str] = []
    for piece in _PIECE.findall(line):
        if piece.startswith("#") and (not kept or kept[-1].isspace()):
            break
        kept.append(piece)
    return "".join(kept)


def _refuse_variables(line: str) -> None:
    """Refuse what other magics replace by a variable's value; in single quotes it is meant as it is.

    Raises:
        PolicyError: It is there; says what it would be, and the ways to a variable.
    """
    pieces = [piece for piece in _PIECE.findall(line) if not piece.startswith("'")]
    for found in (match for piece in pieces for match in _VARIABLE.finditer(piece)):
        if found[0] in _OF_LANGUAGES and "--languages" in line:
            continue
        name = found[1]
        msg = f"{found[0]} on the line stays what it is: no variable is put into it, so that braces may be given"
        ways = f"-i {name} to pass it in, %config SandboxMagics.timeout = {name} for an option's value"
        raise PolicyError(msg, remedy=f"{ways}, '{found[0]}' in single quotes for the braces")
