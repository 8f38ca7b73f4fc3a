"""Languages: what a cell can be written in, how its file is named, and what runs it. A table that a user can extend."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sandbox_magic.model.errors import PolicyError

FILE = "{file}"
"""In a command: the path of the cell's file."""
OUT = "{out}"
"""In a command: a path of its own in the sandbox's /tmp, for what a compiler makes."""
LINES = "{lines}"
"""In a command: the path, without a suffix, of what makes programs write line by line (`.c`, `.cpp`, `.rb`)."""

_SUFFIX = re.compile(r"(\.[A-Za-z0-9_+-]{1,16})?")  # it becomes part of a file's name
_EXAMPLE = '{"zx": {"command": "zx {file}", "suffix": ".mjs"}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A language.

    Attributes:
        name: Its name, as after ``--lang``.
        suffix: The end of the cell file's name, such as ``.js``; empty for none.
        commands: What runs a cell, in order, each as its words: all but the last are steps of a compiler,
            which end the run if they fail; the last one gets the cell's arguments too. ``{file}`` and
            ``{out}`` stand for paths; a program may have several names, ``"lua|lua5.4"``, and the first
            that is there is taken. A command may be given as one line, too.
        aliases: Further names.
        suffixes: Further suffixes that mean this language on the command line.
        needs: Further programs that must be there, in the same form: those that a command starts by itself.
        lines: Words behind the program's name with which it writes line by line, whatever its output is.
        through: A program, with its arguments, through which the last command runs so if it is there.
        beside: A regular expression for code that looks for what lies beside its own file, which then stands in the
            working directory.

    Raises:
        PolicyError: It can't be run as described.
    """

    name: str
    suffix: str = ""
    commands: tuple[tuple[str, ...], ...] = ()
    aliases: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    through: tuple[str, ...] = ()
    beside: str = ""

    def __post_init__(self) -> None:
        """Check it, and convert the commands to one form."""
        if not _is_word(self.name):
            raise PolicyError(f"a language is called {self.name!r}", remedy="a name such as 'zx'")
        for field in ("aliases", "suffixes", "needs", "lines", "through"):
            object.__setattr__(self, field, _names(self.name, field, getattr(self, field)))
        for suffix in (self.suffix, *self.suffixes):
            if not _SUFFIX.fullmatch(str(suffix)):
                raise PolicyError(f"language {self.name}: its suffix is {suffix!r}", remedy="one such as '.mjs'")
        commands = tuple(_words(self.name, command) for command in _several(self.name, self.commands))
        if self.name != "python" and not any(FILE in word for command in commands for word in command):
            raise _no_command(self.name, self.commands)
        object.__setattr__(self, "commands", commands)

    @property
    def programs(self) -> tuple[str, ...]:
        """The programs that must be there: what its commands start with, but for what a compiler makes, and `needs`."""
        return (*(words[0] for words in self.commands if words[0] != OUT), *self.needs)

    @property
    def compiles(self) -> bool:
        """Whether a compiler makes a program of the code first."""
        return len(self.commands) > 1

    def looks_beside(self, source: bytes) -> bool:
        """Return whether the code may look for what lies beside its own file."""
        return bool(self.beside) and bool(re.search(self.beside.encode(), source))

    def argv(self, file: str, out: str, lines: str) -> tuple[tuple[str, ...], ...]:
        """Return the commands with the paths in place."""
        program, *words = self.commands[-1] if self.commands else ("",)
        commands = (*self.commands[:-1], (program, *self.lines, *words)) if self.commands else ()
        paths = {FILE: file, OUT: out, LINES: lines}
        return tuple(tuple(_filled(word, paths) for word in words) for words in commands)


def _filled(word: str, paths: Mapping[str, str]) -> str:
    for name, path in paths.items():
        word = word.replace(name, path)
    return word


def _is_word(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def _names(name: str, key: str, value: object) -> tuple[str, ...]:
    names = value.split() if isinstance(value, str) else value
    if isinstance(names, (list, tuple)) and all(isinstance(each, str) for each in names):
        return tuple(names)
    raise PolicyError(f"language {name}: {key} is {value!r}", remedy="a list of words")


def _several(name: str, commands: object) -> Iterable[object]:
    if isinstance(commands, str):
        return (commands,)
    if isinstance(commands, Iterable):
        return commands
    raise _no_command(name, commands)


def _words(name: str, command: object) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(command)) if isinstance(command, str) else tuple(command)  # type: ignore[arg-type] # what it is, is asked here
    except (TypeError, ValueError) as error:
        raise PolicyError(
            f"language {name}: a command is {command!r}", seen=str(error), remedy="'zx {file}'"
        ) from error
    if not words or not words[0] or not all(map(_is_argument, words)):
        raise _no_command(name, command)
    return words


def _is_argument(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _no_command(name: str, seen: object) -> PolicyError:
    return PolicyError(f"language {name}: its command is {seen!r}", remedy="one with {file} in it: 'zx {file}'")


def _language(name: str, suffix: str, *commands: str, beside: str = "", **lists: str) -> Language:
    """Return a row of the table; its lists are words in one text."""
    words = {key: tuple(text.split()) for key, text in lists.items()}
    return Language(name=name, suffix=suffix, commands=commands, beside=beside, **words)  # type: ignore[arg-type] # lines, which it splits


# Since 1.20 Go brings no compiled standard library: it is compiled with the cell, into a cache and, until the command
# ends, beside it. Without debug information (line numbers stay), and in three commands, that fits into the default
# --disk. By itself Go would start a compiler for each processor, more threads than the default --processes.
_GO = (
    "export GOMAXPROCS=4 GOFLAGS=-p=2 GOTOOLCHAIN=local GOCACHE=/tmp/.go; "
    'case $(go version) in *" go1.1"[0-9]*) ;; '
    '*) export GOFLAGS="-p=2 -gcflags=std=-dwarf=false"; go build runtime && go build fmt || exit;; esac; '
    'exec go build -o "$1" "$2"'
)

# What is part of Node itself lies beside no file.
_NODES_OWN = (
    r"(?:node:|(?:assert|async_hooks|buffer|child_process|cluster|console|constants|crypto|dgram|diagnostics_channel|dns"
    r"|domain|events|fs|http2?|https|inspector|module|net|os|path|perf_hooks|process|punycode|querystring|readline|repl"
    r"|stream|string_decoder|timers|tls|trace_events|tty|url|util|v8|vm|wasi|worker_threads|zlib)(?:/\w+)?[\"'`])"
)

PYTHON = Language(name="python", suffix=".py", aliases=("py", "python3"), beside=r"__file__|\bargv\[0\]")
"""The ordinary runtime: the Python that the policy names, with display, input and variables."""

_SHELL = r"\$\{?(?:0|BASH_SOURCE)\b"

# A compiler looks for what a cell includes where --bind puts it: in the working directory.
LANGUAGES: tuple[Language, ...] = (
    PYTHON,
    _language("bash", ".bash", "bash {file}", beside=_SHELL),
    _language("sh", ".sh", "sh {file}", aliases="shell", beside=_SHELL),
    _language("node", ".js", "node|nodejs {file}", aliases="js javascript nodejs", suffixes=".mjs .cjs",
              beside=rf"__dirname|__filename|import\.meta|(?:\brequire\(|\bfrom|\bimport\(?)\s*[\"'`](?!{_NODES_OWN})"),
    _language("perl", ".pl", "perl {file}", aliases="pl", lines="-Mv5.6;$|++", beside=r"__FILE__|FindBin|\$0"),
    _language("ruby", ".rb", "ruby {file}", aliases="rb", lines="-r{lines}.rb",
              beside=r"require_relative|__FILE__|__dir__|\$0|PROGRAM_NAME"),
    _language("R", ".R", "Rscript {file}", aliases="Rscript", beside="commandArgs|sys.frame"),
    _language("lua", ".lua", "lua|lua5.4|lua5.3|lua5.2|lua5.1|luajit {file}", lines="-eio.stdout:setvbuf('line')"),
    _language("php", ".php", "php {file}", beside="__DIR__|__FILE__|SCRIPT_FILENAME"),
    _language("julia", ".jl", "julia --startup-file=no {file}", aliases="jl", beside=r"@__DIR__|@__FILE__|\binclude\("),
    _language("awk", ".awk", "awk|gawk|mawk -f {file} --", aliases="gawk mawk", through="stdbuf -oL"),
    _language("sqlite", ".sql", "sqlite3 -batch -bail :memory: '.read {file}'", aliases="sqlite3 sql"),
    _language("c", ".c", "cc|gcc|clang -I. -o {out} {file} {lines}.c -lm", "{out}", aliases="gcc"),
    _language("cpp", ".cpp", "c++|g++|clang++ -I. -o {out} {file} {lines}.cpp", "{out}", aliases="c++ cxx g++",
              suffixes=".cc .cxx"),
    _language("rust", ".rs", "rustc -o {out} {file}", "{out}", aliases="rs rustc", needs="cc",
              beside=r"(?m)\binclude(?:_str|_bytes)?!|^\s*(?:pub )?mod \w+;"),
    _language("go", ".go", f"sh -c '{_GO}' sh {{out}} {{file}}", "{out}", aliases="golang", needs="go"),
)  # fmt: skip


def read(value: object) -> str | Language:
    """Read the option ``language``: a name, or a `Language`.

    Raises:
        PolicyError: It is neither.
    """
    if isinstance(value, Language) or (isinstance(value, str) and value.strip()):
        return value if isinstance(value, Language) else value.strip()
    raise PolicyError(f"language is {value!r}", remedy="a name such as 'bash', or a Language")


def table(value: object) -> tuple[Language, ...]:
    """Read the option ``languages``: name -> what runs it, as a dict or as JSON text.

    Each value is a `Language`, a command, or a dict with ``command`` (or ``commands``, several) and, if
    wanted, ``suffix``, ``aliases``, ``suffixes`` and ``needs``.

    Raises:
        PolicyError: It is no such table; says what would be right.
    """
    if isinstance(value, str):
        import json

        try:
            value = json.loads(value)
        except ValueError as error:
            raise PolicyError("--languages is not valid JSON", seen=str(error), remedy=_EXAMPLE) from error
    if isinstance(value, tuple) and all(isinstance(each, Language) for each in value):
        return value
    if not isinstance(value, Mapping):
        raise PolicyError(f"languages is a {type(value).__name__}", remedy=_EXAMPLE)
    return tuple(_own(str(name), what) for name, what in value.items())


def _own(name: str, what: object) -> Language:
    if isinstance(what, Language):
        return what
    fields = {"command": what} if isinstance(what, (str, list, tuple)) else what
    if not isinstance(fields, Mapping):
        raise PolicyError(f"language {name} is a {type(what).__name__}", remedy=_EXAMPLE)
    known = ("command", "commands", "suffix", "aliases", "suffixes", "needs")
    for key in fields:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            raise PolicyError(f"language {name} has no {key!r}", remedy=near[0] if near else f"one of {known}")
    if name == "python" or ("command" in fields) == ("commands" in fields):
        raise PolicyError(f"language {name} needs a command, and one only, and a name of its own", remedy=_EXAMPLE)
    commands = (fields["command"],) if "command" in fields else fields["commands"]
    lists = {key: fields[key] for key in ("aliases", "suffixes", "needs") if key in fields}
    return Language(name=name, suffix=fields.get("suffix", ""), commands=commands, **lists)


def known(own: Iterable[Language] = ()) -> tuple[Language, ...]:
    """Return the user's own languages, then those of the table that they don't replace."""
    first = tuple(own)
    return (*first, *(each for each in LANGUAGES if each.name not in {language.name for language in first}))
