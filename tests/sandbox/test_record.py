"""Results of real runs, written down and read again."""

import json

import pytest

import sandbox_magic as sm

CODE = """
import os, sys
import pandas as pd
print("\\x1b[31mred\\x1b[0m π"); print("e", file=sys.stderr)
os.write(1, b"\\xff\\x00" * 10)
mark("half")
os.remove("gone"); open("kept", "a").write("!"); open("new", "w").write("n"); os.symlink("new", "link")
open("conftest.py", "w"); os.symlink("/etc", "out")
total = 3; pair = (1, 2); table = pd.DataFrame({"x": [1.5, 2.5]})
display("shown")
{"last": total}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    tmp_path.chmod(0o755)
    for name in ("gone", "kept"):
        (tmp_path / name).write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_with_everything_comes_back(here):
    result = sm.run(CODE, workspace=here, outputs=["total", "pair", "table"], output_limit="1M", timeout=60)
    assert result.ok, result.stderr
    whole = json.loads(result.to_json())
    again = sm.Result.from_dict(whole)
    assert again.to_dict() == whole == result.to_dict()
    assert list(again.changes) == list(result.changes)
    assert (again.stdout, again.stdout_bytes, again.files) == (result.stdout, result.stdout_bytes, result.files)
    assert again.outputs["pair"] == (1, 2)
    assert repr(again) == repr(result)


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("1 / 0", {}),
        ("import sys; sys.exit(3)", {}),
        ("import os; os.kill(os.getpid(), 9)", {}),
        ("while True: pass", {"timeout": 0.3}),
        ("x = bytearray(10**9)", {"memory": "64M"}),
        ("print('x' * 10**6)", {"output_limit": "1K"}),
        ("print('x' * 10**6)", {"output_limit": "1K", "on_output_limit": "stop"}),
        ("echo 1", {"language": "sh"}),
    ],
)
def test_every_way_to_end_comes_back(code, options):
    result = sm.run(code, **options)
    assert sm.Result.from_dict(json.loads(result.to_json())) == result
