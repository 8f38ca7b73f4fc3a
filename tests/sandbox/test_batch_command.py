"""``sandbox-magic batch``: a folder of strangers' submissions, their report, and the exit status."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from html.parser import HTMLParser

import pytest

import sandbox_magic as sm
from sandbox_magic.cli.main import main

EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script></pre></details>"
CHECK = 'score(outputs.get("total") == 6, of=1, note=stdout[:200] if "<" in stdout else "")\n'
FILES = {
    "ada.py": "total = sum([1, 2, 3])\n",
    "bob.py": "1 / 0\n",
    "hang.py": "while True: pass\n",
    "exit.py": "import os\nprint('total: 6')\nos._exit(0)\n",
    f"{EVIL.replace('/', '')}.py": "total = 6\n",
    "html.py": f"print({EVIL!r})\ndisplay({EVIL!r})\nraise ValueError({EVIL!r})\n",
    "term.py": "print('\\x1b[2J\\x1b]0;pwned\\x07ada.py  done  1 of 1')\nimport sys; sys.stderr.write('sandbox: 99')\n",
    "shell.sh": "echo hi\n",
    "team/main.py": "import part\ntotal = part.total\n",
    "team/part.py": "total = 6\n",
    "notes/readme.txt": "no code\n",
    ".hidden.py": "total = 6\n",
}
SCORES = {"ada.py": 1, "bob.py": 0, "hang.py": 0, "exit.py": 0, "html.py": 0, "term.py": 0, "shell.sh": 0, "team": 1}


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "submissions"
    for name, text in FILES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    (tmp_path / "secret.py").write_text("print('the grader\\'s own')")
    (place / "link.py").symlink_to(tmp_path / "secret.py")
    (place / "team" / "leak.py").symlink_to(tmp_path / "secret.py")
    os.mkfifo(place / "fifo.py")
    (tmp_path / "check.py").write_text(CHECK)
    return place


def batch(folder, *more):
    command = [
        sys.executable,
        "-P",
        "-m",
        "sandbox_magic",
        "batch",
        str(folder),
        "--cpu-time",
        "1",
        "--timeout",
        "60",
        *more,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder.parent, timeout=85)


class Parsed(HTMLParser):
    """Every element of a page, with its attributes."""

    def __init__(self, page):
        super().__init__()
        self.elements = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))


def test_a_folder_is_run_judged_reported_and_kept(folder):
    how = ("--check", "check.py", "--journal", "night.jsonl", "--report", "report.html", "--workers", "2")
    done = batch(folder, *how)
    assert done.returncode == 1, done.stderr  # some could not be run
    assert done.stderr.splitlines()[-1] == "sandbox: 12 results: 6 COMPLETED, 1 CPU_TIME, 2 FAILED, 3 not run"
    assert "\x1b" not in done.stdout
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert len(done.stdout.splitlines()) == 12
    assert "it is a link" in lines["link.py"]
    assert "no ordinary file" in lines["fifo.py"]
    assert "there is no main.py" in lines["notes"]

    rows = {row.name: row for row in sm.Results.read(folder.parent / "night.jsonl")}
    assert {name: rows[name].score.points for name in SCORES} == SCORES
    assert rows[next(name for name in rows if "onerror" in name)].score.points == 1
    assert ".hidden.py" not in rows

    page = (folder.parent / "report.html").read_text()
    elements = Parsed(page).elements
    assert {tag for tag, _ in elements} & {"script", "iframe", "link", "object", "svg", "form", "a", "base"} == set()
    sources = [attributes["src"] for tag, attributes in elements if tag == "img"]
    assert len(sources) == 9  # a picture for each that was run
    assert all(source.startswith("data:image/svg+xml") for source in sources)
    assert not [name for _, attributes in elements for name in attributes if name.startswith("on")]
    assert sum(tag == "details" for tag, _ in elements) == page.count("</details>")
    assert "default-src 'none'" in page
    assert "the grader" not in page
    assert "\x1b" not in page
    order = re.findall(r"<summary>([\w.]+) <small>", page)
    assert order.index("link.py") < order.index("hang.py") < order.index("bob.py") < order.index("ada.py")

    began = (folder.parent / "night.jsonl").read_bytes()
    again = batch(folder, *how)
    assert sorted(again.stdout.splitlines()) == sorted(done.stdout.splitlines())  # times and all: nothing ran again
    assert (folder.parent / "night.jsonl").read_bytes() == began
    assert all(json.loads(line) for line in began.splitlines())


def test_the_status_says_whether_all_were_run_and_judged(folder):
    only = folder / "only"
    only.mkdir()
    (only / "a.py").write_text("total = 5")
    assert batch(only, "--check", "none.py", "--quiet").returncode == 2  # there is no such file
    passed = batch(only, "--check", str(folder.parent / "check.py"), "--quiet")
    assert (passed.returncode, passed.stdout, passed.stderr) == (0, "", "")
    (only / "check.py").write_text("score(1)\nraise SystemExit(3)")
    broken = batch(only, "--check", str(only / "check.py"))
    assert broken.returncode == 1
    assert "The checker did not complete" in broken.stdout


def test_a_name_that_the_locale_has_no_characters_for_does_not_end_the_batch(tmp_path, monkeypatch):
    folder = tmp_path / "submissions"
    folder.mkdir()
    for name in ("\u00e4.py", os.fsdecode(b"\xff.py"), "z.py"):
        (folder / name).write_text("1")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = batch(folder)
    assert (done.returncode, done.stderr) == (0, "sandbox: 3 results: 3 COMPLETED\n")
    assert sorted(line.split()[0] for line in done.stdout.splitlines()) == [r"\xe4.py", r"\xff.py", "z.py"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none"], "can't be listed"),
        (["empty"], "there are no submissions"),
        (["empty", "--workers", "0"], "workers"),
        (["empty", "--inputs", "x"], "each submission has its own"),
        (["empty", "--jornal", "x"], "--journal"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, monkeypatch, capsys, words, said):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["batch", *words]) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert said in errors


@pytest.mark.parametrize(
    ("address", "status", "said"), [("nonsense", 2, "tcp://HOST:PORT"), ("closed", 125, "answers")]
)
def test_an_address_where_no_cluster_is_is_told(folder, monkeypatch, address, status, said):
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "1s")  # not its half minute
    with socket.socket() as bound:  # and nobody listens
        bound.bind(("127.0.0.1", 0))
        where = f"tcp://127.0.0.1:{bound.getsockname()[1]}" if address == "closed" else address
        done = batch(folder, "--dask", where)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
