"""Runs tests with branch coverage of what runs inside the sandbox; the arguments are pytest's.

The product knows nothing of it: here the sandboxes see a copy of the guest that starts `guest_coverage_inside.py`
first, and a directory in which that leaves its data. They end up beside the other data of `make coverage`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from sandbox_magic.jail import bubblewrap, spawn

ROOT = Path(__file__).parents[1]
INSIDE = Path(__file__).with_name("guest_coverage_inside.py")


def main(arguments: list[str]) -> int:
    """Run pytest; return its status."""
    with tempfile.TemporaryDirectory(prefix="guest-coverage-") as place:
        guest, data = Path(place, "guest"), Path(place, "data")
        shutil.copytree(spawn.GUEST, guest)
        shutil.copy(INSIDE, guest)
        start = guest / "start.py"
        start.write_text(start.read_text().replace("import init", f"import {INSIDE.stem}, init"))
        data.mkdir()
        Path(place).chmod(0o755)  # a root caller's sandbox is a user of its own
        data.chmod(0o1777)

        plain = bubblewrap.arguments
        bubblewrap.arguments = lambda *parts, **named: ["--bind", str(data), "/coverage", *plain(*parts, **named)]
        spawn.GUEST = str(guest)
        status = pytest.main(arguments)
        for file in data.iterdir():
            shutil.move(file, ROOT / "build/coverage" / file.name)
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
