"""Files as bytes, into the working directory and out of it."""

import os

import pytest

import sandbox_magic as sm
from sandbox_magic import Outcome

FILES = {"a.csv": b"1,2\n", "data/in.txt": "π".encode(), "empty": b""}
LISTED = """
import os
for place, directories, names in sorted(os.walk(".")):
    for name in sorted(names):
        print(os.path.join(place, name), open(os.path.join(place, name), "rb").read())
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_they_are_in_the_working_directory():
    assert sm.run(LISTED).stdout == "", "which is empty without them"
    result = sm.run(LISTED, files=FILES)
    assert result.stdout.splitlines() == ["./a.csv b'1,2\\n'", "./empty b''", "./data/in.txt b'\\xcf\\x80'"]
    assert result.files == {}


def test_another_language_finds_them_too():
    assert sm.run("cat a.csv data/in.txt", language="sh", files=FILES).stdout == "1,2\nπ"


def test_a_file_of_code_finds_them_beside_itself(here):
    code = "from pathlib import Path\nprint(Path(__file__).with_name('a.csv').read_text(), end='')"
    (here / "greet.py").write_text(code)
    result = sm.run(here / "greet.py", files=FILES, save="*")
    assert result.stdout == "1,2\n", result.stderr
    assert result.files == {}, "neither the code's own file nor what was given"


def test_the_code_may_change_them_and_its_callers_stay_as_they_are():
    code = "open('a.csv', 'ab').write(b'3,4\\n'); import os; os.remove('empty'); print(os.listdir())"
    given = {name: bytearray(data) for name, data in FILES.items()}
    result = sm.run(code, files=given)
    assert (result.ok, given) == (True, FILES)


def test_what_is_new_or_changed_comes_out_and_what_was_given_does_not(here):
    code = "open('a.csv', 'ab').write(b'3,4\\n'); open('data/out.csv', 'w').write('5'); open('other', 'w')"
    result = sm.run(code, files=FILES, save=["*.csv", "empty", "*.txt"])
    assert result.files == {"a.csv": b"1,2\n3,4\n", "data/out.csv": b"5"}
    assert {change.path: change.kind for change in result.changes} == {"a.csv": "changed", "data/out.csv": "added"}
    assert sorted(os.listdir(here)) == ["a.csv", "data"], "save puts them here, as ever"


def test_what_comes_out_of_a_workspace(here):
    project = here / "project"
    project.mkdir()
    for name in ("kept", "gone", "changed"):
        (project / name).write_text(name)
    code = "import os\nos.remove('gone'); open('changed', 'a').write('!'); os.mkdir('d'); os.symlink('kept', 'link')"
    assert sm.run(code, workspace=project).files == {"changed": b"changed!"}
    assert sm.run("1").files == {}


def test_they_count_as_the_codes_own_space():
    code = "open('more', 'wb').write(bytes(600_000))"
    assert sm.run(code, disk="1M").ok
    result = sm.run(code, disk="1M", files={"a": bytes(600_000)})
    assert result.outcome is Outcome.FAILED
    assert "No space left on device" in result.stderr


def test_a_bind_beside_them(here):
    (here / "orders.csv").write_text("bound")
    result = sm.run(LISTED, files={"data/a": b"given"}, bind=f"{here}/orders.csv:data/orders.csv")
    assert result.stdout.splitlines() == ["./data/a b'given'", "./data/orders.csv b'bound'"], result.stderr


def test_events_of_a_run_with_files():
    *_, last = sm.stream("print(open('a.csv').read())", files=FILES)
    assert last.result.stdout == "1,2\n\n"


def test_what_makes_no_sense_is_refused_before_anything_runs():
    with pytest.raises(sm.PolicyError, match="files has the name"):
        sm.stream("1", files={"../a": b""})
