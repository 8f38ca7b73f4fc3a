"""Arrow checks little of what it is given and ends the process where it did not: so we check, and try it in another."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("fuzz_arrow.py")
COUNT = int(os.environ.get("FUZZ_ARROW", "3000"))


@pytest.mark.timeout(300)
def test_broken_columns_are_refused_or_can_be_used():
    """Lengths, offsets, buffers and children changed at every depth, and what comes out used as people use it."""
    done = subprocess.run(
        [sys.executable, "-P", PROGRAM, "0", str(COUNT)], capture_output=True, text=True, timeout=900, check=False
    )
    *_, seed, last = ["", *done.stdout.split("\n")[:-1]]
    assert done.returncode == 0, f"seed {last}: {done.stderr[-500:]}"
    assert seed == str(COUNT - 1)
    assert int(last.partition(" ")[2]) > COUNT // 4  # many were not refused, so were really used
