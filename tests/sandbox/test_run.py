"""The loop: events, limits and endings of real runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from itertools import pairwise

import pytest

import sandbox_magic as sm
from sandbox_magic import Ended, Outcome, Sample, Text
from sandbox_magic.jail import teardown
from sandbox_magic.jail.lease import Cold
from sandbox_magic.model import summary, units


def texts(events, stream="stdout"):
    return [event.text for event in events if isinstance(event, Text) and event.stream == stream]


LIMITS = (0.8, 3, 10)  # seconds in which code must have got somewhere, which takes a stalled machine longer
TRIES = 5  # of what is measured


def is_up(events):
    """Wait until the code has printed a line, which is written in two pieces."""
    shown = ""
    while not shown.endswith("\n"):
        shown += next(event for event in events if isinstance(event, Text)).text
    return shown


def test_first_program():
    """Output, exit status and cost of a program that does nothing unusual."""
    result = sm.run("print(6 * 7)")
    assert (result.outcome, result.exit_code, result.signal) == (Outcome.COMPLETED, 0, None)
    assert (result.stdout, result.stderr, result.dropped_bytes) == ("42\n", "", 0)
    assert result.ok
    assert result.check() is result
    assert result.usage.cpu_seconds > 0
    assert 0 < result.usage.wall_seconds < result.limits.wall_seconds
    assert result.usage.peak_memory_bytes > 2**19
    assert result.usage.park_seconds > 0


def test_check_raises_when_not_ok():
    """`check` turns an ending into an exception for those who want one."""
    result = sm.run("raise SystemExit(3)")
    with pytest.raises(sm.RunFailed, match=r"failed \(exit status 3\)"):
        result.check()


def test_four_endings_are_told_apart():
    """Exit 137, SIGKILL by the code itself, the wall limit and the CPU limit are four outcomes."""
    own_exit = sm.run("import os; os._exit(137)")
    own_kill = sm.run("import os; os.kill(os.getpid(), 9)")
    wall = sm.run("import time; time.sleep(60)", timeout=0.5)
    cpu = sm.run("while True: pass", cpu_time=0.5)
    assert (own_exit.outcome, own_exit.exit_code, own_exit.signal) == (Outcome.FAILED, 137, None)
    assert (own_kill.outcome, own_kill.exit_code, own_kill.signal) == (Outcome.SIGNALLED, None, 9)
    assert wall.outcome is Outcome.WALL_TIME
    assert cpu.outcome is Outcome.CPU_TIME


def test_text_arrives_while_the_code_runs():
    """The first line is there before the code has written the second."""
    code = "print('first'); input(); print('second')"
    with sm.stream(code, stdin="", timeout=20) as run:
        seen = []
        for event in run:
            seen.append(event)
            if isinstance(event, Text) and event.stream == "stdout":
                break
        assert texts(seen) == ["first\n"]
        rest = list(run)
    assert isinstance(rest[-1], Ended)
    assert "EOFError" in rest[-1].result.stderr


def test_colours_and_returns_stay():
    """What a progress bar needs passes; a cut character or escape is put together again."""
    code = """
        import os, time
        for piece in (b"\\x1b[3", b"1mred\\x1b[0m \\xc3", b"\\xa9\\r", b"\\x1b]0;title\\x07end\\n"):
            os.write(1, piece)
            time.sleep(0.15)
    """
    events = list(sm.stream(textwrap.dedent(code)))
    assert "".join(texts(events)) == "\x1b[31mred\x1b[0m é\rend\n"
    assert not any(text.endswith("\x1b[3") for text in texts(events))


def test_output_is_coalesced():
    """Two thousand writes become few events."""
    code = "import sys\nfor i in range(2000): print(i, flush=True)"
    assert len(texts(sm.stream(code))) <= 200


def test_cap_keeps_head_and_tail_and_runs_on():
    """Over the limit the middle goes, the count is told, and the code runs to its end."""
    code = "print('head'); [print('x' * 99) for _ in range(1000)]; print('tail')"
    result = sm.run(code, output_limit="10K")
    assert result.outcome is Outcome.COMPLETED
    assert result.stdout.startswith("head\n")
    assert result.stdout.endswith("tail\n")
    assert len(result.stdout_bytes) == 10240
    assert result.dropped_bytes == 100 * 1000 + 10 - 10240
    assert any("dropped" in note for note in result.notes)


def test_live_text_is_bounded_and_ends_with_the_tail():
    """What is shown live is bounded too, and says what is missing."""
    shown = "".join(texts(sm.stream("[print('x' * 99) for _ in range(10000)]; print('tail')", output_limit="10K")))
    assert len(shown) < 2 * 10240 + 100
    assert "bytes of output dropped here" in shown
    assert shown.endswith("tail\n")


def test_a_traceback_comes_after_the_tail_of_a_flood():
    """Not between the first of it and the last, where nobody looks."""
    code = "[print('x' * 99) for _ in range(10000)]; print('tail'); raise ValueError('the cause')"
    events = [event for event in sm.stream(code, output_limit="10K") if isinstance(event, sm.Text)]
    traceback = [event for event in events if event.stream == "stderr"]  # in pieces, where the machine is slow
    whole = "".join(event.text for event in traceback)
    assert whole.startswith("Traceback")
    assert whole.endswith("ValueError: the cause\n")
    assert events[-len(traceback) :] == traceback
    assert events[-len(traceback) - 1].text.endswith("tail\n")


def test_output_that_fits_is_shown_once():
    """Between half the limit and the limit nothing is dropped or repeated."""
    code = "import sys\nfor i in range(900): sys.stdout.write(f'{i:09}\\n')"
    shown = "".join(texts(sm.stream(code, output_limit="10K")))
    assert shown == "".join(f"{i:09}\n" for i in range(900))


def test_the_end_of_the_output_is_read_to_its_end():
    """A big last piece, most of it past the limit, is counted whole and its tail is kept."""
    code = "import fcntl, os\nfcntl.fcntl(1, 1031, 2**20)\nos.write(1, b'x' * 900_000 + b'END\\n')"
    run = sm.stream(code, output_limit=10_000)
    next(run)
    threading.Event().wait(1)  # the consumer is busy, so all of it is in the pipe when the code has ended
    *_, last = run
    assert last.result.stdout.endswith("END\n")
    assert len(last.result.stdout_bytes) + last.result.dropped_bytes == 900_004


def test_stop_at_the_output_limit():
    """With `stop` the run ends as soon as the limit is passed."""
    result = sm.run("while True: print('y' * 1000)", on_output_limit="stop", timeout=60)
    assert result.outcome is Outcome.OUTPUT_LIMIT
    assert result.usage.wall_seconds < 30


def test_standard_input():
    """A string reaches the code; without one input() meets the end of the file."""
    assert sm.run("print(input(), input())", stdin="a\nπ\n").stdout == "a π\n"
    assert "EOFError" in sm.run("input()").stderr


def test_big_source_and_raw_nul():
    """Five megabytes run; a NUL in the source is the code's own error."""
    assert sm.run(f'x = """{"a" * 5_000_000}"""\nprint(len(x))').stdout == "5000000\n"
    result = sm.run("print(1)\nx = '\0'")
    assert result.outcome is Outcome.FAILED
    assert "SyntaxError" in result.stderr or "ValueError" in result.stderr
    lone = sm.run("s = '\ud83d'")
    assert lone.outcome is Outcome.FAILED
    assert "SyntaxError" in lone.stderr


def test_traceback_shows_the_cell_only():
    """Frames are the cell's, with its lines; none of ours."""
    result = sm.run("def f():\n    return 1 / 0\n\nf()\n")
    assert "return 1 / 0" in result.stderr
    assert 'File "/sandbox/cell.py", line 4, in <module>' in result.stderr
    assert "guest" not in result.stderr
    syntax = sm.run("def f(:\n")
    assert "SyntaxError" in syntax.stderr
    assert "guest" not in syntax.stderr


def test_runs_as_a_real_main():
    """`__main__` with a file: source, pickling by name, fork and spawn all work."""
    code = """
        import inspect, multiprocessing, sys
        def square(x):
            return x * x
        if __name__ == "__main__":
            print(__file__, inspect.getsource(square).splitlines()[0], sys.argv)
            for method in ("fork", "spawn", "forkserver"):
                with multiprocessing.get_context(method).Pool(2) as pool:
                    print(method, pool.map(square, range(4)))
    """
    result = sm.run(textwrap.dedent(code))
    assert result.stdout.splitlines() == [
        "/home/sandbox/cell.py def square(x): ['/home/sandbox/cell.py']",
        *(f"{method} [0, 1, 4, 9]" for method in ("fork", "spawn", "forkserver")),
    ], result.stderr


@pytest.mark.alone
def test_slow_consumer_does_not_prolong_a_run():
    """Nobody pulls events for three seconds; the limit of one second holds all the same."""
    run = sm.stream("import time\nwhile True: print(time.monotonic(), flush=True); time.sleep(0.05)", timeout=1)
    first = next(run)
    assert isinstance(first, (Text, Sample))
    threading.Event().wait(3)
    *_, last = run
    assert last.result.outcome is Outcome.WALL_TIME
    assert last.result.usage.wall_seconds < 3


def test_dropped_iterator_kills_its_run():
    """When the last reference goes, so does the sandbox."""
    run = sm.stream("import time; print('up', flush=True); time.sleep(60)", timeout=60)
    is_up(run)
    pid = run._loop.sandbox.pid
    assert os.path.exists(f"/proc/{pid}")
    del run
    assert not os.path.exists(f"/proc/{pid}")


def test_background_process_does_not_hold_the_cell():
    """A daemon that keeps stdout open is stopped, and the note says so."""
    code = "import os, time\nif os.fork() == 0:\n    os.setsid(); time.sleep(600)\nprint('main ends')"
    result = sm.run(code, timeout=60)
    assert result.outcome is Outcome.COMPLETED
    assert result.usage.wall_seconds < 30
    assert "1 background process was stopped at the end." in result.notes


def interrupt_when_up(code):
    with sm.stream(code, timeout=60) as run:
        is_up(run)
        run.interrupt()
        *_, last = run
    return last.result


@pytest.mark.alone
def test_interrupt_keeps_what_was_printed(first_good):
    """The code gets a KeyboardInterrupt and can end by itself, if its machine does not stand still meanwhile."""
    code = "import time\ntry: print('up'); time.sleep(60)\nfinally: print('cleaned')"
    runs = (interrupt_when_up(code) for _ in range(TRIES))
    result = first_good(lambda run: "cleaned\n" in run.stdout and run.signal is None, runs)
    assert result.outcome is Outcome.INTERRUPTED
    assert result.stdout == "up\ncleaned\n"
    assert "KeyboardInterrupt" in result.stderr


@pytest.mark.alone
def test_interrupt_of_code_that_does_not_listen():
    """Code that swallows the interrupt is soon killed."""
    code = "print('up')\nwhile True:\n    try:\n        while True: pass\n    except BaseException: pass"
    result = interrupt_when_up(code)
    assert result.outcome is Outcome.INTERRUPTED
    assert result.usage.wall_seconds < 30


@pytest.mark.alone
def test_control_c_in_the_caller(first_good):
    """SIGINT to the process, while `run` waits, ends the code and gives a result."""

    def interrupted_after(seconds):
        timer = threading.Timer(seconds, signal.raise_signal, [signal.SIGINT])
        timer.start()
        try:
            return sm.run("import time\nprint('up')\ntime.sleep(60)", timeout=60)
        except KeyboardInterrupt:  # before it waited
            return None
        finally:
            timer.join()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts behind it ignores SIGINT
    try:
        result = first_good(lambda run: run and run.stdout == "up\n", map(interrupted_after, LIMITS))
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.outcome is Outcome.INTERRUPTED
    assert result.stdout == "up\n"
    assert result.usage.wall_seconds < 30


@pytest.mark.parametrize(
    "attack",
    [
        "os.kill(1, 9)",
        "[os.kill(1, number) for number in range(1, 65)]",
        "os.kill(os.getppid(), signal.SIGSTOP)",
        "open('/proc/1/mem', 'r+b')",
        "os.kill(-1, 9)",
    ],
)
def test_pid_1_withstands(attack):
    """Attempts at PID 1 change nothing: the code's own exit status is reported."""
    code = f"import os, signal\ntry: {attack}\nexcept OSError: pass\nos._exit(9)"
    result = sm.run(code)
    assert (result.outcome, result.exit_code) in ((Outcome.FAILED, 9), (Outcome.SIGNALLED, None))
    if "-1, 9" not in attack:
        assert result.exit_code == 9


def test_report_cannot_be_forged():
    """Frames like PID 1's, written everywhere the code can write, are only output."""
    code = """
        import os
        frame = b"\\0\\0\\0\\x1cended\\0\\0" + b"0\\0000.1\\0000.1\\0001000\\0000"
        for number in range(64):
            try: os.write(number, frame)
            except OSError: pass
        os._exit(7)
    """
    result = sm.run(textwrap.dedent(code))
    assert (result.outcome, result.exit_code) == (Outcome.FAILED, 7)


def test_memory_and_process_limits():
    """One process cannot take more than the limit; the number of processes is bounded."""
    assert not sm.run("b = bytearray(600 << 20); b[::4096] = b'1' * len(b[::4096])", memory="256M").ok
    code = """
        import os, time
        n = 0
        try:
            while True:
                if os.fork() == 0: time.sleep(60)
                n += 1
        except OSError as error: print(n, error.errno)
    """
    result = sm.run(textwrap.dedent(code), processes=20)
    assert result.stdout == "19 11\n"


def test_the_end_of_the_course_is_the_end_of_the_run():
    """No sample is of a time at which the code had gone, and the last one has the figures of the whole run."""
    whole = []
    for _ in range(5):
        result = sm.run("import os, time\nb = bytearray(200 << 20)\ntime.sleep(0.3)\nos._exit(0)")
        samples, usage = result.timeline.samples, result.usage
        assert (samples[-1].seconds, samples[-1].cpu_seconds) == (usage.wall_seconds, usage.cpu_seconds)
        assert max((sample.seconds for sample in samples[:-1]), default=0) < usage.wall_seconds
        assert all(sample.processes for sample in samples)
        held = [sample for sample in samples if sample.seconds > usage.wall_seconds - 0.25]
        whole.append(min(sample.memory_bytes for sample in held) >= 190 << 20)
    assert sum(whole) >= 3, whole  # on a machine that stalls a process may be seen while it gives back its memory


def test_every_figure_of_a_run_is_told_alike():
    """The line of words, the table, the timeline's own picture and a comparison."""
    result = sm.run(
        "import time\nopen('/tmp/f', 'wb').write(bytes(30 << 20))\nb = bytearray(30 << 20)\ntime.sleep(0.4)"
    )
    peak = units.size(result.usage.peak_memory_bytes)
    counted = 60 if result.isolation["memory"].strength == "enforced" else 30  # else files in memory are in no count
    assert result.usage.peak_memory_bytes == result.timeline.peak("memory_bytes") >= counted << 20
    assert sm.compare(result, result).rows[3][1] == peak
    figures = summary.ended(result).figures
    assert figures[0].removeprefix("took ") == summary.watched(result.timeline).figures[0]
    assert figures[1:] == summary.watched(result.timeline).figures[1:]
    assert all(f">{peak}</text>" in each.plot().svg() for each in (result, result.timeline))


def test_cpu_of_children_counts(first_good):
    """Four busy processes reach a CPU limit in a quarter of the time, or half with two processors."""
    code = "import os\nfor _ in range(3): os.fork()\nwhile True: pass"
    runs = (sm.run(code, cpu_time=1, timeout=60) for _ in range(TRIES))
    result = first_good(lambda run: run.usage.cpu_seconds <= 2, runs)
    assert result.outcome is Outcome.CPU_TIME
    assert 0.9 <= result.usage.cpu_seconds <= 2


@pytest.mark.alone
def test_samples_tell_what_is_used():
    """While a busy program with 100 MB runs, samples show the processor time that it gets, and that memory."""
    code = "b = b'x' * (100 << 20)\nimport time\nwhile time.process_time() < 1: pass"
    samples = [event for event in sm.stream(code) if isinstance(event, Sample)]
    assert len(samples) >= 5
    shares = [after.cpu_percent / 100 * (after.seconds - before.seconds) for before, after in pairwise(samples)]
    assert sum(shares) == pytest.approx(samples[-1].cpu_seconds - samples[0].cpu_seconds, rel=0.5)
    assert samples[-1].cpu_seconds > 0.5
    assert max(sample.memory_bytes for sample in samples) >= 100 << 20
    assert {sample.processes for sample in samples[2:]} == {1}
    assert [sample.seconds for sample in samples] == sorted(sample.seconds for sample in samples)


def test_python_inside(tmp_path):
    """By default the caller's environment; `system` and a path on request."""
    code = "import importlib.metadata as m, sys; print(sys.version_info[:3], sys.prefix, len(list(m.distributions())))"
    here = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, cwd="/"
    ).stdout
    assert sm.run(code).stdout == here
    system = subprocess.run(
        ["/usr/bin/python3", "-c", code], capture_output=True, text=True, check=True, cwd="/"
    ).stdout
    assert sm.run(code, python="system").stdout == system
    assert sm.run(code, python="/usr/bin/python3").stdout == system


def test_environment_can_be_imported_as_outside(tmp_path, monkeypatch):
    """An entry of the search path (an editable install's source, say) is shared and listed; its neighbours are not."""
    source = tmp_path / "elsewhere"
    source.mkdir()
    (source / "a_module_of_mine.py").write_text("VALUE = 17")
    (tmp_path / "neighbour.txt").write_text("private")
    monkeypatch.syspath_prepend(str(source))
    result = sm.run(f"import a_module_of_mine as m, os; print(m.VALUE, os.listdir({str(tmp_path)!r}))")
    assert result.stdout == "17 ['elsewhere']\n", result.stderr
    assert str(source) in result.isolation.shared


def test_options_are_checked():
    """A wrong option is an error before anything runs, and says what would be right."""
    with pytest.raises(sm.PolicyError, match="timeout"):
        sm.run("print(1)", tiemout=3)  # type: ignore[call-arg] # the subject
    with pytest.raises(sm.PolicyError, match="512M"):
        sm.run("print(1)", memory="lots")
    with pytest.raises(sm.PolicyError, match="Try: from"):
        sm.run("print(1)", timeout=0)
    with pytest.raises(sm.PolicyError, match="no Python at"):
        sm.run("print(1)", python="/no/such/python")
    with pytest.raises(sm.PolicyError, match="does not answer"):
        sm.run("print(1)", python="/bin/true")


def test_host_that_ignores_sigchld():
    """A caller with SIGCHLD ignored gets true results, and so does the code inside."""
    code = """
        import signal
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        import sandbox_magic as sm
        r = sm.run("import subprocess; print(subprocess.run(['/bin/true']).returncode)")
        print(r.outcome, r.stdout, end="")
        print(sm.run("import os; os._exit(7)").exit_code)
    """
    done = subprocess.run(
        [sys.executable, "-P", "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "COMPLETED 0\n7\n", done.stderr


def test_many_at_once():
    """Runs on several threads do not disturb each other."""
    results = {}

    def one(number):
        results[number] = sm.run(f"import time; time.sleep(0.1); print({number})").stdout

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: f"{number}\n" for number in range(8)}


def test_marks_of_the_code_are_labels_and_nothing_more():
    """`mark` puts a moment on the timeline; whatever else is sent where it sends is passed over."""
    code = """
        import os
        mark("sorted \\x1b[31m\\u202e" + "x" * 500)
        os.write(3, b"\\0\\0\\0\\x0aended\\0\\0000")
        os.write(3, b"\\xff" * 10)
        mark("after rubbish nothing is believed")
        print("done")
    """
    result = sm.run(textwrap.dedent(code))
    assert (result.outcome, result.stdout) == (Outcome.COMPLETED, "done\n"), result.stderr
    own = [mark.label for mark in result.timeline.marks if mark.own]
    assert own == [("sorted \\u202e" + "x" * 500)[: len(own[0])]]
    assert len(own[0]) < 70


def test_a_thousand_marks_are_bounded():
    result = sm.run("for i in range(1000): mark(i)\nprint('done')")
    assert result.stdout == "done\n"
    assert len(result.timeline.marks) == 100


@pytest.mark.alone
def test_a_pause_stops_the_code_and_its_clock(first_good):
    """Paused time is told and does not count against the limit."""

    def paused():
        code = "import time\nfor i in range(10):\n    print(i)\n    time.sleep(0.05)"
        with sm.stream(code, timeout=2) as run:
            is_up(run)
            run.pause()
            began = time.monotonic()
            timer = threading.Timer(2.5, run.resume)
            timer.start()
            *_, last = run
            timer.join()
        return last.result, time.monotonic() - began

    tries = (paused() for _ in range(TRIES))
    result, took = first_good(lambda found: found[0].outcome is Outcome.COMPLETED, tries)
    usage = result.usage
    assert result.outcome is Outcome.COMPLETED
    assert 2.4 < usage.paused_seconds < took
    assert usage.wall_seconds < 2
    marks = [mark for mark in result.timeline.marks if not mark.own]
    assert [mark.label for mark in marks] == ["paused", "resumed"]
    assert [mark.paused_seconds for mark in marks] == [0.0, pytest.approx(usage.paused_seconds, abs=0.01)]


def test_a_paused_run_can_be_interrupted_and_dropped():
    run = sm.stream("import time\nprint('up')\nwhile True: time.sleep(0.01)", timeout=60)
    is_up(run)
    run.pause()
    run.interrupt()
    assert list(run)[-1].result.outcome is Outcome.INTERRUPTED
    run = sm.stream("import time\nprint('up')\nwhile True: time.sleep(0.01)", timeout=60)
    is_up(run)
    run.pause()
    pid = run._loop.sandbox.pid
    del run
    assert not os.path.exists(f"/proc/{pid}")


@pytest.mark.alone
def test_a_pause_can_not_be_slept_through(first_good):
    """A timer of the code's that sends SIGCONT undoes SIGSTOP: what runs on then counts against the limit."""
    code = """
        import ctypes, signal, time
        signal.signal(signal.SIGCONT, lambda *_: None)
        event = (ctypes.c_int * 16)(0, 0, signal.SIGCONT, 0)  # sigevent: value, signo, SIGEV_SIGNAL
        timer = ctypes.c_void_p()
        libc = ctypes.CDLL(None)
        assert libc.timer_create(1, event, ctypes.byref(timer)) == 0
        libc.timer_settime(timer, 0, (ctypes.c_long * 4)(0, 1_000_000, 0, 1_000_000), None)
        print("up")
        while True: pass
    """

    def paused(limit):
        with sm.stream(textwrap.dedent(code), timeout=limit) as run:
            if not any(isinstance(event, Text) and event.stream == "stdout" for event in run):
                return run.result  # its limit came first
            run.pause()
            timer = threading.Timer(4 * limit, run.resume)
            timer.start()
            *_, last = run
            timer.cancel()
        return last.result

    def is_good(result):
        return result.stdout == "up\n" and result.usage.cpu_seconds < 2 * result.limits.wall_seconds

    result = first_good(is_good, map(paused, (1, 1, 4)))
    assert result.outcome is Outcome.WALL_TIME
    assert is_good(result), (result.stdout, result.usage)


def test_a_quick_end_does_not_evade_the_output_limit():
    """All of it in the pipe at once, and gone before it was read."""
    code = "import fcntl, os\nfcntl.fcntl(1, 1031, 2**20)\nos.write(1, b'x' * 900_000)\nos._exit(0)"
    result = sm.run(code, output_limit="100K", on_output_limit="stop")
    assert result.outcome is Outcome.OUTPUT_LIMIT


def test_where_the_code_was_at_a_limit_is_not_its_first_output(first_good):
    runs = (sm.run("import time\ntime.sleep(60)", timeout=seconds) for seconds in LIMITS)
    result = first_good(lambda run: run.stderr, runs)
    assert "most recent call first" in result.stderr
    assert [mark.label for mark in result.timeline.marks] == []
    code = "import time\ntime.sleep(0.6)\nprint(1)\ntime.sleep(60)"
    result = first_good(lambda run: run.stdout, (sm.run(code, timeout=0.7 + seconds) for seconds in LIMITS))
    assert [mark.label for mark in result.timeline.marks] == ["first output"]


def test_pythons_two_streams_keep_their_order(first_good):
    """Though they are two pipes, which the host reads when it can; also what is written below the text layer.

    The code waits for that a third of a second at most.
    """
    code = """
        import sys, warnings
        for n in range(5):
            print("out", n)
            print("error", n, file=sys.stderr)
        sys.stdout.buffer.write(b"bytes\\n")
        sys.stderr.write("end\\n")
    """
    wanted = "".join(f"out {n}\nerror {n}\n" for n in range(5)) + "bytes\nend\n"

    def shown():
        with sm.stream(textwrap.dedent(code)) as run:
            return "".join(event.text for event in run if isinstance(event, Text))

    assert first_good(wanted.__eq__, (shown() for _ in range(TRIES))) == wanted


def test_an_error_that_many_processes_end_with_is_shown_once():
    """With its count; none runs into another's."""
    code = """
        import os
        for _ in range(5):
            if os.fork() == 0:
                raise ValueError("same")
        for _ in range(5):
            os.wait()
    """
    lines = sm.run(textwrap.dedent(code)).stderr.splitlines()
    assert [lines[0], *lines[-2:]] == [
        "Traceback (most recent call last):",
        "ValueError: same",
        "[sandbox: 4 more processes ended with the same error: ValueError: same]",
    ]
    assert len(lines) == 5


def test_it_runs_whatever_the_umask_is(tmp_path):
    """A root caller's sandbox is another user, who must be able to read what is made for it."""
    (tmp_path / "a.txt").write_text("a")
    before = os.umask(0o077)
    try:
        result = sm.run("print(open('a.txt').read(), x)", inputs={"x": 1}, workspace=str(tmp_path))
        with sm.Session() as session:
            assert session.run("print(2)").stdout == "2\n"
    finally:
        os.umask(before)
    assert (result.stdout, result.stderr) == ("a 1\n", "")


def test_a_stop_that_comes_just_as_a_run_ends_is_said_to_nobody_else(monkeypatch):
    """The numbers of its descriptors may be in use again, by another run."""
    run, original, numbers = sm.stream("1", warm=False), Cold.release, []
    heard, says = os.pipe()
    os.set_blocking(heard, False)

    def release(lease, sandbox):
        original(lease, sandbox)
        teardown.pending.wait()
        if not numbers:
            numbers.append(os.dup2(says, sandbox.control._descriptor))
            run.interrupt()

    with monkeypatch.context() as patched:
        patched.setattr(Cold, "release", release)
        assert [event.result.outcome for event in run if isinstance(event, Ended)] == [Outcome.COMPLETED]
    with pytest.raises(BlockingIOError):
        os.read(heard, 100)
    for number in (heard, says, *numbers):
        os.close(number)
