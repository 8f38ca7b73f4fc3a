"""``sandbox-magic run``: a script in a sandbox, as if it had been started by Python itself."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from sandbox_magic.cli import default_python, exit_status, export, files, streams
from sandbox_magic.cli.command import Command
from sandbox_magic.execution import source as _source
from sandbox_magic.execution.api import prepare
from sandbox_magic.execution.drive import View, drive
from sandbox_magic.model import options as _options
from sandbox_magic.model import summary
from sandbox_magic.model.attempts import in_a_line
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.output import Display, InputRequest, Text
from sandbox_magic.model.usage_file import to_json
from sandbox_magic.safe_import import shadow_warning
from sandbox_magic.terminal.screen import Terminal

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping
    from types import FrameType

    from sandbox_magic.execution.source import Source
    from sandbox_magic.model.policy import Policy
    from sandbox_magic.model.result import Result
    from sandbox_magic.model.timeline import Sample

# Option -> why a terminal has none of it, and what it has.
_NO_VARIABLES = "a terminal has no variables"
_INSTEAD = {
    "result": (_NO_VARIABLES, "--save-usage FILE.json"),
    "inputs": (_NO_VARIABLES, "--bind PATH"),
    "outputs": (_NO_VARIABLES, "--save PATTERN"),
    "bg": ("the command ends with its script", "& behind the command"),
    "session": ("the command ends with its script", "sandbox_magic.Session, in a program"),
    "undo": ("the command ends with its script", "sandbox_magic.Session, in a program"),
    "warm": ("each command starts its own sandbox", "sandbox_magic.run, in a program that runs many"),
}
_TOLD = {
    "python": "the Python inside: a version (3.12), a path, system, or kernel, which is sandbox-magic's own "
    "(default: that of $VIRTUAL_ENV, else python3 on PATH)",
    "stdin": "text for the code's standard input (default: what comes in)",
}
_LONG = {flag: f"--{option.name}" for option in _options.OPTIONS for flag in option.flags}
_SWITCHES = frozenset(f"--{option.name}" for option in _options.OPTIONS if option.parse is None)
_VALUED = frozenset(f"--{option.name}" for option in _options.OPTIONS if option.parse) | {"--save-usage", "--plot"}
_STATES = ("on", "off", "true", "false", "yes", "no")  # what may follow a switch

USAGE = "sandbox-magic run [OPTIONS] SCRIPT [ARGS...]"
EPILOG = f"""\
Options come before SCRIPT; whatever follows SCRIPT belongs to the script, unchanged. -- may come before
SCRIPT. Standard input is passed to the script as it comes, unless it is a terminal, where input() asks, or
--stdin is given. Ctrl-C stops the script.

{exit_status.HELP}"""


class Run(Command):
    """Runs a script."""

    name = "run"
    help = "run a script in a sandbox: no network, no files of yours, bounded in time, memory and processes"
    options: frozenset[str] = _SWITCHES | _VALUED

    def prepare(self, parser: argparse.ArgumentParser) -> None:
        """Add the script, the table's options, and the files to write."""
        parser.usage, parser.epilog = USAGE, EPILOG
        parser.add_argument(
            "script", metavar="SCRIPT", nargs="?", help="the path of a script; - reads it from standard input"
        )
        parser.add_argument("arguments", metavar="ARGS", nargs="*", help="the script's own arguments, options included")
        parser.add_argument("--save-usage", metavar="FILE.json", help="write how it ended and what it used over time")
        parser.add_argument("--plot", metavar="FILE", help="draw that: .svg, .html, or .png with sandbox-magic[plot]")
        _options.add_to(parser, hidden=_INSTEAD, told=_TOLD)

    def divide(self, words: list[str]) -> tuple[list[str], list[str]]:
        """Return the options of this command, and the rest: SCRIPT and what follows it, after a ``--`` before it.

        argparse itself would take options of this command from the script's arguments, drop a ``--`` that is
        the script's, and take SCRIPT for the value of a switch before it.
        """
        own: list[str] = []
        rest = words[:]
        while rest and rest[0].startswith("-") and rest[0] != "-":
            word = _LONG.get(rest[0], rest[0])
            del rest[0]
            if word == "--":
                return own, [word, *rest]
            if word in _SWITCHES:
                word += f"={rest.pop(0)}" if rest and rest[0].lower() in _STATES else "=on"
            elif word in _VALUED and rest:
                word += f"={rest.pop(0)}"
            own.append(word)
        return own, rest

    def run(self, given: argparse.Namespace, rest: list[str]) -> int:
        """Run it; return the exit status that `exit_status` has for how it ended."""
        sure, rest = rest[:1] == ["--"], rest[1:] if rest[:1] == ["--"] else rest
        if not rest:
            raise PolicyError("there is no SCRIPT", remedy=USAGE)
        values = _values(vars(given), rest[1:])
        shown = {key: values.pop(key) for key in list(values) if _options.BY_KEYWORD[key].scope == "show"}
        _check_files(given)
        if not sure and not shown.get("quiet"):
            _say_misplaced(rest[1:])
        values.setdefault("python", default_python.find())
        source = _script(rest[0])
        if not source.text.strip() and not shown.get("quiet"):
            print(f"sandbox: {'standard input' if rest[0] == '-' else rest[0]} is empty", file=sys.stderr)
        result = _shown(source, values, shown, _standard_input(rest[0]))
        if not shown.get("quiet"):
            _say_shadows(rest[0])
        _write_files(given, result)
        return 0 if shown.get("no_raise_error") else exit_status.status(result)


def _script(path: str) -> Source:
    if path != "-":
        return _source.read(Path(path))
    if sys.stdin is None or sys.stdin.closed:
        raise PolicyError("there is no SCRIPT: standard input is closed", remedy=USAGE)
    text = sys.stdin.buffer.read()
    _source.refuse_other_than_code(text, "")
    return _source.read(text)


def _values(given: Mapping[str, object], arguments: list[str]) -> dict[str, object]:
    """Return the parsed options of the table, the script's arguments among them."""
    table = {key: value for key, value in given.items() if key in _options.BY_KEYWORD}
    for option in map(_options.BY_KEYWORD.__getitem__, table):
        if option.keyword in _INSTEAD:
            why, remedy = _INSTEAD[option.keyword]
            raise PolicyError(f"option {option.name}: {why}", remedy=remedy)
    if arguments and "args" in table:
        raise PolicyError(
            "option args: there are arguments after SCRIPT too",
            remedy="--args, or arguments after SCRIPT, but not both",
        )
    if arguments:
        table["args"] = arguments
    return _options.read(table, ("limits", "policy", "run", "show"))


def _say_misplaced(arguments: list[str]) -> None:
    """Warn if options of this command come after SCRIPT, where they are the script's, unless ``--`` is before it."""
    names = [word.partition("=")[0] for word in arguments]
    if ours := [name for name in names if name in _SWITCHES | _VALUED]:
        text = f"{', '.join(ours)} after SCRIPT: the script gets it; options of sandbox-magic come before SCRIPT"
        print(f"sandbox: {text} (-- before SCRIPT leaves this line out)", file=sys.stderr)


def _say_shadows(script: str) -> None:
    """Say it if a notebook beside the script, or here, would not load us but a file of our name."""
    folder = os.path.dirname(os.path.abspath(script))
    places = {os.path.realpath(folder): (folder, "the script's folder"), os.path.realpath("."): ("", "this folder")}
    for directory, where in places.values():
        if warning := shadow_warning(directory, where):
            print(f"sandbox: {warning}", file=sys.stderr)


def _check_files(given: argparse.Namespace) -> None:
    if given.plot:
        export.check(given.plot)
    for path in filter(None, (given.save_usage, given.plot)):
        files.check(path)


def _write_files(given: argparse.Namespace, result: Result) -> None:
    if given.save_usage:
        files.write(given.save_usage, to_json(result).encode())
    if given.plot:
        files.write(given.plot, export.drawn(given.plot, result))


def _standard_input(script: str) -> int | None:
    """Return the descriptor of standard input; None if it is a terminal, is closed, or held the script itself."""
    if script == "-" or sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return None
    try:
        return sys.stdin.fileno()
    except (OSError, ValueError):  # it is no file of the system's
        return None


class ScriptView(View):
    """The script's output at the terminal, and what is said of its end.

    Args:
        policy: The run's.
        shown: The options ``quiet`` and ``no_dashboard``.
    """

    def __init__(self, policy: Policy, shown: Mapping[str, object]) -> None:
        self._policy = policy
        self._quiet = bool(shown.get("quiet"))
        self._terminal = Terminal(policy.limits, live=not self._quiet and not shown.get("no_dashboard"))

    def write(self, event: Text) -> None:
        """Write it to the stream of the same name."""
        self._terminal.write(event)

    def display(self, event: Display) -> None:
        """Write its plain text."""
        self._terminal.write(Text("stdout", f"{event.text}\n"))

    def ask(self, request: InputRequest) -> str | None:
        """Ask at the terminal."""
        return self._terminal.ask(request, "script")

    def add(self, sample: Sample) -> None:
        """Move the live line, if it is time to."""
        self._terminal.add(sample)

    def finish(self, result: Result) -> None:
        """Say how it ended, in the live line's place."""
        self._terminal.end()
        if not self._quiet:
            told = (
                summary.ended(result),
                *result.notes,
                *_tried(result),
                *_changed(result, self._policy),
                *_weaker(result),
            )
            self._terminal.say(*(f"sandbox: {line}" for line in told))

    def close(self) -> None:
        """Take the live line away."""
        with suppress(OSError, ValueError):  # the terminal has gone
            self._terminal.end()


def _shown(source: Source, values: Mapping[str, object], shown: Mapping[str, object], stdin: int | None) -> Result:
    """Run the code and show its text as it comes, then how it ended."""
    streams.write_whatever_comes()
    run = prepare(source, {**values, "warm": False}, stdin=stdin, last_value=False)  # python3 SCRIPT shows none either
    with _ended_by_signals():
        return drive(run, ScriptView(run.policy, shown))


def _tried(result: Result) -> Iterator[str]:
    """List what the code tried, where that was asked for."""
    if result.attempts is not None:
        yield f"what it tried: {result.attempts.about}"
        yield from ("  " + in_a_line(line) for line in result.attempts.lines())


def _changed(result: Result, policy: Policy) -> Iterator[str]:
    """List what changed in a workspace, which nobody can apply when this program has ended."""
    if policy.workspace and result.changes:
        yield from repr(result.changes).splitlines()
        yield "nothing was applied; in Python: run(code, workspace=DIR).changes.apply(), and apply(NAME) for the others"


def _weaker(result: Result) -> Iterator[str]:
    """Say to a person which limits the kernel does not enforce for the run as a whole."""
    weaker = [f"{guard.name} ({guard.strength})" for guard in result.isolation.weaker]
    if weaker and sys.stderr.isatty():
        yield f"not enforced for the run as a whole: {', '.join(weaker)}; sandbox-magic doctor says what fixes it"


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """While the block runs, SIGTERM and SIGHUP end it in good order; one that is ignored (nohup) stays so."""

    def leave(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    ours = [number for number, handler in before.items() if handler is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
