"""Tests for a machine in which no sandbox can start: nothing runs, and the error names what fixes it.

Not named ``test_``: only such a machine runs them (`suite`).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sandbox_magic as sm

# Machine -> what is said that failed, what was seen, what is named as the remedy.
EXPECTED = {
    "no-bwrap": ("no usable bubblewrap", "no bwrap on the PATH", "apt install bubblewrap"),
    "no-userns": (
        "switched off (user.max_user_namespaces is 0)",
        "max_user_namespaces|Creating new namespace failed",
        "user.max_user_namespaces",
    ),
}
FAILED, SEEN, REMEDY = EXPECTED[os.environ["SANDBOX_MACHINE"]]


@pytest.fixture
def cell(tmp_path):
    """A cell that leaves a file, if it runs at all, wherever it runs; nothing must be there afterwards."""
    marker = Path("/tmp/a-cell-ran")
    marker.unlink(missing_ok=True)
    yield f"open({str(marker)!r}, 'w').close()"
    assert not marker.exists()
    assert Path(f"/proc/self/task/{os.getpid()}/children").read_text() == ""


def test_the_cell_would_leave_its_mark(cell):
    """The positive control: without a sandbox it does."""
    subprocess.run([sys.executable, "-c", cell], check=True)
    Path("/tmp/a-cell-ran").unlink()


@pytest.mark.parametrize("options", [{}, {"strict": True}, {"python": "system"}, {"memory": "64M"}], ids=repr)
def test_run_refuses(cell, options):
    with pytest.raises(sm.SandboxUnavailable) as caught:
        sm.run(cell, **options)
    assert FAILED in caught.value.what
    assert re.search(SEEN, caught.value.seen), caught.value.seen
    assert REMEDY in caught.value.remedy


def test_stream_refuses(cell):
    """No iterator is handed out whose code could have begun."""
    with pytest.raises(sm.SandboxUnavailable):
        list(sm.stream(cell))


def test_doctor_names_the_remedy():
    """The same by `diagnose`, as text and as values."""
    found = sm.diagnose()
    assert not found.ok
    assert found.isolation is None
    assert REMEDY in str(found)
    assert REMEDY in found.as_dict()["error"]["remedy"]


def test_command_fails():
    """The doctor's exit status is 1, and its JSON says the same."""
    command = [sys.executable, "-P", "-m", "sandbox_magic", "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert REMEDY in json.loads(done.stdout)["error"]["remedy"]
