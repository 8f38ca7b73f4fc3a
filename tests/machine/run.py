"""Runs commands in a machine of a given kind: ``run.py KIND [options] -- COMMAND... [-- COMMAND...]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kinds import KINDS
from machine import Contents, run
from recipe import MachineError, build, default_cache

TIMED_OUT = 124  # as timeout(1) says it
NO_MACHINE = 125


def main(arguments: list[str]) -> int:
    """Prints the commands' output as it comes.

    Returns:
        The first status that is not 0, 124 if the time was over, 125 if there was no machine.
    """
    options = _parser().parse_args(_before_dashes(arguments))
    if options.list:
        for kind in KINDS.values():
            print(f"{kind.name:20} {kind.about}")
        return 0
    try:
        if options.build:
            print(build(options.cache))
            return 0
        commands = _commands(arguments)
        if options.kind is None or not commands:
            _parser().error("a KIND and, after --, a COMMAND are needed")
        return _run(options, commands)
    except MachineError as error:
        print(f"run.py: {error}", file=sys.stderr)
        return NO_MACHINE


def _run(options: argparse.Namespace, commands: list[list[str]]) -> int:
    report = run(
        KINDS[options.kind],
        commands,
        contents=Contents(source=options.source, packages=options.packages, output=options.output),
        seconds=options.seconds,
        memory=options.memory,
        environment=dict(pair.split("=", 1) for pair in options.env),
        cache=options.cache,
        on_output=_show,
    )
    if options.verbose:
        print(report.console, file=sys.stderr)
    each = ", ".join(f"{done.seconds:.1f}" for done in report.runs)
    times = f"up in {report.boot_seconds:.1f} s, commands {each} s, {report.total_seconds:.1f} s in all"
    print(f"run.py: {report.kind}: {times}", file=sys.stderr)
    if report.timed_out:
        print(f"run.py: killed after {options.seconds:g} s", file=sys.stderr)
        return TIMED_OUT
    if any(done.status is None for done in report.runs):
        print("run.py: the machine ended before its commands did (--verbose shows its console)", file=sys.stderr)
        return NO_MACHINE
    statuses = (done.status or 0 for done in report.runs)
    return next((128 - status if status < 0 else status for status in statuses if status), 0)


def _show(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run.py", usage="%(prog)s KIND [options] -- COMMAND... [-- COMMAND...]")
    parser.add_argument("kind", nargs="?", choices=sorted(KINDS), metavar="KIND")
    parser.add_argument("--list", action="store_true", help="the kinds")
    parser.add_argument("--build", action="store_true", help="only make the root that the machines boot")
    parser.add_argument("--source", type=Path, help="a source tree, copied to /srv/source")
    parser.add_argument("--packages", type=Path, help="installed packages for Python 3.11, at /opt/packages")
    parser.add_argument("--output", type=Path, help="gets what the commands leave in /srv/output")
    parser.add_argument("--seconds", type=float, default=600, help="for everything (default 600)")
    parser.add_argument("--memory", default="2G", help="of the machine (default 2G)")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="for the commands")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where the built root is kept")
    parser.add_argument("--verbose", action="store_true", help="show the machine's console at the end")
    return parser


def _before_dashes(arguments: list[str]) -> list[str]:
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _commands(arguments: list[str]) -> list[list[str]]:
    """The commands after the first ``--``; each further one starts another."""
    commands: list[list[str]] = []
    for argument in arguments:
        if argument == "--":
            commands.append([])
        elif commands:
            commands[-1].append(argument)
    return [command for command in commands if command]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
