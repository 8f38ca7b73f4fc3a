"""``sandbox-magic mcp``: runs as tools of a language model's client, over standard input and output."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from sandbox_magic.cli import served
from sandbox_magic.cli.command import Command
from sandbox_magic.model.units import parse_seconds
from sandbox_magic.safe_import import importing

if TYPE_CHECKING:
    import argparse

EPILOG = """\
The tools are run_python, run_code (other languages), session_run, which keeps variables and files from call to call,
and read_output, for what was too long to be shown at once. A client starts it, and there is one session for each.
A call can lower the limits of this command line, never raise them. One that is cancelled ends its run."""


class Mcp(Command):
    """Serves one conversation."""

    name = "mcp"
    help = "offer runs as tools to a language model's client (MCP over stdin and stdout)"
    options: frozenset[str] = served.OPTIONS | {"--idle"}

    def prepare(self, parser: argparse.ArgumentParser) -> None:
        """Add what is its own, and the table's options."""
        parser.epilog = EPILOG
        parser.add_argument(
            "--idle", metavar="SECONDS", default="10m", help="how long a session stays unused, or none (default: 10m)"
        )
        served.add_to(parser)

    def run(self, given: argparse.Namespace, _rest: list[str]) -> int:
        """Serve until the client closes standard input."""
        try:
            with importing():
                from sandbox_magic.mcp.server import serve
        except ImportError as error:
            raise served.not_installed(error, "mcp") from error
        idle_seconds, policy = parse_seconds(given.idle), served.policy(given)
        # The SDK reads standard input on a thread that nothing interrupts. Killed, this leaves nothing: a sandbox ends
        # with its host.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        try:
            asyncio.run(serve(policy, idle_seconds=idle_seconds))
        except* BrokenPipeError:  # the client has gone
            pass
        return 0
