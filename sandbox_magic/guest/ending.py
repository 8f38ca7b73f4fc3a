"""The end of the cell's process: what anybody can notice of an interpreter's own end, without its clean-up.

An interpreter takes itself apart object by object, and a forked process pays for that with a copy of each page that it
touches; the kernel frees them all at once. So what a program can notice is done here in the interpreter's own order
(Py_FinalizeEx): threads are joined, `atexit` runs, streams are flushed, the cell's objects are dropped.
"""

from __future__ import annotations

import _thread
import gc
import os
import sys

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Collection


def end(status: int, parked: Collection[str]) -> None:
    """End this process with an exit status; return where only the interpreter itself can do that properly.

    Args:
        status: From 0 to 255.
        parked: The names of the modules that were there before the cell.
    """
    if not _only_the_standard_library(parked):
        return
    modules = sys.modules
    try:
        if "threading" in modules:
            modules["threading"]._shutdown()  # noqa: SLF001 - as the interpreter does
        if _thread._count():  # noqa: SLF001 - daemon threads run on; the interpreter stops them
            return
        if "atexit" in modules:
            modules["atexit"]._run_exitfuncs()  # noqa: SLF001 - likewise
        flush()
        del modules["__main__"]
        gc.collect()  # what was parked is frozen, and takes no time
        flush()
    except BaseException:  # noqa: BLE001 - the interpreter's own end tells of it
        return
    os._exit(status)


def _only_the_standard_library(parked: Collection[str]) -> bool:
    """Return whether nothing came that may have its own ideas of an end, such as a library of C's."""
    standard = getattr(sys, "stdlib_module_names", ())  # Python 3.10
    new = [name for name in sys.modules if name not in parked]
    return "_ctypes" not in sys.modules and all(name.partition(".")[0] in standard for name in new)


def flush() -> None:
    """Flush standard output and standard error."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()
