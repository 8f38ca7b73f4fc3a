"""``sandbox-magic notebook``: a stranger's notebook, run in one sandbox and written anew."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sandbox_magic.cli import default_python, exit_status, files
from sandbox_magic.cli.command import Command
from sandbox_magic.model import options as _options
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.units import parse_seconds
from sandbox_magic.untrusted.notebook import document

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from sandbox_magic.untrusted.notebook.document import Cell

_USUAL_TOTAL = "1h"
_SCOPES: tuple[_options.Scope, ...] = ("limits", "policy")
_OURS = [option for option in _options.OPTIONS if option.scope in _SCOPES and option.name != "save"]
_METADATA = {
    "kernelspec": {"display_name": "Python (sandboxed)", "language": "python", "name": "sandbox-python"},
    "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
}
EPILOG = f"""\
All code cells run in one sandbox, whatever kernel the notebook names. --timeout and the other limits on time and
output hold for each cell, those on memory, processes and disk for all of them together. What was saved in IN is
cleaned, and OUT names the kernel "Python (sandboxed)".

The exit status is 0 if every cell ended well, {exit_status.CELL_FAILED} if the code of one failed, and otherwise
as for sandbox-magic run, of the first cell that did not end well: {exit_status.USAGE} if IN is no notebook of Python,
{exit_status.REFUSED} if no sandbox could be started."""


class Notebook(Command):
    """Runs a notebook."""

    name = "notebook"
    help = "run a stranger's notebook in a sandbox, and write it anew with cleaned outputs"
    options: frozenset[str] = frozenset({f"--{option.name}" for option in _OURS}) | {
        "--output", "--html", "--keep-going", "--total-timeout", "--no-run", "--quiet",
    }  # fmt: skip

    def prepare(self, parser: argparse.ArgumentParser) -> None:
        """Add the files, what is its own, and the table's options."""
        parser.epilog = EPILOG
        parser.add_argument("notebook", metavar="IN.ipynb", help="the notebook; it stays as it is")
        parser.add_argument("-o", "--output", metavar="OUT.ipynb", required=True, help="the notebook to write")
        parser.add_argument("--html", metavar="FILE.html", help="write it as a page too, without any script")
        parser.add_argument("--keep-going", action="store_true", help="run the cells behind one that failed, too")
        parser.add_argument("--no-run", action="store_true", help="run nothing: clean what was saved, and keep it")
        parser.add_argument(
            "--total-timeout", metavar="SECONDS", default=_USUAL_TOTAL,
            help=f"real time for all cells together: 90, 10m, none (default: {_USUAL_TOTAL})",
        )  # fmt: skip
        parser.add_argument("--quiet", action="store_true", help="say nothing of the cells as they end")
        _options.add_to(parser, scopes=_SCOPES, hidden=("save",))

    def run(self, given: argparse.Namespace, _rest: list[str]) -> int:
        """Run it, write what came of it, and return the exit status."""
        from sandbox_magic.cli import notebook_page  # what the other commands do not wait for
        from sandbox_magic.cli.notebook_job import Job

        _check_files(given)
        table = {key: value for key, value in vars(given).items() if key in _options.BY_KEYWORD and key != "quiet"}
        values = {"python": default_python.find(), **_options.read(table, _SCOPES)}
        if "save" in values:
            raise PolicyError("option save: what a notebook leaves is OUT", remedy="--workspace DIR to work on files")
        job = Job(
            _cells(given.notebook),
            _options.to_policy(values),
            total_seconds=_total(given.total_timeout),
            keep_going=given.keep_going,
            quiet=given.quiet,
        )
        made = job.cleaned() if given.no_run else job.executed()
        metadata = _METADATA if given.no_run else {**_METADATA, "sandbox_magic": job.summary()}
        files.write(given.output, document.write(made, metadata))
        if given.html:
            files.write(given.html, notebook_page.render(made, os.path.basename(given.notebook)))
        return job.status


def _cells(path: str) -> Sequence[Cell]:
    try:
        data = files.read(path)
    except OSError as error:
        raise PolicyError(f"{path} can't be read", seen=str(error.strerror), remedy="the path of a notebook") from error
    return document.read(data, path)


def _total(text: str) -> float | None:
    try:
        return parse_seconds(text)
    except PolicyError as error:
        raise PolicyError(f"option total-timeout: {error.what}", seen=error.seen, remedy=error.remedy) from error


def _check_files(given: argparse.Namespace) -> None:
    """Refuse files that could not be written, and one that would be written over another, before anything runs."""
    written = [path for path in (given.output, given.html) if path]
    for path in written:
        files.check(path)
    places = [os.path.realpath(path) for path in (given.notebook, *written)]
    if len(set(places)) < len(places):
        raise PolicyError("two of IN, OUT and --html are the same file", remedy="another name for OUT")
