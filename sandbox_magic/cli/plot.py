"""``sandbox-magic plot``: a run drawn again from its resource usage file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sandbox_magic.cli import export, files
from sandbox_magic.cli.command import Command
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.usage_file import from_json

if TYPE_CHECKING:
    import argparse


class Plot(Command):
    """Draws a file that ``run --save-usage`` wrote."""

    name = "plot"
    help = "draw a run again from the file that run --save-usage wrote"
    options: frozenset[str] = frozenset({"--output"})

    def prepare(self, parser: argparse.ArgumentParser) -> None:
        """Add the file and where the picture goes."""
        parser.add_argument("file", metavar="FILE.json", help="the file")
        parser.add_argument(
            "-o", "--output", metavar="FILE", help="the picture, .svg, .html or .png (default: FILE.svg beside it)"
        )

    def run(self, given: argparse.Namespace, _rest: list[str]) -> int:
        """Write the picture and print its name."""
        output = given.output or f"{os.path.splitext(given.file)[0]}.svg"
        export.check(output)
        files.check(output)
        try:
            text = files.read(given.file).decode("utf-8", "replace")
        except OSError as error:
            msg = f"{given.file} can't be read"
            raise PolicyError(msg, seen=str(error.strerror), remedy="a file that run --save-usage wrote") from error
        files.write(output, export.drawn(output, from_json(text)))
        print(output)
        return 0
