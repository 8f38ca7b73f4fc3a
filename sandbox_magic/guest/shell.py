"""Makes the shell that runs the cells of a session, or one cell that was written for a notebook.

It is IPython's where the chosen Python has it, else one that needs nothing but Python. A plain cell never loads this.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from types import ModuleType

    from .cell_builtins import CellBuiltins
    from .ipython_shell import IPythonShell
    from .plain_shell import Shell


def prepare() -> bool:
    """Import what `make` needs, and use it once; return whether there is IPython.

    It is meant for the time while a session's spare is parked, with the module search path that the cells get.
    """
    from . import failure, plain_shell  # noqa: F401 - only loaded

    try:
        from . import ipython_shell

        ipython_shell.practise()
    except Exception:  # noqa: BLE001 - as below
        return False
    return True


def make(found: CellBuiltins, namespace_module: ModuleType) -> Shell:
    """Return the shell for a session; the host is told where it is not IPython's.

    IPython's shows a figure as often as a notebook does: a last value that is one is shown at the end of the cell too.

    Args:
        found: What shows things, and tells the host.
        namespace_module: Has the names of the cells: ``__main__``.
    """
    from .plain_shell import Shell

    able = of_ipython(found, namespace_module)
    if able is not None:
        found.shows.figures_once = False
        return able
    found.tell(b"note", b"no ipython")
    return Shell(found, namespace_module)


def of_ipython(found: CellBuiltins, namespace_module: ModuleType) -> IPythonShell | None:
    """Return IPython's, None where there is no IPython; see `make`."""
    try:
        from .ipython_shell import IPythonShell

        return IPythonShell(found, namespace_module)
    except Exception:  # noqa: BLE001 - there is none, or whatever an incomplete or a very old one raises
        return None
