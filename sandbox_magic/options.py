"""The one table of options.

The API's keywords, the magic, the command line and the kernel's configuration are all made from it.
"""

from __future__ import annotations

import argparse
import difflib
import os
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from sandbox_magic.errors import PolicyError
from sandbox_magic.policy import Limits, Policy, parse_bytes, parse_count, parse_cpus, parse_seconds

_MOST_CHARACTERS = 500_000  # of all arguments, so that they fit one frame to the guest
Scope = Literal["limits", "policy", "run", "show"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One row of the table.

    Attributes:
        name: As written after ``--``.
        help: One line; ends without a full stop.
        scope: Where the value goes: a field of `Limits`, a field of `Policy`, a keyword of
            `sandbox_magic.run` alone (``run``), or the notebook's and terminal's own (``show``).
        field: The field's name in that scope.
        parse: Text or value -> value; None marks a switch.
        default: The default as the table shows it.
        metavar: How the help names the value.
        flags: Short forms.
    """

    name: str
    help: str
    scope: Scope
    field: str
    parse: Callable[[Any], Any] | None
    default: str = ""
    metavar: str = "VALUE"
    flags: tuple[str, ...] = ()

    @property
    def keyword(self) -> str:
        """The name as a keyword of the API."""
        return self.name.replace("-", "_")


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
            if sum(map(len, arguments)) <= _MOST_CHARACTERS:
                return arguments
            msg = f"args has {sum(map(len, arguments)):,} characters"
            raise PolicyError(msg, remedy=f"at most {_MOST_CHARACTERS:,}; pass more through stdin")
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
    Option(name="stdin", help="text for the code's standard input",
           scope="run", field="stdin", parse=_standard_input, default="empty", metavar="TEXT"),
    Option(name="args", help="arguments for the code (sys.argv[1:]), one quoted line",
           scope="run", field="args", parse=_arguments, default="none", metavar="ARGS"),
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
            near = difflib.get_close_matches(keyword, known, n=1)
            raise PolicyError(msg, remedy=near[0] if near else f"one of {', '.join(known)}")
        parse = BY_KEYWORD[keyword].parse
        try:
            values[keyword] = parse(value) if parse else _on_or_off(value)
        except PolicyError as error:
            msg = f"option {BY_KEYWORD[keyword].name}: {error.what}"
            raise PolicyError(msg, seen=error.seen, remedy=error.remedy) from error
    return values


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
            parser.add_argument(
                *names, dest=option.keyword, metavar=option.metavar, default=argparse.SUPPRESS, help=text
            )


def limit_names() -> dict[str, str]:
    """Give the option's name for each field of `Limits`: ``{"memory_bytes": "memory", ...}``."""
    names = {option.field: option.name for option in OPTIONS if option.scope == "limits"}
    return {field.name: names[field.name] for field in fields(Limits)}
