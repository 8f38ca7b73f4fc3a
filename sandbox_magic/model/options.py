"""The one table of options.

The API's keywords, the magic, the command line and the kernel's configuration are all made from it.
"""

from __future__ import annotations

import argparse
import difflib
import os
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from keyword import iskeyword
from typing import Any, Literal

from sandbox_magic.model import languages as _languages
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.policy import Limits, Mount, Policy
from sandbox_magic.model.units import parse_bytes, parse_count, parse_cpus, parse_seconds

_MOST_CHARACTERS = 500_000  # of all arguments, so that they fit one frame to the guest
Scope = Literal["limits", "policy", "run", "show"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One row of the table.

    Attributes:
        name: As written after ``--``.
        help: One line; ends without a full stop.
        scope: Where the value goes: a field of `Limits`, a field of `Policy`, a keyword of
            `sandbox_magic.execution.api` alone (``run``), or the notebook's and terminal's own (``show``).
        field: The field's name in that scope.
        parse: Text or value -> value; None marks a switch.
        default: The default as the table shows it.
        metavar: How the help names the value.
        flags: Short forms.
        many: Whether a command line keeps all values if it is given more than once, else the last.
        word: The keyword, where it is not the name.
    """

    name: str
    help: str
    scope: Scope
    field: str
    parse: Callable[[Any], Any] | None
    default: str = ""
    metavar: str = "VALUE"
    flags: tuple[str, ...] = ()
    many: bool = False
    word: str = ""

    @property
    def keyword(self) -> str:
        """The name as a keyword of the API."""
        return self.word or self.name.replace("-", "_")


def _word(value: object) -> str:
    return str(value).strip()


def _arguments(value: object) -> tuple[str, ...]:
    """Read arguments: a list of strings, or one line split as a shell would."""
    if isinstance(value, str):
        try:
            value = shlex.split(value)
        except ValueError as error:
            msg = f"args is {value!r}"
            raise PolicyError(msg, seen=str(error), remedy="close the quotation") from error
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


def _standard_input(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        try:
            return value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            msg = "stdin is no text"
            raise PolicyError(msg, seen=str(error), remedy="text without lone surrogates, or bytes") from error
    msg = f"stdin is a {type(value).__name__}"
    raise PolicyError(msg, remedy="a string or bytes")


def _many(value: object) -> tuple[str, ...]:
    """Read words: a list of them, or one; ``none`` is no word."""
    if value in ("none", ["none"]):
        return ()
    words = (value,) if isinstance(value, (str, os.PathLike)) else value
    if isinstance(words, Iterable):
        found = tuple(os.fspath(word) if isinstance(word, os.PathLike) else word for word in words)
        if all(isinstance(word, str) and word and "\0" not in word for word in found):
            return found
    msg = f"{value!r} is no list of words"
    raise PolicyError(msg, remedy="a string, or a list of them")


def _names(value: object) -> tuple[str, ...]:
    """Read names of variables: a list of them, or ``a,b``."""
    found = tuple(name.strip() for word in _many(value) for name in word.split(","))
    for name in found:
        if not name.isidentifier() or iskeyword(name):
            msg = f"{name!r} is not the name of a variable"
            raise PolicyError(msg, remedy="a name such as total")
    return found


def _inputs(value: object) -> dict[str, object] | tuple[str, ...]:
    """Read variables, by name; a magic gives the names alone."""
    if not isinstance(value, Mapping):
        return _names(value)
    _names(list(value))
    return dict(value)


def _binds(value: object) -> tuple[Mount, ...]:
    """Read ``PATH`` or ``PATH:NAME``, or a list of them and of mounts."""
    if isinstance(value, (list, tuple)):
        made = [each for each in value if isinstance(each, Mount)]
        return (*made, *map(_bind, _many([each for each in value if not isinstance(each, Mount)])))
    return tuple(map(_bind, _many(value)))


def _bind(text: str) -> Mount:
    path, _, name = text.partition(":")
    source = _path(path)
    return Mount(source=source, name=name or os.path.basename(source))


def _path(value: object) -> str:
    """Read a path; a relative one starts from the current directory, ``none`` is no path."""
    if value == "none":
        return ""
    if not isinstance(value, (str, os.PathLike)) or not str(value):
        msg = f"{value!r} is no path"
        raise PolicyError(msg, remedy="the path of a directory")
    return os.path.abspath(os.path.expanduser(value))


def _one_path(value: object) -> str:
    """Read a path that can be given once; a command line gives a list of what it was given."""
    if not isinstance(value, list):
        return _path(value)
    if len(value) > 1:
        msg = f"{' and '.join(map(str, value))}: there can be one only"
        raise PolicyError(msg, remedy="--bind for what it only has to read")
    return _path(value[0])


def _on_or_off(value: object) -> bool:
    words = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    msg = f"{value!r} is neither on nor off"
    raise PolicyError(msg, remedy="True or False")


def _limit(  # noqa: PLR0913, PLR0917 - a row of the table
    name: str, field: str, parse: Callable[[Any], Any], default: str, metavar: str, text: str
) -> Option:
    return Option(name=name, help=text, scope="limits", field=field, parse=parse, default=default, metavar=metavar)


def _switch(name: str, text: str) -> Option:
    return Option(name=name, help=text, scope="show", field=name, parse=None, default="off")


OPTIONS: tuple[Option, ...] = (
    _limit("timeout", "wall_seconds", parse_seconds, "30", "SECONDS", "wall time from its start: 10, 500ms, 2m, none"),
    _limit("cpu-time", "cpu_seconds", parse_seconds, "none", "SECONDS", "CPU time of all its processes together"),
    _limit("memory", "memory_bytes", parse_bytes, "512M", "SIZE", "memory of all its processes together: 256M, 1.5G"),
    _limit("processes", "processes", parse_count, "64", "COUNT", "processes and threads at once"),
    _limit("cpus", "cpus", parse_cpus, "none", "NUMBER", "share of processors, such as 1.5"),
    _limit("disk", "disk_bytes", parse_bytes, "64M", "SIZE", "writable space in all"),
    _limit("open-files", "open_files", parse_count, "256", "COUNT", "descriptors of each process"),
    _limit("output-limit", "output_bytes", parse_bytes, "1M", "SIZE", "kept of each output stream (head and tail)"),
    _limit("on-output-limit", "on_output_limit", _word, "cut", "cut|stop",
           "cut: drop the middle, go on; stop: end it"),
    Option(name="python", help="the Python inside: kernel (this environment), system, or a path",
           scope="policy", field="python", parse=_word, default="kernel", metavar="WHICH"),
    Option(name="strict", help="refuse to run where a limit would only be watched",
           scope="policy", field="strict", parse=None, default="off"),
    Option(name="bind", help="a file or directory to read, as NAME in the working directory; may be given again",
           scope="policy", field="binds", parse=_binds, default="none", metavar="PATH[:NAME]", many=True),
    Option(name="workspace", help="a directory to work in, copy-on-write: what changes is listed, yours stays as it is",
           scope="policy", field="workspace", parse=_one_path, default="none", metavar="DIR", many=True),
    Option(name="save", help="files to bring out of the working directory: '*.png'; may be given again",
           scope="policy", field="save", parse=_many, default="none", metavar="PATTERN", many=True),
    Option(name="language", help="bash, node, c, ...; by default what its #! line says, else python",
           scope="run", field="language", parse=_languages.read, default="python", metavar="NAME",
           flags=("-l", "--lang")),
    Option(name="languages", help='further languages, as JSON: {"zx": {"command": "zx {file}", "suffix": ".mjs"}}',
           scope="run", field="languages", parse=_languages.table, default="none", metavar="JSON"),
    Option(name="stdin", help="text for the code's standard input",
           scope="run", field="stdin", parse=_standard_input, default="empty", metavar="TEXT"),
    Option(name="args", help="arguments for the code (sys.argv[1:]), one quoted line",
           scope="run", field="arguments", parse=_arguments, default="none", metavar="ARGS"),
    Option(name="input", flags=("-i",), help="variables for the code, by name; may be given again: -i a,b",
           scope="run", field="inputs", word="inputs", parse=_inputs, default="none", metavar="NAME", many=True),
    Option(name="output", flags=("-o",), help="variables that come out when it has completed: -o total",
           scope="run", field="outputs", word="outputs", parse=_names, default="none", metavar="NAME", many=True),
    Option(name="result", help="name of the variable that gets the Result",
           scope="show", field="result", parse=_word, default="_sandbox", metavar="NAME"),
    _switch("no-raise-error", "a cell whose code failed does not fail"),
    _switch("quiet", "show the code's output only"),
    _switch("no-dashboard", "no live picture, one line of summary at the end"),
)  # fmt: skip

BY_KEYWORD = {option.keyword: option for option in OPTIONS}


def read(options: Mapping[str, object], scopes: Iterable[Scope]) -> dict[str, object]:
    """Parse keyword options of the given scopes.

    Returns:
        Keyword -> parsed value, for those given.

    Raises:
        PolicyError: An option is unknown or its value is wrong; names what would be right.
    """
    known = [option.keyword for option in OPTIONS if option.scope in scopes]
    values: dict[str, object] = {}
    for keyword, value in options.items():
        if keyword not in known:
            msg = f"there is no option {keyword!r}"
            raise PolicyError(msg, remedy=_nearest(keyword, known) or f"one of {', '.join(known)}")
        parse = BY_KEYWORD[keyword].parse
        try:
            values[keyword] = parse(value) if parse else _on_or_off(value)
        except PolicyError as error:
            msg = f"option {BY_KEYWORD[keyword].name}: {error.what}"
            raise PolicyError(msg, seen=error.seen, remedy=error.remedy) from error
    return values


def unknown(words: Sequence[str], names: Collection[str], remedy: str) -> PolicyError:
    """Give the error for words of a command line that no option takes.

    Args:
        words: At least one.
        names: The options there are, as they are written.
        remedy: What to try where none of them is near.
    """
    name = words[0].partition("=")[0]
    if name.startswith("-"):
        return PolicyError(f"there is no option {name}", remedy=_nearest(name, names) or remedy)
    quoted = "; --bind a --bind b for several, --bind 'my data.csv' for spaces" if "--bind" in names else ""
    return PolicyError(f"{words[0]!r} belongs to no option", remedy=f"{remedy}{quoted}")


def _nearest(name: str, names: Collection[str]) -> str:
    return next(iter(difflib.get_close_matches(name, names, n=1, cutoff=0.7)), "")


def to_policy(values: Mapping[str, object], base: Policy | None = None) -> Policy:
    """Give the policy that parsed options ask for, on top of a base.

    Raises:
        PolicyError: The values make no sense together or alone.
    """
    base = base or Policy()
    limits = {BY_KEYWORD[k].field: v for k, v in values.items() if BY_KEYWORD[k].scope == "limits"}
    rest = {BY_KEYWORD[k].field: v for k, v in values.items() if BY_KEYWORD[k].scope == "policy"}
    return replace(base, limits=replace(base.limits, **limits), **rest)  # type: ignore[arg-type] # typed by the table


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add every option to a command line parser; absent ones stay absent from its result."""
    for option in OPTIONS:
        names = (*option.flags, f"--{option.name}")
        text = f"{option.help} (default: {option.default})"
        if option.parse is None:
            how = {"nargs": "?", "const": True, "metavar": "on|off"}
            parser.add_argument(*names, dest=option.keyword, default=argparse.SUPPRESS, help=text, **how)  # type: ignore[arg-type] # of several types
        else:
            action = "append" if option.many else "store"
            parser.add_argument(
                *names, dest=option.keyword, metavar=option.metavar, default=argparse.SUPPRESS, help=text, action=action
            )


def limit_names() -> dict[str, str]:
    """Give the option's name for each field of `Limits`: ``{"memory_bytes": "memory", ...}``."""
    names = {option.field: option.name for option in OPTIONS if option.scope == "limits"}
    return {field.name: names[field.name] for field in fields(Limits)}
