"""The command line: ``sandbox-magic run``, ``batch``, ``notebook``, ``serve``, ``mcp``, ``plot``, ``doctor``."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

from sandbox_magic.cli import exit_status
from sandbox_magic.cli.batch import Batch
from sandbox_magic.cli.doctor import Doctor
from sandbox_magic.cli.mcp import Mcp
from sandbox_magic.cli.notebook import Notebook
from sandbox_magic.cli.plot import Plot
from sandbox_magic.cli.run import Run
from sandbox_magic.cli.serve import Serve
from sandbox_magic.model import options as _options
from sandbox_magic.model.errors import PolicyError, SandboxError
from sandbox_magic.model.usage_file import BadUsageFile
from sandbox_magic.version import installed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox_magic.cli.command import Command


COMMANDS: tuple[Command, ...] = (Run(), Batch(), Notebook(), Serve(), Mcp(), Plot(), Doctor())


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    whole = argparse.ArgumentParser(prog="sandbox-magic", description="Run code that you do not trust.")
    whole.add_argument("--version", action=_Version, help="say which version this is")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        own = commands.add_parser(
            command.name,
            help=command.help,
            description=f"{command.help[0].upper()}{command.help[1:]}.",
            formatter_class=_Help,
            allow_abbrev=False,
        )
        command.prepare(own)
    return whole


class _Version(argparse.Action):
    """Says the version; it is looked for only when somebody asks."""

    def __init__(self, option_strings: Sequence[str], dest: str, **rest: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, **rest)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        print(parser.prog, installed())
        parser.exit()


class _Help(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32, width=110)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    command = next((command for command in COMMANDS if words[:1] == [command.name]), None)
    own, rest = command.divide(words[1:]) if command else (words[1:], [])
    given, unknown = parser().parse_known_args([*words[:1], *own])
    assert command is not None, "the parser refuses what is no command"  # noqa: S101 - tells the type checker
    try:
        _refuse(command, unknown)
        return command.run(given, rest)
    except (PolicyError, BadUsageFile) as error:
        return _failed(command, error, exit_status.USAGE)
    except (SandboxError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            _let_go_of_stdout()
            return exit_status.READER_GONE
        return _failed(command, error, exit_status.REFUSED)
    except KeyboardInterrupt:
        return exit_status.INTERRUPTED
    except Exception:  # noqa: BLE001 - a mistake of ours must not look like the script's own exit status 1
        traceback.print_exc()
        return exit_status.REFUSED


def _refuse(command: Command, unknown: Sequence[str]) -> None:
    if unknown:
        raise _options.unknown(unknown, command.options, f"sandbox-magic {command.name} -h")


def _failed(command: Command, error: Exception, status: int) -> int:
    for line in str(error).splitlines():
        print(f"sandbox-magic {command.name}: {line}", file=sys.stderr)
    return status


def _let_go_of_stdout() -> None:
    """Leave nothing for the interpreter to flush at its end, which would complain."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


if __name__ == "__main__":
    sys.exit(main())
