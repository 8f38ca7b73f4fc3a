"""The command line: what belongs to whom, what is refused before anything runs, and the exit statuses."""

import io
import signal
import sys
from dataclasses import replace

import pytest

from sandbox_magic import Limits, Outcome, Result, Sample, Text, Timeline, Usage
from sandbox_magic.cli import exit_status, export, files, main
from sandbox_magic.cli.run import Run
from sandbox_magic.model import summary
from sandbox_magic.model.options import OPTIONS
from sandbox_magic.model.units import MIB
from sandbox_magic.terminal.live_line import LIVE_AFTER_SECONDS, LiveLine, fitted, pieces
from sandbox_magic.terminal.screen import Terminal


@pytest.mark.parametrize(
    ("typed", "own", "rest"),
    [
        ("a.py", "", "a.py"),
        ("a.py --timeout 3 -h", "", "a.py --timeout 3 -h"),
        ("--timeout 3 a.py --timeout 4", "--timeout=3", "a.py --timeout 4"),
        ("--timeout=3 a.py", "--timeout=3", "a.py"),
        ("--quiet a.py", "--quiet=on", "a.py"),
        ("--quiet off --strict a.py on", "--quiet=off --strict=on", "a.py on"),
        ("--stdin -x --plot p.svg - a b", "--stdin=-x --plot=p.svg", "- a b"),
        ("--quiet -- on -- x", "--quiet=on", "-- on -- x"),
        ("--timeout", "--timeout", ""),
        ("--no-such a.py", "--no-such", "a.py"),
        ("-h", "-h", ""),
        ("", "", ""),
    ],
)
def test_options_of_ours_stand_before_the_script(typed, own, rest):
    assert Run().divide(typed.split()) == (own.split(), rest.split())


def helped(capsys, *words):
    with pytest.raises(SystemExit) as caught:
        main.main(words)
    assert caught.value.code == 0
    return capsys.readouterr().out


def test_the_help_lists_every_command(capsys):
    said = helped(capsys, "--help")
    assert [command.name for command in main.COMMANDS if f"    {command.name} " not in said] == []


def test_the_help_of_run_lists_every_option_and_every_exit_status(capsys):
    said = helped(capsys, "run", "--help")
    refused = ["result", "input", "output", "bg", "warm", "session", "undo"]  # which a terminal has no use for
    names = [option.name for option in OPTIONS if option.name not in refused] + ["save-usage", "plot"]
    assert [name for name in names if f" --{name} " not in said] == []
    assert [name for name in refused if f" --{name} " in said] == []
    assert "(default: that of $VIRTUAL_ENV, else python3 on PATH)" in " ".join(said.split())
    assert exit_status.HELP in said


STATUSES = [
    (Outcome.COMPLETED, 0, None, 0),
    (Outcome.FAILED, 3, None, 3),
    (Outcome.FAILED, 255, None, 255),
    (Outcome.SIGNALLED, None, signal.SIGSEGV, 139),
    (Outcome.SIGNALLED, None, None, 137),
    (Outcome.WALL_TIME, None, signal.SIGKILL, 124),
    (Outcome.CPU_TIME, None, signal.SIGKILL, 152),
    (Outcome.OUT_OF_MEMORY, 1, None, 137),
    (Outcome.OUTPUT_LIMIT, None, signal.SIGKILL, 153),
    (Outcome.INTERRUPTED, None, signal.SIGINT, 130),
]


@pytest.mark.parametrize(("outcome", "exit_code", "number", "status"), STATUSES)
def test_each_outcome_has_its_exit_status(outcome, exit_code, number, status):
    result = Result(outcome=outcome, exit_code=exit_code, signal=number, usage=Usage(wall_seconds=1))
    assert exit_status.status(result) == status
    assert status in (0, 3, 255, 139) or f"\n  {status}  " in exit_status.HELP


def test_no_outcome_is_without_one():
    assert {row[0] for row in STATUSES} == set(Outcome)


REFUSED = [
    (["run"], "there is no SCRIPT"),
    (["run", "--timeout", "soon", "S"], "'soon' is not a time"),
    (["run", "--result", "x", "S"], "a terminal has no variables"),
    (["run", "-i", "x", "S"], "a terminal has no variables\nsandbox-magic run: Try: --bind PATH"),
    (["run", "-o", "x", "S"], "a terminal has no variables\nsandbox-magic run: Try: --save PATTERN"),
    (["run", "--args", "a", "S", "b"], "arguments after SCRIPT too"),
    (["run", "--no-such", "S"], "there is no option --no-such\nsandbox-magic run: Try: sandbox-magic run -h"),
    (
        ["run", "--network", "S"],
        "there is no option --network: a sandbox has no network, but for the hosts that --net names",
    ),
    (["run", "--time", "3", "S"], "there is no option --time\nsandbox-magic run: Try: --timeout\n"),
    (["run", "--save-usge", "u", "S"], "Try: --save-usage\n"),
    (["plot", "S", "--out", "p.svg"], "there is no option --out\nsandbox-magic plot: Try: --output\n"),
    (["doctor", "now"], "'now' belongs to no option"),
    (["run", "no/such.py"], "'no/such.py' can't be read\nsandbox-magic run: Seen: No such file"),
    (["run", "."], "'.' is a directory\nsandbox-magic run: Try: the path of a file in it\n"),
    (["run", "homework"], "Try: the path of a file in it: homework/main.py"),
    (["run", "hw 1.ipynb"], "is a notebook, not a script\nsandbox-magic run: Try: jupyter nbconvert --to script 'hw 1"),
    (["run", "notebook.txt"], "'notebook.txt' is a notebook"),
    (["run", "wide.py"], "'wide.py' is text in UTF-16\nsandbox-magic run: Try: iconv -f UTF-16 -t UTF-8 wide.py"),
    (["run", "--plot", "p.gif", "S"], "p.gif is not a picture's name"),
    (["run", "--plot", "no/such/p.svg", "S"], "there is no directory"),
    (["run", "--save-usage", ".", "S"], ". is a directory"),
    (["plot", "no.json"], "no.json can't be read"),
    (["plot", "S"], "this is not a resource usage file"),
    (["plot", "S", "-o", "p.txt"], "p.txt is not a picture's name"),
]


@pytest.mark.parametrize(
    ("typed", "said"), REFUSED, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_what_makes_no_sense_is_refused_before_anything_runs(typed, said, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sandbox_magic.cli.run.drive", lambda *_, **__: pytest.fail("it ran"))
    (tmp_path / "S").write_text("print(1)")
    for name in ("hw 1.ipynb", "notebook.txt"):
        (tmp_path / name).write_text('\n{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    (tmp_path / "wide.py").write_text("print(1)", "utf-16")
    (tmp_path / "homework").mkdir()
    (tmp_path / "homework" / "main.py").write_text("print(1)")
    assert main.main(typed) == exit_status.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert all(line.startswith(f"sandbox-magic {typed[0]}: ") for line in err.splitlines())


@pytest.mark.parametrize("text", [None, '{"cells": [], "nbformat": 4}'])
def test_a_script_on_standard_input_is_looked_at_too(text, capsys, monkeypatch):
    monkeypatch.setattr("sandbox_magic.cli.run.drive", lambda *_, **__: pytest.fail("it ran"))
    monkeypatch.setattr(sys, "stdin", text and io.TextIOWrapper(io.BytesIO(text.encode())))
    assert main.main(["run", "-"]) == exit_status.USAGE
    assert f"standard input is {'a notebook' if text else 'closed'}" in capsys.readouterr().err


@pytest.mark.parametrize("typed", [[], ["walk"], ["run", "--timeout"], ["--verbose"]])
def test_what_the_parser_does_not_know_is_a_usage_error(typed, capsys):
    with pytest.raises(SystemExit) as caught:
        main.main(typed)
    assert caught.value.code == exit_status.USAGE
    assert "usage: sandbox-magic" in capsys.readouterr().err


def test_png_without_matplotlib_says_both_ways_out(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"sandbox-magic\[plot\].*\.svg or \.html"):
        export.check("p.png")
    export.check("p.svg")


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("before")
    link.symlink_to(target)
    files.write(str(link), b"after")
    assert link.is_symlink()
    assert target.read_text() == "after"
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        files.write(str(target), b"never")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "target"]
    assert target.read_text() == "after"


def test_a_mistake_of_ours_does_not_look_like_the_scripts_own(monkeypatch, capsys):
    monkeypatch.setattr(Run, "run", lambda *_: 1 / 0)
    assert main.main(["run", "a.py"]) == exit_status.REFUSED
    assert "ZeroDivisionError" in capsys.readouterr().err


# The live line

LINE = summary.live(
    Sample(seconds=3.2, cpu_percent=101, cpu_seconds=3.1, memory_bytes=271 * MIB, processes=3), Limits()
)
COURSE = Timeline(tuple(Sample(seconds=n / 10, cpu_percent=50.0, memory_bytes=n * MIB) for n in range(1, 33)))


def shown(width, line=LINE):
    return "".join(text for text, _ in pieces(line, COURSE, 32 * MIB, width))


@pytest.mark.parametrize("width", range(20, 160))
def test_the_live_line_is_never_wider_than_its_room_and_no_figure_is_cut(width):
    text = shown(width)
    assert len(text) <= width
    assert [part for part in text.split(" · ")[1:] if not any(part.startswith(figure) for figure in LINE.figures)] == []


def test_the_curves_stand_behind_their_figures_where_there_is_room():
    time, cpu, memory, processes = LINE.figures
    assert shown(160) == f"● running · {time} · {cpu} {'▅' * 16} · {memory} {shown(160).split()[-4]} · {processes}"
    assert "█" not in shown(40)


def test_a_paused_run_has_no_curves_if_it_has_no_figures():
    assert fitted(summary.Line(icon="running", state="paused", figures=()), 80) == ((), 0)


class Screen:
    """A terminal that only remembers."""

    encoding = "utf-8"

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return True


@pytest.fixture
def on_screen(monkeypatch):
    """Gives a function that puts a screen in place of both streams; in a fixture itself pytest would put them back."""

    def put():
        screen = Screen()
        monkeypatch.setattr(sys, "stdout", screen)
        monkeypatch.setattr(sys, "stderr", screen)
        monkeypatch.setenv("COLUMNS", "80")
        return screen

    monkeypatch.setenv("TERM", "xterm")
    return put


def lived(terminal, seconds=1.0):
    """The line is drawn: its library is imported beside, so it is awaited."""
    from sandbox_magic.terminal.live_line import _loader

    _loader().join(60)
    terminal.add(replace(COURSE.samples[-1], seconds=seconds))


def test_a_short_run_never_asks_for_the_library(on_screen, monkeypatch):
    screen = on_screen()
    monkeypatch.setattr("sandbox_magic.terminal.live_line._loader", lambda: pytest.fail("imported"))
    with Terminal(Limits(), live=True) as terminal:
        terminal.write(Text("stdout", "out\n"))
        terminal.add(Sample(seconds=LIVE_AFTER_SECONDS - 0.01))
    assert screen.text == "out\n"


def test_the_line_is_below_the_text_and_gone_at_the_end(on_screen):
    screen = on_screen()
    with Terminal(Limits(), live=True) as terminal:
        lived(terminal)
        assert "running" in screen.text
        before = len(screen.text)
        terminal.write(Text("stdout", "out\n"))
        assert screen.text[before:].startswith("\r\x1b[2Kout\n")
        assert "running" in screen.text[before:]
        terminal.end()
        terminal.say("sandbox: done")
    assert screen.text.endswith("\r\x1b[2Ksandbox: done\n")


def test_there_is_no_line_while_the_text_is_in_the_middle_of_one(on_screen):
    screen = on_screen()
    with Terminal(Limits(), live=True) as terminal:
        terminal.write(Text("stderr", "\r 50 %"))
        lived(terminal)
        assert screen.text == "\r 50 %"
        terminal.write(Text("stderr", "\r100 %\n\x1b[0m"))
        assert "running" in screen.text
        terminal.write(Text("stdout", "no newline"))
        terminal.end()
        terminal.say("sandbox: done")
    assert screen.text.endswith("no newline\nsandbox: done\n")


def test_colours_that_the_code_left_on_stay_its_own(on_screen):
    screen = on_screen()
    with Terminal(Limits(), live=True) as terminal:
        terminal.write(Text("stdout", "\x1b[31mred\n"))
        lived(terminal)
        before = len(screen.text)
        assert "\x1b[0m" in screen.text, "the line is not red"
        terminal.write(Text("stdout", "still red\n"))
        assert screen.text[before:].startswith("\r\x1b[2K\x1b[31mstill red\n")
    assert screen.text.endswith("\x1b[0m"), "and the terminal is left as it was found"


def test_in_a_pipe_there_is_no_line_and_nothing_but_text(capsys):
    with Terminal(Limits(), live=True) as terminal:
        terminal.write(Text("stdout", "out"))
        terminal.write(Text("stderr", "err"))
        lived(terminal)
        terminal.end()
        terminal.say("sandbox: done")
    assert capsys.readouterr() == ("out", "err\nsandbox: done\n")


@pytest.mark.parametrize("setting", [("TERM", "dumb"), ("TTY_COMPATIBLE", "0")])
def test_a_terminal_that_can_not_be_driven_is_not(on_screen, monkeypatch, setting):
    screen = on_screen()
    monkeypatch.setenv(*setting)
    with Terminal(Limits(), live=True) as terminal:
        lived(terminal)
    assert screen.text == ""


def test_trouble_with_the_terminal_ends_the_line_not_the_run(monkeypatch, caplog):
    line = LiveLine(Limits())
    monkeypatch.setattr("sandbox_magic.terminal.live_line._console", lambda: 1 / 0)
    from sandbox_magic.terminal.live_line import _loader

    _loader().join(60)
    assert not line.add(Sample(seconds=1))
    assert not line.add(Sample(seconds=2))
    line.show()
    assert "ZeroDivisionError" in caplog.text
