"""How the value of each option is read, from the API, a command line or the configuration."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Mapping
from keyword import iskeyword
from typing import Literal

from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.policy import Mount

_AROUND = re.compile(r" *([][,<>=!~]+) *")  # what stands between a package and its versions
_MOST_CHARACTERS = 500_000  # of all arguments, so that they fit one frame to the guest


def read_word(value: object) -> str:
    """Read a word."""
    return str(value).strip()


def read_python(value: object) -> str:
    """Read which Python is meant: a word, a version or a path; ``python3.12`` is ``3.12``."""
    if isinstance(value, float):
        msg = f"{value!r} is a number, in which 3.10 is 3.1"
        raise PolicyError(msg, remedy=f'text: "{value}"')
    word = read_word(value)
    return word.removeprefix("python") if word.startswith("python3.") else word


def split_words(text: str, what: str) -> list[str]:
    r"""Return the words of a line, split as a shell would.

    Args:
        text: The line.
        what: What to say where it can't be split, because of a quotation that is open or a ``\\`` at its end.

    Raises:
        PolicyError: It can't be.
    """
    try:
        return shlex.split(text)
    except ValueError as error:
        remedy = "close the quotation" if "quotation" in str(error) else r"\\ for a backslash, or none at the end"
        raise PolicyError(what, seen=str(error), remedy=remedy) from error


def read_arguments(value: object) -> tuple[str, ...]:
    """Read arguments: a list of strings, or one line split as a shell would."""
    if isinstance(value, str):
        value = split_words(value, f"args is {value!r}")
    if isinstance(value, Iterable):
        arguments = tuple(value)
        if all(isinstance(argument, str) and _can_be_passed(argument) for argument in arguments):
            if max(len(arguments), sum(map(len, arguments))) <= _MOST_CHARACTERS:
                return arguments
            msg = f"args has {len(arguments):,} arguments of {sum(map(len, arguments)):,} characters"
            raise PolicyError(msg, remedy=f"at most {_MOST_CHARACTERS:,} of each; pass more through stdin")
    msg = f"args is {value!r}"
    raise PolicyError(msg, remedy="a list of strings without NUL characters")


def _can_be_passed(argument: str) -> bool:
    try:
        return "\0" not in argument and bool(os.fsencode(argument) or not argument)
    except UnicodeEncodeError:  # a lone surrogate that stands for no byte
        return False


def read_stdin(value: object) -> bytes:
    """Read what standard input holds: text, or bytes."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        try:
            return value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            msg = "stdin cannot be encoded"
            raise PolicyError(msg, seen=str(error), remedy="text without lone surrogates, or bytes") from error
    msg = f"stdin is a {type(value).__name__}"
    raise PolicyError(msg, remedy="a string or bytes")


def read_words(value: object) -> tuple[str, ...]:
    """Read words: a list of them, or one; ``none`` is no word."""
    if value in ("none", ["none"]):
        return ()
    words = (value,) if isinstance(value, (str, os.PathLike)) else value
    if isinstance(words, Iterable):
        found = tuple(os.fspath(word) if isinstance(word, os.PathLike) else word for word in words)
        if all(isinstance(word, str) and word and "\0" not in word for word in found):
            return found
    msg = f"{value!r} is not a list of words"
    raise PolicyError(msg, remedy="a string, or a list of them")


def read_names(value: object) -> tuple[str, ...]:
    """Read names of variables: a list of them, or ``a,b``."""
    found = tuple(name.strip() for word in read_words(value) for name in word.split(","))
    for name in found:
        if not name.isidentifier() or iskeyword(name):
            msg = f"{name!r} is not the name of a variable"
            raise PolicyError(msg, remedy="a name such as total")
    return found


def read_modules(value: object) -> tuple[str, ...]:
    """Read names of modules: a list of them, or ``a,b``; `Policy` refuses what is none."""
    return tuple(name.strip() for word in read_words(value) for name in word.split(","))


def read_requirements(value: object) -> tuple[str, ...]:
    """Read packages: ``NAME``, ``NAME==VERSION`` and their like, or several of them; `Policy` refuses what is none."""
    return tuple(dict.fromkeys(_AROUND.sub(r"\1", word.strip(" ")) for word in read_words(value)))


def read_warm(value: object) -> bool | Literal["at load"]:
    """Read whether spares are used: a switch, or ``at load`` to park the first one when the magic is loaded."""
    return "at load" if value == "at load" else read_switch(value)


def read_inputs(value: object) -> dict[str, object] | tuple[str, ...]:
    """Read variables by name; a magic gives only the names."""
    if not isinstance(value, Mapping):
        return read_names(value)
    read_names(list(value))
    return dict(value)


def read_binds(value: object) -> tuple[Mount, ...]:
    """Read ``PATH`` or ``PATH:NAME``, a mount, or several of them."""
    if isinstance(value, Mount):
        return (value,)
    if isinstance(value, Iterable) and not isinstance(value, str):
        several = tuple(value)
        made = [each for each in several if isinstance(each, Mount)]
        return (*made, *map(_bind, read_words([each for each in several if not isinstance(each, Mount)])))
    return tuple(map(_bind, read_words(value)))


def _bind(text: str) -> Mount:
    path, _, name = text.partition(":")
    source = read_path(path)
    return Mount(source=source, name=name or os.path.basename(source))


def read_path(value: object) -> str:
    """Read a path; a relative one starts from the current directory, ``none`` is no path."""
    if value == "none":
        return ""
    if not isinstance(value, (str, os.PathLike)) or not str(value):
        msg = f"{value!r} is not a path"
        raise PolicyError(msg, remedy="the path of a directory")
    return os.path.abspath(os.path.expanduser(value))


def read_one_path(value: object) -> str:
    """Read a path that can be given once; a command line gives a list of what it was given."""
    if not isinstance(value, list):
        return read_path(value)
    if len(value) > 1:
        msg = f"{' and '.join(map(str, value))}: only one can be given"
        raise PolicyError(msg, remedy="--bind for what the code only reads")
    return read_path(value[0])


def read_switch(value: object) -> bool:
    """Read a switch: True or False, or a word for it."""
    words = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    msg = f"{value!r} is neither on nor off"
    raise PolicyError(msg, remedy="True or False")
