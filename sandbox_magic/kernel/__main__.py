"""``python -P -m sandbox_magic.kernel -f CONNECTION_FILE [OPTION ...]`` starts the kernel; a kernelspec does so."""

from __future__ import annotations

import sys

from sandbox_magic.safe_import import elsewhere

# The working directory is the notebook's folder, and may hold a stranger's ipykernel.py. -P keeps it off the search
# path, but an empty or relative entry of PYTHONPATH would put it back; and imports come late, too.
sys.path[:] = elsewhere()

from sandbox_magic.kernel import early  # noqa: E402 - see above

if __name__ == "__main__":
    early.park(sys.argv[1:])
    from sandbox_magic.kernel._app import main

    main()
