"""The one table of options.

The API's keywords, the magic, the command line and the kernel's configuration are all made from it.
"""

from __future__ import annotations

import argparse
import difflib
from dataclasses import dataclass, fields, replace
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Literal

from sandbox_magic.model import languages as _languages
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.forwards import PRESETS, read_forwards
from sandbox_magic.model.option_values import (
    read_arguments,
    read_binds,
    read_inputs,
    read_modules,
    read_names,
    read_one_path,
    read_python,
    read_requirements,
    read_stdin,
    read_switch,
    read_warm,
    read_word,
    read_words,
)
from sandbox_magic.model.policy import Limits, Policy
from sandbox_magic.model.units import parse_bytes, parse_count, parse_cpus, parse_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

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
        off: A switch that turns it off.
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
    off: str = ""

    @property
    def keyword(self) -> str:
        """The name as a keyword of the API."""
        return self.word or self.name.replace("-", "_")

    @property
    def keywords(self) -> tuple[str, ...]:
        """Every keyword that the API takes for it, the one above first: each long form of a command line is one."""
        long = (flag[2:].replace("-", "_") for flag in (f"--{self.name}", *self.flags) if flag.startswith("--"))
        return tuple(word for word in dict.fromkeys((self.keyword, *long)) if not iskeyword(word))


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
    _limit("disk", "disk_bytes", parse_bytes, "64M", "SIZE", "space to write: directory, /tmp, /dev/shm, each"),
    _limit("open-files", "open_files", parse_count, "256", "COUNT", "descriptors of each process"),
    _limit("output-limit", "output_bytes", parse_bytes, "1M", "SIZE", "kept of each output stream (head and tail)"),
    _limit("on-output-limit", "on_output_limit", read_word, "cut", "cut|stop",
           "cut: drop the middle, go on; stop: end it"),
    Option(name="python", help="the Python inside: kernel (this environment), system, 3.12, or a path",
           scope="policy", field="python", parse=read_python, default="kernel", metavar="WHICH"),
    Option(name="strict", help="refuse to run where a limit would only be monitored",
           scope="policy", field="strict", parse=None, default="off"),
    Option(name="trace", help="list what the code tries to open, run, connect to, remove, and what it is refused",
           scope="policy", field="trace", parse=None, default="off"),
    Option(name="bind", help="a file or directory to read, as NAME in the working directory; may be given again",
           scope="policy", field="binds", parse=read_binds, default="none", metavar="PATH[:NAME]", many=True),
    Option(name="workspace", help="a directory to work in, copy-on-write: changes are listed, it stays as it is",
           scope="policy", field="workspace", parse=read_one_path, default="none", metavar="DIR", many=True),
    Option(name="save", help="files to save from the working directory: '*.png'; may be given again",
           scope="policy", field="save", parse=read_words, default="none", metavar="PATTERN", many=True),
    Option(name="preload", help="modules imported before the clock starts, under the limits: numpy,pandas",
           scope="policy", field="preload", parse=read_modules, default="none", metavar="MODULE", many=True),
    Option(name="net", help=f"a host that the code may connect to, and no other; a preset ({', '.join(PRESETS)}) is a "
                            "list of them; may be given again",
           scope="policy", field="net", parse=read_forwards, default="none", metavar="HOST[:PORT]", many=True),
    Option(name="net-bytes", help="what may go out through --net, and what may come in",
           scope="policy", field="net_bytes", parse=parse_bytes, default="100M", metavar="SIZE"),
    Option(name="with", help="a package for this run alone, from pip's index; may be given again: 'polars==1.*'",
           scope="policy", field="packages", word="packages", parse=read_requirements, default="none",
           metavar="PACKAGE", many=True),
    Option(name="warm", help="use a sandbox that was started before, and keep one for the next run; --no-warm: neither",
           scope="run", field="warm", parse=read_warm, default="on", metavar="on|off", off="--no-warm"),
    Option(name="language", help="what the code is written in: bash, node, c and others",
           scope="run", field="language", parse=_languages.read, default="#! or python", metavar="NAME",
           flags=("-l", "--lang")),
    Option(name="languages", help='further languages, as JSON: {"zx": {"command": "zx {file}", "suffix": ".mjs"}}',
           scope="run", field="languages", parse=_languages.table, default="none", metavar="JSON"),
    Option(name="stdin", help="text for the code's standard input",
           scope="run", field="stdin", parse=read_stdin, default="empty", metavar="TEXT"),
    Option(name="args", help="arguments for the code (sys.argv[1:]), one quoted line",
           scope="run", field="arguments", parse=read_arguments, default="none", metavar="ARGS"),
    Option(name="input", flags=("-i", "--inputs"), help="variables passed in, by name; may be given again: -i a,b",
           scope="run", field="inputs", word="inputs", parse=read_inputs, default="none", metavar="NAME", many=True),
    Option(name="output", flags=("-o", "--outputs"), help="variables passed out when the code has completed: -o total",
           scope="run", field="outputs", word="outputs", parse=read_names, default="none", metavar="NAME", many=True),
    Option(name="result", help="name of the variable that gets the Result",
           scope="show", field="result", parse=read_word, default="_sandbox", metavar="NAME"),
    Option(name="session", help="keep variables and imports for the next cell of this session",
           scope="show", field="session", parse=read_word, default="none", metavar="NAME"),
    Option(name="undo", help="how many cells a session can go back; each costs what the cells after it change",
           scope="show", field="undo", parse=parse_count, default="1", metavar="COUNT"),
    _switch("no-raise-error", "a cell whose code failed does not fail"),
    _switch("quiet", "show the code's output only"),
    _switch("bg", "return at once; the result variable is a handle: .done, .wait(), .stop()"),
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
    known = {word: option for option in OPTIONS if option.scope in scopes for word in option.keywords}
    values: dict[str, object] = {}
    for word, value in options.items():
        if word not in known:
            if _is_network(word):
                raise _no_network(word)
            msg = f"there is no option {word!r}"
            keywords = dict.fromkeys(option.keyword for option in known.values())
            raise PolicyError(msg, remedy=_nearest(word, known) or f"one of {', '.join(keywords)}")
        option = known[word]
        if option.keyword in values:
            given = " and as ".join(each for each in option.keywords if each in options)
            msg = f"option {option.name} is given twice, as {given}"
            raise PolicyError(msg, remedy=f"{option.keyword} alone")
        try:
            values[option.keyword] = option.parse(value) if option.parse else read_switch(value)
        except PolicyError as error:
            msg = f"option {option.name}: {error.what}"
            raise PolicyError(msg, seen=error.seen, remedy=error.remedy) from error
    return values


def unknown(words: Sequence[str], names: Collection[str], remedy: str) -> PolicyError:
    """Return the error for words of a command line that no option takes.

    Args:
        words: At least one.
        names: The options there are, as they are written.
        remedy: What to try where none of them is near.
    """
    name = words[0].partition("=")[0]
    if _is_network(name):
        return _no_network(name)
    if name.startswith("-"):
        return PolicyError(f"there is no option {name}", remedy=_nearest(name, names) or remedy)
    quoted = "; --bind a --bind b for several, --bind 'my data.csv' for spaces" if "--bind" in names else ""
    return PolicyError(f"{words[0]!r} belongs to no option", remedy=f"{remedy}{quoted}")


def _is_network(name: str) -> bool:
    """Return whether somebody asks for a network, by another name than the option's own."""
    words = name.strip("-").replace("_", "-").removeprefix("allow-").removeprefix("enable-")
    asked = words in ("net", "network", "networking", "internet", "network-access", "internet-access")
    return asked and name.strip("-") != "net"


def _no_network(name: str) -> PolicyError:
    what = f"there is no option {name}: a sandbox has no network, but for the hosts that --net names"
    return PolicyError(what, remedy="--net HOST[:PORT], or fetch the data outside and pass it in with --bind (or -i)")


def _nearest(name: str, names: Collection[str]) -> str:
    return next(iter(difflib.get_close_matches(name, names, n=1, cutoff=0.7)), "")


def to_policy(values: Mapping[str, object], base: Policy | None = None) -> Policy:
    """Return the policy that parsed options ask for, on top of a base.

    Raises:
        PolicyError: The values make no sense together or alone.
    """
    base = base or Policy()
    limits = {BY_KEYWORD[k].field: v for k, v in values.items() if BY_KEYWORD[k].scope == "limits"}
    rest = {BY_KEYWORD[k].field: v for k, v in values.items() if BY_KEYWORD[k].scope == "policy"}
    return replace(base, limits=replace(base.limits, **limits), **rest)  # type: ignore[arg-type] # typed by the table


def add_to(
    parser: argparse.ArgumentParser,
    *,
    scopes: Collection[Scope] = ("limits", "policy", "run", "show"),
    hidden: Collection[str] = (),
    told: Mapping[str, str] | None = None,
) -> None:
    """Add every option to a command line parser; absent ones stay absent from its result.

    Args:
        parser: The parser.
        scopes: Those whose options it takes at all.
        hidden: Keywords that its help does not list: they are read to be refused with the reason.
        told: What the help says of a keyword in place of the table.
    """
    for option in (option for option in OPTIONS if option.scope in scopes):
        names = (*option.flags, f"--{option.name}")
        text = (told or {}).get(option.keyword, f"{option.help} (default: {option.default})")
        if option.keyword in hidden:
            text = argparse.SUPPRESS
        if option.parse is None:
            how = {"nargs": "?", "const": True, "metavar": "on|off"}
            parser.add_argument(*names, dest=option.keyword, default=argparse.SUPPRESS, help=text, **how)  # type: ignore[arg-type] # of several types
        else:
            action = "append" if option.many else "store"
            parser.add_argument(
                *names, dest=option.keyword, metavar=option.metavar, default=argparse.SUPPRESS, help=text, action=action
            )
        if option.off:
            parser.add_argument(
                option.off, dest=option.keyword, default=argparse.SUPPRESS, action="store_const", const=False,
                help=argparse.SUPPRESS,
            )  # fmt: skip


def limit_names() -> dict[str, str]:
    """Return the option's name for each field of `Limits`: ``{"memory_bytes": "memory", ...}``."""
    names = {option.field: option.name for option in OPTIONS if option.scope == "limits"}
    return {field.name: names[field.name] for field in fields(Limits)}
