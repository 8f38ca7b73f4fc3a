"""Hints in real sandboxes: what really is written to standard error there, and what really helps."""

from __future__ import annotations

import socket
import subprocess
import sys
import textwrap

import pytest

import sandbox_magic as sm
from sandbox_magic import Outcome
from sandbox_magic.jail.cgroup import tiers
from sandbox_magic.jail.view import interpreter, programs
from sandbox_magic.model.policy import Limits

THERE = programs.available(interpreter.choose("kernel"), Limits())


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """The directory of a notebook: a table, a directory, a module; a kernel has it on its path as ''."""
    tmp_path.chmod(0o755)
    (tmp_path / "data").mkdir()
    (tmp_path / "data.csv").write_text("6,7\n")
    (tmp_path / "data/x.csv").write_text("6,7\n")
    (tmp_path / "only_here.py").write_text("ANSWER = 42\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    return tmp_path


def run(source, **options):
    return sm.run(textwrap.dedent(source), **options)


def hinted(source, **options):
    """Return the one note of a run that failed."""
    result = run(source, **options)
    assert result.outcome is Outcome.FAILED, (result, result.stderr)
    assert len(result.notes) == 1, (result.notes, result.stderr)
    return result.notes[0]


READING = {
    "python": "print(open('data.csv').read())",
    "bash": "cat data.csv",
    "sh": "read x < data.csv && echo $x",
    "node": "console.log(require('fs').readFileSync('data.csv', 'utf8'))",
    "perl": "open(F, '<', 'data.csv') or die \"cannot open data.csv: $!\"; print <F>",
    "awk": "{print}",
    "c": '#include "data.csv"\nint main(void) {}',
}


@pytest.mark.parametrize("language", [name for name in READING if name in THERE])
def test_a_file_of_the_hosts_and_what_helps(notebook, language):
    """The option that is named does help."""
    args = ["data.csv"] if language == "awk" else []
    *before, said = run(READING[language], language=language, args=args).notes
    assert said.startswith("data.csv is on this machine, but not in the sandbox; --bind data.csv")
    after = run(READING[language], language=language, args=args, bind=["data.csv"])
    assert (
        [*after.notes] == before == (["It was the compiler that failed; the program never began."] * (language == "c"))
    )
    if language != "c":  # whose compiler now reads it, and does not like it
        assert "6,7" in after.stdout


def test_a_file_in_a_directory_and_by_its_absolute_path(notebook):
    code = "print(open('data/x.csv').read())"
    assert "--bind data " in hinted(code)
    assert run(code, bind=["data"]).stdout == "6,7\n\n"
    assert run(code, workspace=".").stdout == "6,7\n\n"
    whole = f"{notebook}/data.csv"
    assert f"--bind {whole} shows it, read-only, as data.csv in the working directory" in hinted(f"open({whole!r})")
    (told,) = run(f"open({whole!r})", bind=[whole]).notes
    assert told == f"{whole} is in the sandbox as data.csv, in the working directory: open that."
    assert "--workspace DIR" in run("open('data.csv', 'a')", bind=[whole]).notes[0]


@pytest.mark.parametrize("path", ["nowhere.csv", "data/nowhere.csv", "/usr/share/nowhere", "/proc/1/nowhere"])
def test_a_file_that_is_nowhere(notebook, path):
    """Only the directory is hinted at, if that is what is missing."""
    result = run(f"open({path!r})")
    assert [note.partition(" ")[0] for note in result.notes] == (["data"] if path.startswith("data/") else [])


def test_a_module_beside_the_notebook(notebook):
    assert "--bind only_here.py" in hinted("import only_here")
    assert run("import only_here; print(only_here.ANSWER)", bind=["only_here.py"]).stdout == "42\n"
    assert "only_here" not in sys.modules
    assert run("try: import only_here\nexcept ImportError: pass\n1 / 0").notes == ()


def test_what_lies_beside_a_script_that_is_started_from_elsewhere(notebook):
    """The option that is named does help, when it is typed as shown."""
    (notebook / "hw1" / "part").mkdir(parents=True)
    (notebook / "hw1" / "helper.py").write_text("def double(n): return 2 * n\n")
    (notebook / "hw1" / "part" / "__init__.py").write_text("N = 21\n")
    (notebook / "hw1" / "scores.csv").write_text("42")
    codes = {
        "import helper; print(helper.double(21))": "hw1/helper.py",
        "from part import N; print(2 * N)": "hw1/part",
        "import pathlib; print((pathlib.Path(__file__).parent / 'scores.csv').read_text())": "hw1/scores.csv",
    }
    for code, path in codes.items():
        script = notebook / "hw1" / "main.py"
        script.write_text(code)
        result = sm.run(script)
        (told,) = result.notes
        assert f"--bind {path} shows it" in told, result.stderr
        assert sm.run(script, bind=[path]).stdout == "42\n"


def test_a_module_that_is_nowhere_and_the_way_to_it(tmp_path):
    """What is installed outside, in the Python that runs the code, is there."""
    tmp_path.chmod(0o755)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python3"
    code = "import nowhere_at_all; print(nowhere_at_all.N)"
    assert "is not installed for the Python that ran the code" in hinted(code, python=python)
    (packages,) = (tmp_path / "venv" / "lib").glob("python3*/site-packages")
    (packages / "nowhere_at_all.py").write_text("N = 42\n")
    assert run(code, python=python).stdout == "42\n"


INSTALLS = {
    "as in a notebook": "!pip install nowhere-at-all\nimport nowhere_at_all",
    "magic": "%pip install -q nowhere-at-all\nimport nowhere_at_all",
    "as at a terminal": "pip install nowhere-at-all",
    "subprocess": "import subprocess, sys\nsubprocess.check_call([sys.executable, '-m', 'pip', 'install', 'nowhere'])",
    "ignored": "import os, sys\nos.system(f'{sys.executable} -m pip install nowhere-at-all')\nimport nowhere_at_all",
}


@pytest.mark.parametrize("how", INSTALLS)
def test_pip_in_a_cell_says_at_once_that_it_can_not(how):
    """Not after a minute of trying again."""
    result = run(INSTALLS[how], timeout=20)
    assert result.outcome is Outcome.FAILED
    (told,) = result.notes
    assert "othing can be installed in a sandbox, which has no network" in told
    assert "Retrying" not in result.stderr


def test_a_module_of_the_notebooks_own_python(tmp_path):
    """Collected as au-module: a package that only the host's environment has."""
    assert "--python kernel" in hinted("import psutil", python="system")
    assert run("import psutil", python="kernel").ok


NETWORK = {
    "a name": "import urllib.request as u; u.urlopen('http://example.org')",
    "a number": "import socket; socket.create_connection(('192.0.2.1', 80))",
    "datagram": "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('192.0.2.1', 53))",
}


@pytest.mark.parametrize("code", NETWORK.values(), ids=NETWORK)
def test_the_network(code):
    assert "has no network" in hinted(code)


def test_a_service_of_the_hosts_is_not_reached():
    """It is from outside."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = f"import socket; socket.create_connection({server.getsockname()})"
        socket.create_connection(server.getsockname()).close()
        assert "has no network" in hinted(code)


@pytest.mark.skipif("node" not in THERE, reason="no Node on this machine")
def test_the_network_in_node():
    assert "has no network" in hinted("fetch('http://example.org')", language="node")
    assert "has no network" in hinted("require('http').get('http://192.0.2.1')", language="node")


@pytest.mark.parametrize("path", ["/etc/hosts", "/usr/x", "/x", "/sandbox/x", "/proc/x"])
def test_a_place_that_is_not_to_be_written(path):
    """Collected as au-write."""
    result = run(f"open({path!r}, 'a')")
    assert result.outcome is Outcome.FAILED
    if "No such file" not in result.stderr:
        assert "Only its working directory and /tmp can be written" in result.notes[0]


NO_SUCH_PLACE = {
    "open": "open('/mnt/nowhere/x.csv', 'w')",
    "pathlib": "import pathlib; pathlib.Path('/content/x.txt').write_text('x')",
    "copy": "import shutil; open('a', 'w'); shutil.copy('a', '/kaggle/working/a')",
    "directory": "import os; os.makedirs('/mnt/nowhere')",
    "log": "import logging; logging.FileHandler('/var/nowhere/x.log')",
    "database": "import sqlite3; sqlite3.connect('/mnt/nowhere/x.db')",
    "change": "import os; os.chdir('/content/nowhere')",
}


@pytest.mark.parametrize("how", NO_SUCH_PLACE)
def test_a_place_that_other_sandboxes_have(how):
    assert "nly its working directory and /tmp can be written" in hinted(NO_SUCH_PLACE[how])


def test_a_place_that_other_sandboxes_have_in_a_shell():
    assert "only its working directory and /tmp can be written" in hinted("echo a > /mnt/nowhere/x", language="bash")


def test_both_that_can_be_written_can():
    assert run("open('x.csv', 'w'); open('/tmp/x.csv', 'w'); print('saved')").stdout == "saved\n"


def test_a_directory_of_the_hosts_is_not_offered_for_writing(notebook):
    told = hinted(f"open('{notebook}/data/new.csv', 'w')")
    assert f"--bind {notebook}/data shows it, read-only, as data" in told
    assert "only the working directory and /tmp can be written" in told


def test_limits(monkeypatch):
    assert "64 MiB in the working directory, and as much in /tmp and in /dev/shm; --disk" in hinted(
        "open('x', 'wb').write(bytes(70 << 20))"
    )
    assert "--open-files" in hinted("kept = [open('/dev/null') for _ in range(300)]")


FORKS = """
    import os, time
    for _ in range(99):
        if not os.fork():
            time.sleep(60)
            os._exit(0)
"""
THREADS = "import threading as t\nfor _ in range(99): t.Thread(target=t.Event().wait, daemon=True).start()"


@pytest.mark.parametrize("code", [FORKS, THREADS], ids=["processes", "threads"])
@pytest.mark.parametrize("tier", ["the best tier", "no cgroup"])
def test_more_processes_than_allowed_is_said_once(code, tier, monkeypatch):
    if tier == "no cgroup":
        monkeypatch.setattr(tiers, "_tiers", dict)
    notes = [note for note in run(code, processes=20).notes if "--processes" in note]
    assert len(notes) == 1


def test_memory_that_is_only_watched(monkeypatch):
    monkeypatch.setattr(tiers, "_tiers", dict)
    assert "--memory" in hinted("bytearray(10**9)")


def test_threads_that_are_only_spoken_of():
    assert run("import sys; sys.exit('pthread_create is a function of C')").notes == ()


def test_what_is_refused_by_design():
    assert "by design" in hinted("import os; os.chroot('/')")
    assert "by design" in hinted(PTRACE)


PTRACE = """
    import ctypes, os
    c = ctypes.CDLL(None, use_errno=True)
    if c.ptrace(0, 0, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
"""


def test_input_that_nobody_gives():
    assert "--stdin" in hinted("input()", stdin="")
    assert "--stdin" in hinted("input(); input()", stdin="one\n")
    assert run("input(); input()", stdin="one\ntwo\n").notes == ()


@pytest.mark.parametrize(
    "code",
    [
        "print(\"FileNotFoundError: [Errno 2] No such file or directory: 'data.csv'\"); raise SystemExit(1)",
        "try: open('data.csv')\nexcept OSError as e: import sys; print(e, file=sys.stderr)",
        "try: open('data.csv')\nexcept OSError: pass\n1/0",
        "1/0",
    ],
)
def test_no_hint_where_it_is_not_what_ended_the_run(notebook, code):
    assert run(code).notes == ()


def test_standard_input_that_is_empty():
    for code in ("import sys; int(sys.stdin.readline())", "import sys, json; json.load(sys.stdin)"):
        assert hinted(code) == "Standard input is empty; --stdin TEXT provides it."
        assert run(code, stdin="7\n").ok
    assert run("import sys; sys.stdin.read(); int('seven')", stdin="7").notes == ()


@pytest.mark.parametrize("start", ["breakpoint()", "import pdb; pdb.set_trace()"])
def test_a_debugger_that_was_left_in(start):
    code = f"total = 0\nfor n in range(3):\n    {start}\n    total += n\nprint('total', total)"
    assert "leave it out, or pass its commands by --stdin" in hinted(code)
    assert run(code, stdin="c\n" * 3).stdout.endswith("total 3\n")


@pytest.mark.parametrize("place", ["scikit_learn_data", ".cache/seaborn:.cache/seaborn"])
def test_what_a_library_has_downloaded_outside_is_where_it_looks(tmp_path, monkeypatch, place):
    """As the hint for such a library says it."""
    tmp_path.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    name = place.partition(":")[0]
    (tmp_path / name).mkdir(parents=True)
    (tmp_path / name / "data").write_text("there")
    code = f"import os; print(open(os.path.expanduser('~/{name}/data')).read())"
    assert run(code, bind=f"~/{place}").stdout == "there\n"
    assert run(code).outcome is Outcome.FAILED


def test_what_nltk_has_downloaded_outside_can_be_made_its_own(tmp_path, monkeypatch):
    """As the hint says it: NLTK refuses data of another account's; 3.10 was tried by hand."""
    tmp_path.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "nltk_data").mkdir()
    (tmp_path / "nltk_data" / "data").write_text("there")
    code = "import os, shutil\nshutil.copytree('data', 'nltk_data')\npath = os.path.expanduser('~/nltk_data/data')\n"
    result = run(f"{code}print(open(path).read(), os.stat(path).st_uid == os.geteuid())", bind="~/nltk_data:data")
    assert result.stdout == "there True\n", result.stderr
