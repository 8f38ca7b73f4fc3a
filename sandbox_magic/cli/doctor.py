"""``sandbox-magic doctor``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sandbox_magic.cli.command import Command

if TYPE_CHECKING:
    import argparse


class Doctor(Command):
    """Says what this machine enforces."""

    name = "doctor"
    help = "say what this machine enforces, found by trying it"
    options: frozenset[str] = frozenset({"--json"})

    def prepare(self, parser: argparse.ArgumentParser) -> None:
        """Add its one option."""
        parser.add_argument("--json", action="store_true", help="as JSON")

    def run(self, given: argparse.Namespace, _rest: list[str]) -> int:
        """Print what was found; 0 if a sandbox could be started, else 1."""
        from sandbox_magic.jail.doctor import diagnose

        found = diagnose()
        print(json.dumps(found.as_dict(), indent=2) if given.json else found)
        return 0 if found.ok else 1
