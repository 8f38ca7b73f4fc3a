"""``%%sandbox`` and ``%sandbox`` in a real IPython shell: what a cell's line may say, and how a cell ends."""

import io
import os
import signal
import socketserver
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path
from shutil import which
from types import SimpleNamespace

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import sandbox_magic as sm
from sandbox_magic import Outcome, RunFailed, SandboxUnavailable
from sandbox_magic.execution import downloading
from sandbox_magic.model.options import OPTIONS
from sandbox_magic.notebook.arguments import HELP

NAMES = [option.name for option in OPTIONS]


@pytest.fixture
def bare(monkeypatch, tmp_path, capsys):
    """A shell as of a terminal, with nothing of the user's; gives `run(source)`, which tells what a person sees."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    InteractiveShell.clear_instance()
    plain = Config({"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}})
    shell = InteractiveShell.instance(config=plain)

    def run(source, variable="_sandbox"):
        shell.user_ns.pop(variable, None)
        capsys.readouterr()
        ended = shell.run_cell(source)
        out, err = capsys.readouterr()
        error = ended.error_before_exec or ended.error_in_exec
        return SimpleNamespace(out=out, err=err, error=error, result=shell.user_ns.get(variable))

    run.shell = shell  # type: ignore[attr-defined] # a function with an attribute
    yield run
    shell.extension_manager.unload_extension("sandbox_magic")  # its sessions would go on
    shell.restore_sys_module_state()
    InteractiveShell.clear_instance()


@pytest.fixture
def run(bare):
    """The same with the extension loaded."""
    assert bare("%load_ext sandbox_magic").error is None
    return bare


def refused(ran, *words):
    """Nothing ran, and one message says why and what would be right."""
    assert isinstance(ran.error, UsageError), ran.error
    assert (ran.out, ran.result) == ("", None)
    assert ran.err.startswith("UsageError: ")
    assert [word for word in words if word not in ran.err] == [], ran.err


def test_it_is_loaded_once_and_taken_away_whole(bare):
    def ours():
        return [type(each).__name__ for each in bare.shell.configurables].count("SandboxMagics")

    for _ in range(2):
        assert bare("%load_ext sandbox_magic").error is None
        assert "already loaded" in bare("%load_ext sandbox_magic").out
        assert bare("%reload_ext sandbox_magic").err == ""
        assert bare("%%sandbox --quiet\nprint(1)").out == "1\n"
        assert ours() == 1
        assert bare("%unload_ext sandbox_magic").error is None
        assert "%%sandbox` not found" in bare("%%sandbox\nprint(1)").err
        assert "%sandbox` not found" in bare("%sandbox").err
        assert ours() == 0


class Strangers:
    def sandbox(self, line, cell):
        print("not isolated:", cell.strip())


def sandbox(line, cell):
    Strangers().sandbox(line, cell)


Strangers.__module__ = sandbox.__module__ = "sandbox_widget.magics"


@pytest.mark.parametrize("other", [Strangers().sandbox, sandbox], ids=["method", "function"])
def test_another_sandbox_magic_is_named_and_given_back(bare, other):
    bare.shell.register_magic_function(other, "cell", "sandbox")
    said = bare("%load_ext sandbox_magic").err
    for _ in range(2):
        assert bare("%%sandbox --quiet\nprint(6*7)").out == "42\n"
        bare("%reload_ext sandbox_magic")
    bare("%unload_ext sandbox_magic")
    assert bare("%%sandbox\nprint(6*7)").out == "not isolated: print(6*7)\n"
    assert "sandbox_widget.magics's" in said
    assert "%unload_ext sandbox_magic" in said


def test_the_help_and_the_docstring_agree_and_have_the_whole_table(run):
    for line in ("-h", "--help", "--memory 64M -h"):
        helped = run(f"%%sandbox {line}\nprint('ran')")
        assert (helped.error, helped.out, helped.result) == (None, HELP + "\n", None)
    shown = run("%%sandbox?").out.splitlines()
    assert [line for line in HELP.splitlines() if line not in shown] == []
    assert [name for name in NAMES if f"--{name}" not in HELP.split()] == []
    assert [option.name for option in OPTIONS if f"{option.default})" not in " ".join(HELP.split())] == []


WRONG = [
    ("--no-such", "--no-such", " %sandbox -h"),
    ("--time 3", "no option --time", "Try: --timeout"),  # not taken for it: a later option would change what it means
    ("stray", "stray", " %sandbox -h"),
    ("--memory lots", "memory", "'lots' is not a size", "512M"),
    ("--memory 1K", "memory is 1024", "Try: "),
    ("--timeout soon", "timeout", "'soon' is not a time", "200ms"),
    ("--processes many", "processes", "'many' is not a whole number", "64"),
    ("--on-output-limit burn", "'burn'", "cut", "stop"),
    ("--python python3", "'python3'", "kernel, system, a version such as 3.12, or the absolute path"),
    ("--stdin 'open", "--stdin 'open", "close the quotation"),
    ("--args '\"open'", "args", "close the quotation"),
    ("-i nope", "there is no variable nope", "Try: the name of one that the notebook has"),  # not IPython's own "open"
    ("--result a.b", "'a.b' is not the name of a variable", "such as"),
    ("--result class", "'class' is not the name of a variable", "such as"),
    ("--net", "--net: expected one argument"),
    ("--net https://pypi.org/simple", "is not HOST or HOST:PORT", "the host alone: pypi.org"),
    ("--network=host", "no option --network: a sandbox has no network", "--net HOST[:PORT]"),
    ("--allow-network", "a sandbox has no network"),
    (
        "--timeout {t}",
        "{t} on the line stays what it is",
        "-i t to pass it in",
        "%config SandboxMagics.timeout = t for",
    ),
    ('--args "--day {day.name}"', "{day.name} on the line", "'{day.name}' in single quotes for the braces"),
    ("--bind {paths[0]}", "{paths[0]} on the line"),
    ("--timeout # 5", "--timeout: expected one argument"),
    ("--python /no/such", "no Python at /no/such", "--python kernel"),
]


@pytest.mark.parametrize("line_and_words", WRONG, ids=lambda wrong: wrong[0])
def test_a_wrong_line_says_what_would_be_right_and_runs_nothing(run, line_and_words):
    line, *words = line_and_words
    refused(run(f"%%sandbox {line}\nprint('ran')"), *words)


@pytest.mark.parametrize("line", ["--timeout 5  # quick", "# as it is", "--args '#1'  # and 'more", "#"])
def test_what_follows_a_hash_on_the_line_is_a_comment(run, line):
    assert run(f"%%sandbox {line}\nimport sys; print('ran', sys.argv[1:])").out.startswith("ran [")


def test_a_hash_or_a_brace_that_is_meant_stays(run):
    given = """--args 'a #b {x} "#c"' --stdin d#e --languages "{\\"up\\": \\"tac {file}\\"}" """
    ran = run(f"%%sandbox {given}\nimport sys; print(sys.argv[1:], input())")
    assert ran.out.startswith("['a', '#b', '{x}', '#c'] d#e\n"), ran.err


def attempt(code):
    return f"import os, sys, time\ntry: {code}\nexcept Exception as error: print(type(error).__name__)"


def wheel_of(name, text):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(name, text)
    return data.getvalue()


WHEEL = wheel_of("demo.py", "x = 42")
FETCH = "__import__('socket').create_connection(('localhost', @PORT@)).makefile('rb').read()"
WORKS = {
    "timeout": ("--timeout 300ms", "while True: pass", {Outcome.WALL_TIME}),
    "cpu-time": ("--cpu-time 0.2", "while True: pass", {Outcome.CPU_TIME}),
    "memory": ("--memory 64M", "bytearray(200_000_000)", {Outcome.OUT_OF_MEMORY, Outcome.FAILED}),
    "processes": ("--processes 3", attempt("[os.fork() or time.sleep(9) for _ in range(5)]"), "BlockingIOError\n"),
    "disk": ("--disk 1M", attempt("open('f', 'wb').write(bytes(2**21))"), "OSError\n"),
    "open-files": ("--open-files 20", attempt("[open('/dev/null') for _ in range(30)]"), "OSError\n"),
    "output-limit": ("--output-limit 4", "print('x' * 99)", "xxxx\n[sandbox: 94 bytes of output dropped here]\nx\n"),
    "on-output-limit": ("--output-limit 4 --on-output-limit stop", "while True: print('x')", {Outcome.OUTPUT_LIMIT}),
    "python": ("--python system", attempt("print(sys.executable)"), "/usr/bin/python3\n"),
    "stdin": ("--stdin 'a b'", "print([input()])", "['a b']\n"),
    "args": ("""--args '-n "a b" π'""", attempt("print(sys.argv[1:])"), "['-n', 'a b', 'π']\n"),
    "preload": ("--preload decimal", attempt("print('decimal' in sys.modules)"), "True\n"),
    "warm": ("--no-warm", "print(1)", "1\n"),
    "net": ("--net localhost:@PORT@", attempt(f"print(len({FETCH}))"), "5000\n"),
    "net-bytes": ("--net localhost:@PORT@ --net-bytes 1000", attempt(f"print(len({FETCH}))"), "ConnectionResetError\n"),
    "with": ("--with 'demo == 1.*'", attempt("import demo; print(demo.x)"), "42\n"),
    "language": ("--lang sh", "echo $((6 * 7))", "42\n"),
    "languages": ("""--languages '{"up": {"command": "tac {file}"}}' --lang up""", "2\n1\n", "1\n2\n"),
    "input": ("-i given", "print(given)", "[1, 2]\n"),
    "output": ("--output made", "made = 5; print(made)", "5\n"),
    "bind": ("--bind @HERE@/in.txt", "print(open('in.txt').read())", "given\n"),
    "workspace": ("--workspace @HERE@", "print(open('in.txt').read())", "given\n"),
    "save": ("--save '*.txt'", "print(open('out.txt', 'w').write('x'))", "1\n"),
    "result": ("--result mine", "print(1)", "1\n"),
    "session": ("--session work", "print(1)", "1\n"),
    "no-raise-error": ("--no-raise-error", "1 / 0", {Outcome.FAILED}),
    "trace": ("--trace", attempt("open('/etc/shadow')"), "FileNotFoundError\n"),
    "quiet": ("--quiet", "print(1)", "1\n"),
    "no-dashboard": ("--no-dashboard", "print(1)", "1\n"),
}


@pytest.fixture
def port():
    """The port of a server on this machine's loopback, which sends 5,000 bytes to whoever connects."""

    class Sends(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(b"x" * 5000)

    with socketserver.TCPServer(("127.0.0.1", 0), Sends) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("cpus", "strict", "bg", "undo")])
def test_every_option_does_what_it_says(run, name, tmp_path, monkeypatch, port):
    line, cell, expected = WORKS[name]
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(
        downloading, "_fetch", lambda policy, *_: {f"{policy.packages[0][:4]}-1-py3-none-any.whl": WHEEL}
    )
    (tmp_path / "in.txt").write_text("given")
    run("given = [1, 2]")
    ran = run(
        f"%%sandbox {line}\n{cell}".replace("@HERE@", str(tmp_path)).replace("@PORT@", str(port)),
        variable="mine" if name == "result" else "_sandbox",
    )
    assert ran.out == expected if isinstance(expected, str) else ran.result.outcome in expected
    assert isinstance(ran.error, RunFailed) != (ran.result.ok or name == "no-raise-error")
    assert ran.err.count("sandbox: done") == (ran.result.ok and name != "quiet")


def test_a_session_keeps_its_state_and_can_be_led(run):
    assert run("%sandbox sessions").out == "no session; %%sandbox --session NAME begins one\n"
    assert run("%%sandbox --session work --undo 2 --quiet\nx = 1").error is None
    assert run("%%sandbox --session other --quiet\nx = 5").error is None
    assert run("%%sandbox --session work --quiet\nx += 1\nprint(x)").out == "2\n"
    listed = run("%sandbox sessions").out
    assert "work             2 cells" in listed
    assert "other            1 cell," in listed
    killed = run("%%sandbox --session work --timeout 0.5 --no-dashboard\nx = 0\nwhile True: pass")
    assert isinstance(killed.error, RunFailed)
    assert killed.result.restored
    assert "as it was before this cell" in killed.err
    assert run("%sandbox undo work").error is None
    assert run("%%sandbox --session work --quiet -o x\nprint(x)").out == "1\n"
    assert run("x").out.endswith("1\n")
    assert run("%sandbox restart work").error is None
    assert "no state" in run("%sandbox sessions").out
    assert run("%%sandbox --session work --quiet --no-raise-error\nx").result.error.name == "NameError"
    assert run("%sandbox stop work").error is None
    assert run("%sandbox sessions").out.startswith("other ")
    refused(run("%sandbox changes other"), "no workspace")


def test_the_changes_of_a_session_can_be_looked_at(run, tmp_path):
    tmp_path.chmod(0o755)
    run(f"%%sandbox --session work --quiet --workspace {tmp_path}\nopen('new.txt', 'w').write('1')")
    run("changes = %sandbox changes work")
    assert [change.path for change in run.shell.user_ns["changes"]] == ["new.txt"]


def test_what_a_session_can_not_do_is_refused(run):
    refused(run("%sandbox undo work"), "no session 'work'", "--session NAME")
    run("%%sandbox --session work --quiet\nx = 1")
    refused(run("%%sandbox --session work --memory 1G\nx"), "belongs to the session")
    refused(run("%%sandbox --session work --lang bash\nls"), "this session runs python")
    refused(run("%%sandbox --session work --stdin text\nx"), "no standard input")
    refused(run("%%sandbox --session work --save '*'\nx"), "belongs to the session")
    refused(run("%%sandbox --session ''\nx"), "it needs a name")
    refused(run("%%sandbox --session new --undo 99\nx"), "undo is 99", "to 20 cells")
    assert run("%sandbox undo work").error is None
    refused(run("%sandbox undo work"), "no cell to go back behind")
    assert run("%sandbox undo other").error is not None


def test_a_session_of_a_notebook_ends_with_the_extension(run):
    run("%%sandbox --session work --quiet\nx = 1")
    (magics,) = (each for each in run.shell.configurables if type(each).__name__ == "SandboxMagics")
    session = magics.sessions["work"]
    assert session.alive
    run("%unload_ext sandbox_magic")
    assert not session.alive


def test_in_the_background_a_cell_returns_at_once_and_leaves_a_handle(run):
    ran = run("%%sandbox --bg --no-dashboard -o made --result later\nprint(1); made = 5", variable="later")
    assert ran.error is None
    ran.result.wait(60)
    assert (ran.result.stdout, ran.result.ok) == ("1\n", True)
    assert run("print(made)").out == "5\n"
    run("%%sandbox --bg --no-dashboard --result long --timeout 600\nimport time; time.sleep(600)", variable="long")
    run("%sandbox stop")
    assert run("print(long.wait(60).outcome.value)").out.endswith("INTERRUPTED\n")


def test_strict_refuses_where_a_limit_is_not_held_by_the_kernel(run):
    held, strict = run("%%sandbox --cpus 0.5\nprint(1)"), run("%%sandbox --cpus 0.5 --strict\nprint(1)")
    weak = [guard.name for guard in held.result.isolation.weaker if guard.kind == "limit"]
    assert held.result.isolation["cpus"].text.startswith("0.5") or "cpus" in weak
    assert isinstance(strict.error, SandboxUnavailable) if weak else strict.out == "1\n"


def test_a_default_is_set_and_the_cells_own_option_wins(run):
    assert run("%config SandboxMagics.timeout = '200ms'").err == ""
    assert "timeout          200ms\n" in run("%sandbox").out
    assert run("%%sandbox\nwhile True: pass").result.outcome is Outcome.WALL_TIME
    assert run("%%sandbox --timeout 20\nimport time; time.sleep(0.4); print('done')").out == "done\n"
    run("%config SandboxMagics.quiet = True")
    assert run("%%sandbox\nprint(1)").err == ""


def magics(shell):
    (magics,) = (each for each in shell.configurables if type(each).__name__ == "SandboxMagics")
    return magics


def test_the_configuration_says_of_each_option_what_it_is_and_what_it_reads_as(run):
    said = run("%config SandboxMagics").out
    assert [name for option in OPTIONS if (name := f"SandboxMagics.{option.keyword}=<") not in said] == []
    for words in ("memory=<Size>", "timeout=<Seconds>", "strict=<OnOrOff>", "on_output_limit=<CutOrStop>", "'512M'"):
        assert words in said
    assert "None" not in said
    assert run("%config SandboxMagics.memory").error is None
    assert run.shell.user_ns["_"] == "512M"


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_setting_what_an_untouched_option_reads_as_leaves_it_untouched(run, option):
    own = magics(run.shell)
    reads = getattr(own, option.keyword)
    run(f"%config SandboxMagics.{option.keyword} = {reads!r}")
    assert getattr(own, option.keyword) == reads
    assert own._own() == {}


def test_an_untouched_language_is_that_of_the_first_line(run):
    """To say python is something else than to say nothing."""
    cell = "%%sandbox --quiet\n#!/bin/sh\necho shell"
    assert run("%config SandboxMagics.language").error is None
    assert run(cell).out == "shell\n"
    run("%config SandboxMagics.language = 'python'")
    assert isinstance(run(cell).error, RunFailed)
    run("%config SandboxMagics.language = '#! or python'")
    assert run(cell).out == "shell\n"


BAD_DEFAULTS = [
    ("memory", "128M", "lots", "not a size"),
    ("timeout", 20, "soon", "not a time"),
    ("stdin", "text", 5, "a string or bytes"),
    ("memory", "128M", "1K", "from 16M"),
    ("python", "system", "python3", "kernel, system"),
    ("quiet", True, "maybe", "neither on nor off"),
]


@pytest.mark.parametrize("case", BAD_DEFAULTS, ids=lambda case: f"{case[0]}={case[2]}")
def test_a_bad_default_is_refused_and_the_old_one_stays(run, caplog, case):
    name, old, new, words = case
    for value in (old, new):
        run(f"%config SandboxMagics.{name} = {value!r}")
    assert getattr(magics(run.shell), name) == old
    assert words in caplog.text


def test_nothing_is_expanded(run):
    """Neither in the line nor in the cell, though these names have values."""
    run("x = y = 'expanded'")
    ran = run("%%sandbox --args '{x} $y' --stdin '$x'\nimport sys\nprint(sys.argv[1:], input(), '{x} $y {{x}} $$y')")
    assert ran.out == "['{x}', '$y'] $x {x} $y {{x}} $$y\n"


def test_a_failing_cell_fails_with_one_short_line_and_the_codes_own_traceback(run):
    ran = run("%%sandbox\nprint('before')\n1 / 0")
    assert isinstance(ran.error, RunFailed)
    assert ran.result is ran.error.result
    assert (ran.result.outcome, ran.result.exit_code) == (Outcome.FAILED, 1)
    assert ran.out.splitlines() == ["before", f"sandbox: {ran.result.summary}"]
    assert ran.err.startswith('Traceback (most recent call last):\n  File "/sandbox/cell.py", line 2, in <module>\n')
    assert "ZeroDivisionError: division by zero\n" in ran.err
    assert "sandbox_magic" not in ran.out + ran.err


@pytest.mark.parametrize("cell", ["# nothing but a comment", "\n", "    \n# x\n\n"])
def test_a_cell_without_code_is_well(run, cell):
    ran = run(f"%%sandbox\n{cell}")
    assert (ran.error, ran.out, ran.result.outcome) == (None, "", Outcome.COMPLETED)
    refused(run("%%sandbox"), "the cell body is empty")  # IPython's own: it does not ask us


@pytest.mark.parametrize(
    ("magic", "out"),
    [
        ("!echo $HOME", "/home/sandbox\n"),
        ("x = !echo 1\nprint(x)", "['1']\n"),
        ("%time 1", "CPU times: "),
        ("?print", "Sig"),
    ],
)
def test_a_magic_inside_the_cell_is_run_inside(run, magic, out):
    ran = run(f"%%sandbox --quiet\n{magic}")
    assert (ran.error, ran.out[: len(out)]) == (None, out)


def test_this_magic_is_refused_inside_the_cell_and_others_are_well_above_it(run):
    ran = run("%%sandbox\n%%sandbox\n1")
    assert isinstance(ran.error, RunFailed)
    assert "the code is in a sandbox already" in ran.err
    assert run("%%time\n%%sandbox --quiet\nprint(6*7)").out.startswith("42\nCPU times: ")


def test_in_a_terminal_text_goes_to_its_stream_and_one_line_sums_up(run):
    ran = run("%%sandbox\nimport sys\nprint('out')\nprint('err', file=sys.stderr)")
    said, line = ran.err.splitlines()
    assert (ran.out, said) == ("out\n", "err")
    assert line.startswith("sandbox: done")
    assert [word for word in (" ms", "CPU ", "peak ") if word not in line] == []


def test_the_line_magic_says_what_is_configured_and_enforced(run):
    said, doctor = run("%sandbox").out, run("%sandbox doctor").out
    assert [option.name for option in OPTIONS if f"  {option.name:<16} {option.default}\n" not in said] == []
    (shared,) = [path for path in sm.diagnose().isolation.shared if f"{sys.prefix}/".startswith(f"{path}/")]
    for words in ("bubblewrap", "network namespace", "RLIMIT_NOFILE", shared):
        assert words in said
        assert words in doctor
    assert "defaults" not in doctor
    refused(run("%sandbox nonsense"), "'nonsense'", "%sandbox doctor", "%%sandbox")


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(
    "loop", ["while True: pass", "while True:\n    try: time.sleep(9)\n    except BaseException: pass"]
)
@pytest.mark.parametrize("delay", [0.1, None], ids=["in the loop", "while text is shown"])
@pytest.mark.alone
def test_an_interrupt_ends_the_cell_within_half_a_second(run, monkeypatch, loop, delay):
    """Though the code ignore it; what was printed stays, and the cell fails."""
    write, came = sys.stdout.write, []

    def write_and_interrupt(text):
        if text == "up\n":
            came.append(time.monotonic())
            threading.Timer(delay, interrupt).start() if delay else interrupt()
        write(text)

    monkeypatch.setattr(sys.stdout, "write", write_and_interrupt)
    ran = run(f"%%sandbox\nimport time\nprint('up', flush=True)\n{loop}")
    assert time.monotonic() - came[0] < (delay or 0) + 0.5
    assert isinstance(ran.error, RunFailed)
    assert ran.result.outcome is Outcome.INTERRUPTED
    assert ran.out.splitlines() == ["up", f"sandbox: {ran.result.summary}"]


@pytest.fixture
def everyones():
    """A FIFO for whoever a sandbox is started as."""
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        os.mkfifo(f"{place}/fifo")
        os.chmod(f"{place}/fifo", 0o666)
        yield Path(place, "fifo")


def test_an_interrupt_while_the_sandbox_starts_runs_nothing(run, monkeypatch, tmp_path, everyones):
    slow = tmp_path / "bin" / "bwrap"
    slow.parent.mkdir(mode=0o755)
    wait = f"echo > {everyones}; exec sleep 60"
    slow.write_text(f'#!/bin/sh\ncase " $*" in *" --args"*) {wait};; *) exec {which("bwrap")} "$@";; esac\n')
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")

    def press():
        everyones.read_bytes()
        interrupt()

    threading.Thread(target=press, daemon=True).start()
    ran = run("%%sandbox\nprint('ran')")
    assert isinstance(ran.error, KeyboardInterrupt)
    assert ran.error._render_traceback_() == ["sandbox: stopped by you before it started; nothing was run"]  # type: ignore[attr-defined] # IPython asks for it
    assert ran.result is None


@pytest.mark.parametrize("gap", [0, 0.01, 0.2])
def test_who_presses_again_at_once_loses_nothing(run, monkeypatch, gap):
    """As one does where the code does not seem to hear: the run is ending, and its result is kept."""
    write = sys.stdout.write

    def write_and_interrupt(text):
        write(text)
        if text == "up\n":
            interrupt()
            threading.Timer(gap, interrupt).start()

    def passed_on(*_):
        if sys._getframe(1).f_code.co_name == "handle":  # of the run; else it came when that was over
            raise KeyboardInterrupt

    monkeypatch.setattr(sys.stdout, "write", write_and_interrupt)
    before = signal.signal(signal.SIGINT, passed_on)
    try:
        ran = run(
            "%%sandbox\nimport signal\nsignal.signal(2, signal.SIG_IGN)\nprint('up', flush=True)\nwhile True: pass"
        )
    finally:
        [thread.join() for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
        signal.signal(signal.SIGINT, before)
    assert isinstance(ran.error, RunFailed)
    assert ran.result.outcome is Outcome.INTERRUPTED
    assert ran.result.stdout == "up\n"


def test_an_interrupt_while_the_end_is_shown_does_not_lose_the_result(run, monkeypatch):
    monkeypatch.setattr(sys.stderr, "write", lambda text: interrupt())
    assert run("%%sandbox\nprint('up')").result.outcome is Outcome.COMPLETED


# What the notebook knows of a name that the code has not


@pytest.mark.parametrize(
    ("before", "says"),
    [
        ("it = 42", "-i it gives the code a copy"),
        ("def it(): pass", "no import, function or class is passed in"),
        ("import math as it", "no import, function or class is passed in"),
        ("it = open('/dev/null')", "of a type that can't be passed in"),
        ("%%sandbox\nit = 42", "-o it there and -i it here"),
        ("%%sandbox\nother, it = 41, 42", "-o it there and -i it here"),
        ("%%sandbox\nit: int = 42", "-o it there and -i it here"),
        ("%%sandbox\ndef it(): pass", "--session NAME on both keeps it"),
        ("%%sandbox\nfrom math import pi as it", "--session NAME on both keeps it"),
        ("%%sandbox\nprint(7, end='it')", ""),
        ("%%sandbox\nother = 7\nassert 'it' == 'it'", ""),
        ("%%sandbox --no-raise-error\nit = 42\n1 / 0", ""),
        ("pass", ""),
    ],
)
def test_a_name_of_the_notebooks_or_of_an_earlier_sandboxed_cell(run, before, says):
    assert run(before).error is None
    ran = run("%%sandbox\nprint(it)")
    notes = ran.result.notes
    assert [says in note for note in notes] == ([True] if says else []), notes


def test_what_such_a_hint_names_does_help(run):
    run("%%sandbox\nit = 42")
    assert run("%%sandbox\nprint(it)").error is not None
    run("%%sandbox -o it\nit = 42")
    assert run("%%sandbox -i it\nprint(it)").out.startswith("42\n")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_is_run_as_a_cell_is(run, here):
    code = "import sys, helper\nprint(__file__, sys.argv[1:], helper.word)\ntotal = helper.twice(given)\ntotal"
    (here / "my greet.py").write_text(code)
    (here / "helper.py").write_text("word = 'helps'\ndef twice(x): return 2 * x\n")
    run.shell.push({"given": 21})
    ran = run("%sandbox run 'my greet.py' --args 'a b' -i given -o total --bind helper.py --result mine", "mine")
    assert ran.error is None, ran.err
    assert ran.out.endswith("my greet.py ['a', 'b'] helps\nOut[0]: 42\n"), ran.out
    assert run.shell.user_ns["total"] == 42
    assert ran.result.ok


def test_the_suffix_of_a_file_says_its_language_whatever_is_configured_for_cells(run, here):
    (here / "greet.sh").write_text("echo shell")
    (here / "greet.py").write_text("print('python')")
    run("%config SandboxMagics.language = 'perl'")
    assert run("%sandbox run greet.sh --quiet").out == "shell\n"
    assert run("%sandbox run greet.py --quiet").out == "python\n"
    assert run("%sandbox run greet.py --quiet --lang sh").error is not None


def test_a_file_that_fails_fails_the_cell(run, here):
    (here / "fails.py").write_text("1 / 0")
    ran = run("%sandbox run fails.py")
    assert isinstance(ran.error, RunFailed)
    assert "fails.py" in ran.err
    assert run("%sandbox run fails.py --no-raise-error").error is None


def test_a_home_is_written_short(run, here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    (here / "greet.py").write_text("print(6 * 7)")
    assert run("%sandbox run ~/greet.py --quiet").out == "42\n"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run", ("needs a file", "%sandbox run FILE [OPTION ...]")),
        ("run --quiet greet.py", ("needs a file", "--quiet is an option")),
        ("run nowhere.py", ("nowhere.py", "can't be read")),
        ("run greet.py --tiemout 3", ("--tiemout", "--timeout")),
        ("run greet.py other.py", ("'other.py' belongs to no option",)),
        ("runs greet.py", ("'runs greet.py'", "%sandbox run FILE")),
        ("run 'greet.py", ("No closing quotation",)),
    ],
)
def test_a_line_that_names_no_file_is_refused_in_words(run, here, line, words):
    (here / "greet.py").write_text("print('ran')")
    refused(run(f"%sandbox {line}"), *words)


def test_its_help_is_the_table(run):
    assert run("%sandbox run -h").out == run("%sandbox -h").out == f"{HELP}\n"


def test_the_attempts_of_a_session_are_a_line_magic(run):
    refused(run("%sandbox attempts"), "no session lists its attempts", "--session NAME --trace")
    assert run("%%sandbox --session plain --no-dashboard\n1").error is None
    refused(run("%sandbox attempts plain"), "session plain lists no attempts")
    refused(run("%sandbox attempts other"), "there is no session 'other'")
    first = run("%%sandbox --session work --trace --quiet\n" + attempt("open('/etc/shadow')"))
    assert [row.target for row in first.result.attempts] == ["/etc/shadow"]
    run("%%sandbox --session work --quiet\nopen('/tmp/x', 'w').close()")
    for line in ("%sandbox attempts", "%sandbox attempts work"):
        assert "/etc/shadow  1" in run(line).out
        assert [row.target for row in run.shell.user_ns["_"]] == ["/etc/shadow", "/tmp/x"]
