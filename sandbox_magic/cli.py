"""The command line: ``sandbox-magic doctor`` for now."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; give its exit status."""
    parser = argparse.ArgumentParser(prog="sandbox-magic", description="Run code that you do not trust.")
    commands = parser.add_subparsers(dest="command", required=True)
    doctor = commands.add_parser("doctor", help="say what this machine enforces, found by trying it")
    doctor.add_argument("--json", action="store_true", help="as JSON")
    return _doctor(as_json=parser.parse_args(arguments).json)


def _doctor(*, as_json: bool) -> int:
    from sandbox_magic.jail.doctor import diagnose

    found = diagnose()
    print(json.dumps(found.as_dict(), indent=2) if as_json else found)
    return 0 if found.ok else 1


if __name__ == "__main__":
    sys.exit(main())
