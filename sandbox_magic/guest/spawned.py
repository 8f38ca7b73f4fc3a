"""What a process that multiprocessing spawns does with the cell: it runs it anew only if the cell asks for its name.

Another cell would spawn processes in its turn there, which Python refuses, so that a pool breaks. In a notebook, too,
nothing is run anew, and what dask and its like send takes the cell's functions along.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any, Callable


def change(module: Any, is_cell: Callable[[], bool]) -> None:
    """Change ``multiprocessing.spawn``.

    Args:
        module: The module.
        is_cell: Returns whether what runs is a cell; a file is run anew always, as a script outside.
    """
    python = module.get_preparation_data

    def get_preparation_data(name: str) -> dict[str, Any]:
        data: dict[str, Any] = python(name)
        if is_cell() and not _is_run_anew():
            data.pop("init_main_from_path", None)
        return data

    module.get_preparation_data = get_preparation_data


def _is_run_anew() -> bool:
    """Return whether the cell asks for its name, and is one that can be run so: none with magics or ``await``."""
    try:
        with open(str(sys.modules["__main__"].__file__), "rb") as source:
            text = source.read()
    except (AttributeError, OSError):  # the code has removed it
        return True
    return b"__name__" in text and _is_plain(text)


def _is_plain(text: bytes) -> bool:
    try:
        compile(text, "<cell>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True
