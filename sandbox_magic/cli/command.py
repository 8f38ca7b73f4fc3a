"""What every command is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


class Command:
    """One command.

    Attributes:
        name: As it is typed.
        help: One line; ends without a full stop.
        options: The names of its options, as they are written.
    """

    name: str
    help: str
    options: frozenset[str]

    def prepare(self, parser: argparse.ArgumentParser) -> None:
        """Add what it takes to its parser."""
        raise NotImplementedError

    def divide(self, words: list[str]) -> tuple[list[str], list[str]]:
        """Return the words that the parser reads, which is all of them, and the rest, which belongs to a script."""
        return words, []

    def run(self, given: argparse.Namespace, rest: list[str]) -> int:
        """Do it.

        Args:
            given: What the parser read.
            rest: The words that it did not.

        Returns:
            The exit status.
        """
        raise NotImplementedError
