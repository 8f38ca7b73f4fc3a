"""A cell that plain Python refuses because it was written for a notebook: it runs as the one cell of IPython's shell.

Loaded only after Python has refused it.
"""

from __future__ import annotations

import re

from . import shell

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from types import ModuleType

    from .cell_builtins import CellBuiltins

_MAY_BE = re.compile(r"^[ \t]*(?:%{1,2}[A-Za-z_]|[!?])|=[ \t]*(?:%[A-Za-z_]|!)|\?[ \t]*$", re.MULTILINE)
"""What the lines of IPython's own look like; only then IPython is imported, to be asked what they are."""


def run(text: str | bytes, file: str, found: CellBuiltins, module: ModuleType, *, value: bool) -> int | None:
    """Run the cell, and return its exit status; None if IPython has no part in it, or the chosen Python has no IPython.

    Args:
        text: The cell.
        file: The name that it has in tracebacks.
        found: What shows things, and tells the host.
        module: Has its names.
        value: Whether its last value is shown.
    """
    words = text if isinstance(text, str) else text.decode("utf-8-sig", "surrogateescape")
    if not _MAY_BE.search(words):
        return None
    able = shell.of_ipython(found, module)
    if able is None or not able.changes(words):
        return None
    return able.run_cell(words, file, value=value)
