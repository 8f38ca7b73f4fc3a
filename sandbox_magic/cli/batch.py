"""``sandbox-magic batch``: a folder of submissions, each run and judged, with a journal, a table and a report."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sandbox_magic.cli import default_python, exit_status, files, streams
from sandbox_magic.cli.command import Command
from sandbox_magic.model import options as _options
from sandbox_magic.model.errors import PolicyError, SandboxUnavailable
from sandbox_magic.model.units import parse_count
from sandbox_magic.safe_import import importing

if TYPE_CHECKING:
    import argparse

    from sandbox_magic.batch.graded import Graded
    from sandbox_magic.batch.progress import Progress

_SCOPES: tuple[_options.Scope, ...] = ("limits", "policy", "run")
_NOT = ("inputs", "workspace")
_OURS = [option for option in _options.OPTIONS if option.scope in _SCOPES and option.name not in _NOT]
NOT_ALL = 1
EPILOG = f"""\
Each file in SUBMISSIONS, and each directory with a main.py, is a submission; hidden ones and links are left out. A line
for each is written as it ends. The checker is Python; it finds outputs, stdout, stderr, files, outcome, usage, source
and name, and calls score(points, of=None, note=""). What is in the journal is not run again.

The exit status is 0 if every submission was run and, with --check, has a score, whatever it is; {NOT_ALL} if one has
not; {exit_status.USAGE} if the command line makes no sense, {exit_status.REFUSED} if no submission could be run,
{exit_status.INTERRUPTED} after Ctrl-C."""


class Batch(Command):
    """Runs a folder of submissions."""

    name = "batch"
    help = "run a folder of submissions, have a checker judge each, and write a report"
    options: frozenset[str] = frozenset({f"--{option.name}" for option in _OURS}) | {
        "--check", "--dask", "--journal", "--quiet", "--report", "--workers",
    }  # fmt: skip

    def prepare(self, parser: argparse.ArgumentParser) -> None:
        """Add what is its own, and the table's options."""
        parser.epilog = EPILOG
        parser.add_argument("submissions", metavar="SUBMISSIONS", help="a directory")
        parser.add_argument("--check", metavar="CHECK.py", help="what judges each, in a sandbox of its own")
        parser.add_argument("--journal", metavar="FILE.jsonl", help="keep the results, and go on from what is there")
        parser.add_argument("--report", metavar="FILE.html", help="write all of it as a page, without any script")
        parser.add_argument("--workers", metavar="COUNT", help="how many at once (default: as many as processors)")
        parser.add_argument("--dask", metavar="ADDRESS", help="run them on this cluster: tcp://HOST:PORT")
        parser.add_argument("--quiet", action="store_true", help="write nothing but errors")
        _options.add_to(parser, scopes=_SCOPES, hidden=_NOT)

    def run(self, given: argparse.Namespace, _rest: list[str]) -> int:
        """Run them all, write what came of them, and return the exit status."""
        from sandbox_magic.batch.report import Report
        from sandbox_magic.batch.results import counted
        from sandbox_magic.batch.run_many import run_many

        streams.write_whatever_comes()
        for path in filter(None, (given.journal, given.report)):
            files.check(path)
        report = Report(str(given.submissions))
        counts: Counter[str] = Counter()
        status: set[int] = set()
        try:
            with ExitStack() as stack:
                options = {**_values(given), **_where(given, stack)}
                rows = stack.enter_context(run_many(Path(given.submissions), **options))
                lines = stack.enter_context(_Lines(quiet=given.quiet))
                for row in rows:
                    lines.add(row)
                    report.add(row)
                    counts[row.word] += 1
                    status.add(_status(row, judged=bool(given.check)))
        finally:  # after Ctrl-C too
            if given.report:
                files.write(given.report, report.html(counted(counts)))
        if not given.quiet:
            print(f"sandbox: {counted(counts)}", file=sys.stderr)
        return exit_status.REFUSED if status == {exit_status.REFUSED} else min(NOT_ALL, max(status, default=0))


def _status(row: Graded, *, judged: bool) -> int:
    if row.result is None:
        return exit_status.REFUSED
    return NOT_ALL if judged and row.score is None else 0


def _values(given: argparse.Namespace) -> dict[str, Any]:
    """Return what `run_many` takes."""
    table = {key: value for key, value in vars(given).items() if key in _options.BY_KEYWORD and key != "quiet"}
    if unfit := [name for name in _NOT if name in table]:
        raise PolicyError(f"option {unfit[0]}: each submission has its own", remedy="--bind PATH")
    values: dict[str, Any] = {"python": default_python.find(), **_options.read(table, _SCOPES)}
    values["check"] = None if given.check is None else Path(given.check)
    return values | {"journal": given.journal}


def _where(given: argparse.Namespace, stack: ExitStack) -> dict[str, Any]:
    """Return who runs them."""
    workers = None if given.workers is None else parse_count(given.workers)
    if workers is not None and workers < 1:
        raise PolicyError(f"option workers is {given.workers}", remedy="1 or more")
    if given.dask is None:
        return {"workers": workers}
    client = _client(given.dask, stack)
    return {"workers": workers, "executor": client.get_executor()}


def _client(address: str, stack: ExitStack) -> Any:
    """Return a client of a cluster; its library is typed in part.

    Raises:
        PolicyError: There is no Dask here, or the address is none.
        SandboxUnavailable: Nobody answers there.
    """
    try:
        with importing():
            import distributed
    except ImportError as error:
        raise PolicyError("option dask: Dask is not installed", remedy="pip install distributed") from error
    connect: Any = distributed.Client
    try:
        return stack.enter_context(connect(address))
    except ValueError as error:
        raise PolicyError(f"option dask is {address!r}", seen=str(error), remedy="tcp://HOST:PORT") from error
    except OSError as error:
        what = f"no scheduler of Dask answers at {address}, so nothing was run"
        raise SandboxUnavailable(what, seen=str(error), remedy="dask scheduler, and its address") from error


class _Lines:
    """A line for each row; at a terminal with a bar below them.

    Args:
        quiet: Whether nothing is written.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        from sandbox_magic.batch.progress import Progress

        if not self._quiet and sys.stderr.isatty() and sys.stdout.isatty():
            self._bar = Progress(None)
        return self

    def add(self, row: Graded) -> None:
        from sandbox_magic.batch import table

        if self._quiet:
            return
        name, how, score, seconds, memory, _, note = table.cells(row)
        line = "  ".join((f"{name:<24}", f"{how:<28}", f"{score:>10}", f"{seconds:>8}", f"{memory:>8}", note)).rstrip()
        if self._bar is None:
            print(line, flush=True)
        else:
            self._bar.say(line)
            self._bar.add(row)

    def __exit__(self, *_error: object) -> None:
        if self._bar is not None:
            self._bar.close()
