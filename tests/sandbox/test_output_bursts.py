"""Lines by the thousand: several go out in one write, and nothing else about them changes."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time

import pytest

import sandbox_magic as sm
from sandbox_magic import Outcome, Text

FLOOD = """
import sys, os, time
n = 0
while n < 5000 or sys.stdout.write_through:  # until some are held
    print(n)
    n += 1
"""


def behind(text):
    """Give what stands behind the lines of a flood, of which none is missing."""
    place = n = 0
    while text.startswith(line := f"{n}\n", place):
        place += len(line)
        n += 1
    assert n >= 5000
    return text[place:]


def after_flood(code, **options):
    """Run a flood, and this while its last lines are still held; give the result, and its text behind the flood."""
    result = sm.run(FLOOD + textwrap.dedent(code), output_limit="10M", **options)
    return result, behind(result.stdout)


def test_a_million_lines_come_whole_and_in_order():
    """Whatever is held for a moment comes out, at the end at the latest."""
    result = sm.run("for n in range(1_000_000): print(n)", output_limit="10M", timeout=80)
    assert result.ok
    assert result.stdout == "".join(f"{n}\n" for n in range(1_000_000))


def test_a_flood_costs_the_code_less_than_two_writes_for_each_line():
    """In a flood there is a write for many lines; without one, two for each line as ever."""
    look = "open('/proc/self/io').read()"
    code = f"import sys\nbefore = {look}\n{{}}print(before, {look}, file=sys.stderr)"

    def writes(loop):
        counts = [int(line.split()[1]) for line in sm.run(code.format(loop)).stderr.splitlines() if "syscw" in line]
        return counts[1] - counts[0]

    assert writes("for n in range(500): print(n)\n") >= 1000
    assert writes("for n in range(100_000): print(n)\n") < 50_000


def test_without_a_flood_every_piece_goes_out_by_itself():
    """Two thousand lines with something in between are no flood: each piece is there before the next."""
    code = """
        import sys, time
        for n in range(2000):
            print(n)
            time.sleep(0.0002)
        assert sys.stdout.write_through
    """
    assert sm.run(textwrap.dedent(code)).ok


def test_the_end_of_a_flood_is_seen_at_once_finished_or_not():
    """A line without its end, and the lines before it, are shown a moment later though the code says no more."""
    code = FLOOD + "print('what?', end='')\nbegan = time.time()\ntime.sleep(3)\nprint(began)"
    with sm.stream(code, output_limit="10M") as run:
        seen, when = "", 0.0
        for event in run:
            if isinstance(event, Text):
                seen += event.text
            if not when and seen.endswith("what?"):
                when = time.time()
    assert run.result.ok, run.result.stderr
    assert 0 < when - float(seen.rpartition("what?")[2]) < 1.5


def test_standard_error_comes_after_what_was_printed_before():
    """Also after the beginning of a line."""
    with sm.stream(FLOOD + "print('a', end='')\nprint('b', file=sys.stderr)\ntime.sleep(1)") as run:
        events = [(event.stream, event.text) for event in run if isinstance(event, Text)]
    place = events.index(("stderr", "b\n"))
    assert "".join(text for _, text in events[:place]).endswith("a")


@pytest.mark.parametrize(
    "other",
    [
        "import subprocess; subprocess.run(['echo', 'b'])",
        "os.system('echo b')",
        "os.waitpid(os.posix_spawn('/bin/echo', ['echo', 'b'], {}), 0)",
        "os.spawnv(os.P_WAIT, '/bin/echo', ['echo', 'b'])",
        "os.execv('/bin/echo', ['echo', 'b'])",
        "sys.stdout.flush(); os.write(1, b'b\\n')",
        "print('', end='', flush=True); os.write(1, b'b\\n')",
        "os.write(1, b'b\\n')",
        "os.writev(1, [b'b', b'\\n'])",
    ],
)
def test_what_other_processes_write_comes_after_what_was_printed_before(other):
    """Also after the beginning of a line; and what a flush lets out comes before all that is written by other ways."""
    result, text = after_flood("print('a', end='')\n" + other)
    assert (text, result.stderr) == ("ab\n", "")


def test_a_display_comes_after_the_text_before_it():
    """It waits for the text that was written before, also for what is held."""
    with sm.stream(FLOOD + "print('a', end='')\ndisplay(1)\nprint('b')", output_limit="10M") as run:
        events = [event.text[-2:] if isinstance(event, Text) else "display" for event in run
                  if isinstance(event, (Text, sm.Display))]  # fmt: skip
    assert events[-2:] == ["display", "b\n"]
    assert events[-3].endswith("a")


def test_a_forked_copy_doubles_nothing():
    """It writes each piece at once, however many, and what its parent held comes once."""
    code = """
        print('a', end='')
        if not os.fork():
            print('b')
            for n in range(5000): print('x')
            assert sys.stdout.write_through
            os._exit(0)
        os.wait()
        print('c')
    """
    result, text = after_flood(code)
    assert (text, result.stderr) == ("ab\n" + "x\n" * 5000 + "c\n", "")


def test_a_pool_by_fork_works_in_a_flood():
    """Its processes inherit no thread of ours, and no warning says that there was one."""
    code = """
        import multiprocessing
        def work(n):
            for _ in range(3000): sys.stdout.write('w\\n')
            return n
        with multiprocessing.get_context('fork').Pool(2) as pool:
            print(sum(pool.map(work, range(4))))
    """
    result, text = after_flood(code)
    assert (result.ok, result.stderr) == (True, "")
    assert text == "w\n" * 12_000 + "6\n"


@pytest.mark.parametrize(
    "end",
    [
        "raise SystemExit(0)",
        "1 / 0",
        "raise KeyboardInterrupt",
        "os._exit(0)",
        "os.kill(os.getpid(), 9)",
        "os.abort()",
        "os.close(1)",
        "import signal; signal.raise_signal(9)",
        "import signal, threading; signal.pthread_kill(threading.get_ident(), 9)",
        "os.execv('/bin/true', ['true'])",
        "sys.stdout.close()",
        "time.sleep(60)",
        "while True: pass",
    ],
)
def test_however_it_ends_all_that_was_printed_is_there(end):
    """By itself, by an exception, at a limit: the unfinished line too."""
    _, text = after_flood("print('end', end='')\n" + end, timeout=2)
    assert text == "end"


def test_a_flood_that_is_killed_keeps_its_lines():
    """Up to the last four kilobytes: none is missing before."""
    result = sm.run(FLOOD + "while True:\n    print(n)\n    n += 1", timeout=1, output_limit="100M")
    assert result.outcome is Outcome.WALL_TIME
    assert "\n" not in behind(result.stdout)


def test_threads_that_print_lose_no_line():
    """Each one's lines are in its order, as they were without any flood: with more than one thread there is none."""
    code = """
        import threading
        def work(name):
            for n in range(20_000): sys.stdout.write(f'{name}{n}\\n')
            assert sys.stdout.write_through
        threads = [threading.Thread(target=work, args=(name,)) for name in 'abc']
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    """
    result, text = after_flood(code)
    assert result.stderr == ""
    lines = text.splitlines()
    for name in "abc":
        assert [line for line in lines if line.startswith(name)] == [f"{name}{n}" for n in range(20_000)]


def test_what_a_signals_handler_prints_is_not_lost():
    """Wherever in a write it comes; and the lines around it are whole. Of two that overlap the later may be first."""
    code = """
        import signal
        rings = 0
        def ring(*_):
            global rings
            rings += 1
            sys.stdout.write(f'<{rings}>\\n')
        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0007)
        for n in range(200_000): sys.stdout.write(f'{n}\\n')
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert rings > 20
        print(rings)
    """
    result, text = after_flood(code)
    assert result.stderr == ""
    lines = text.splitlines()
    rings = int(lines.pop())
    assert sorted(line for line in lines if line.startswith("<")) == sorted(f"<{n}>" for n in range(1, rings + 1))
    assert [line for line in lines if not line.startswith("<")] == [str(n) for n in range(200_000)]


def test_a_signals_handler_can_start_a_program_in_the_midst_of_a_write():
    """It waits for nothing that waits for the write."""
    code = FLOOD + textwrap.dedent("""
        import signal
        longest, rings = 0.0, 0
        def ring(*_):
            global longest, rings
            began = time.monotonic()
            os.system('true')
            longest, rings = max(longest, time.monotonic() - began), rings + 1
        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, 0.03, 0.03)
        while rings < 60: print('x' * 200)
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert longest < 0.5, longest
    """)
    result = sm.run(code)
    assert result.ok, result.stderr


def test_what_a_signals_handler_raises_comes_through():
    """Wherever in a write it comes: so a time limit of the cell's own ends a flood."""
    code = FLOOD + textwrap.dedent("""
        import itertools, signal
        def late(*_): raise TimeoutError
        signal.signal(signal.SIGALRM, late)
        for _ in range(200):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.01)
                for _ in itertools.repeat(None, 10_000_000): print()
                os._exit(2)
            except TimeoutError:
                pass
    """)
    result = sm.run(code)
    assert result.ok, (result.outcome, result.stderr)


def test_an_error_in_writing_is_the_one_without_a_flood():
    """It is raised once, and comes from no other."""
    code = (
        "from os import dup2\n"
        + FLOOD
        + textwrap.dedent("""
        sys.stdout.flush()
        dup2(os.open('/dev/full', os.O_WRONLY), 1)
        try:
            for n in range(5000): print(n)
        except OSError as error:
            assert error.errno == 28
            assert error.__context__ is None
            os._exit(0)
        os._exit(3)
    """)
    )
    result = sm.run(code, output_limit="10M")
    assert result.ok, result.stderr


def test_a_descriptor_that_is_replaced_takes_nothing_from_before():
    """What was printed before is where it belongs."""
    code = """
        file, out = os.open('/tmp/file', os.O_CREAT | os.O_RDWR), os.dup(1)
        print('a')
        os.dup2(file, 1)
        print('b')
        os.dup2(out, 1)
        print(os.pread(file, 100, 0))
    """
    result, text = after_flood(code)
    assert (result.stderr, text) == ("", "a\nb'b\\n'\n")


@pytest.mark.parametrize("tool", ["settrace", "setprofile"])
def test_code_that_traces_itself_ends_a_flood_and_has_none(tool):
    """What it prints meanwhile is in its place; of ours it sees one look at whether there is a flood."""
    code = f"""
        others = set()
        def seen(frame, event, _):
            if frame.f_globals is globals(): print('<')
            else: others.add(frame.f_code.co_name)
        def work(n): print(n)
        sys.{tool}(seen)
        for n in range(5000): work(n)
        sys.{tool}(None)
        assert others <= {{'_look', '_is_watched'}}, others
    """
    result, text = after_flood(code)
    assert result.stderr == ""
    assert "".join(text.split("<\n")) == "".join(f"{n}\n" for n in range(5000))
    assert all(f"<\n{n}\n" in text for n in range(5000))


@pytest.mark.parametrize("when", ["before", "in"])
def test_what_the_code_puts_below_its_standard_output_stays_there(when):
    """In place of its write() and its flush(), before a flood or in one, which then is none any more."""
    code = textwrap.dedent("""
        import sys, time
        raw = sys.stdout.buffer
        write = raw.write
        flushed = 0
        def flush():
            global flushed
            flushed += 1
        sys.stdout.flush()
        raw.write, raw.flush = lambda data: write(data.upper()), flush
        for n in range(5000): print('a')
        sys.stdout.flush()
        time.sleep(0.2)
        for n in range(5000): print('a')
        sys.stdout.flush()
        assert raw.flush is flush and flushed
    """)
    result = sm.run(code if when == "before" else FLOOD + code, output_limit="10M")
    assert result.ok, result.stderr
    assert (result.stdout if when == "before" else behind(result.stdout)) == "A\n" * 10_000


def test_a_thread_that_goes_on_after_the_cell_loses_nothing():
    """The interpreter waits for it and for what it prints."""
    code = """
        import threading
        def work():
            time.sleep(0.1)
            for n in range(20_000): print('x')
        threading.Thread(target=work).start()
    """
    result, text = after_flood(code)
    assert (text, result.stderr) == ("x\n" * 20_000, "")


def test_what_is_printed_when_the_interpreter_ends_is_there():
    """Whichever function comes first then, ours or the cell's."""
    code = "import atexit\natexit.register(lambda: [print('x') for n in range(20_000)])\n"
    assert behind(sm.run(code + FLOOD, output_limit="10M").stdout) == "x\n" * 20_000
    assert behind(sm.run(FLOOD + code, output_limit="10M").stdout) == "x\n" * 20_000


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ("print('a', end=''); sys.stdout.buffer.write(b'b'); print('c'); sys.stdout.buffer.flush()", "abc\n"),
        ("sys.stdout.buffer.flush(); sys.stdout.flush(); sys.stdout.buffer.write(b'a\\n')", "a\n"),
        ("sys.stdout.reconfigure(encoding='utf-16-le', errors='replace'); print('a')", "a\0\n\0".replace("\0", "")),
        ("sys.stdout.reconfigure(line_buffering=True); print('a')", "a\n"),
        ("sys.stdout.reconfigure(write_through=True); print('a')", "a\n"),
        ("import io; sys.stdout = io.TextIOWrapper(sys.stdout.detach()); print('a')", "a\n"),
        ("import io; sys.stdout = io.StringIO(); print('a')", ""),
        ("sys.stdout.flush(); sys.stdout = open(1, 'w', closefd=False); print('a')", "a\n"),
        ("sys.stdout = sys.__stdout__ = None; print('a')", ""),
        ("del sys.stdout, sys.stderr", ""),
    ],
)
def test_standard_output_can_be_changed_in_a_flood(change, shown):
    """Silently, and what is printed then is there a moment later."""
    result, text = after_flood(change + "\ntime.sleep(0.2)")
    assert (result.stderr, text) == ("", shown)


LOOK = """
def look():
    return [
        (type(s), type(s.buffer), s.name, s.encoding, s.errors, s.mode, s.fileno(), s.isatty(), s.newlines,
         s.buffer.mode, s.buffer.name, s.buffer.closefd, s.writable(), s.seekable(), s is o)
        for s, o in [(sys.stdout, sys.__stdout__), (sys.stderr, sys.__stderr__)]
    ]
"""


def test_code_sees_the_same_standard_output_as_without_a_sandbox():
    """Its kind, name and settings, before a flood, in it and after it; no module, thread or descriptor of ours."""
    code = f"""
import sys, os, threading, atexit
{LOOK}
def others(): return sorted(sys.modules), threading.enumerate(), sorted(os.listdir('/proc/self/fd'))
others()
first = look(), others()
{FLOOD}
in_it = look(), others()
while not sys.stdout.write_through: time.sleep(0.01)
after = look(), others()
assert first == in_it, (first, in_it)
assert first == after, (first, after)
assert threading.active_count() == 1
while os.listdir('/proc/self/task') != [str(os.getpid())]: time.sleep(0.01)
print(first[0], file=sys.stderr)
"""
    result = sm.run(code, output_limit="10M")
    assert result.ok, result.stderr
    bare = subprocess.run(
        [sys.executable, "-u", "-c", f"import sys\n{LOOK}print(look(), file=sys.stderr)"],
        capture_output=True, text=True, check=True, env={"LANG": "C.UTF-8"},
    )  # fmt: skip
    assert result.stderr == bare.stderr


def test_no_thread_can_be_had():
    """Then everything goes through as before."""
    code = "for n in range(20_000): print(n)\nimport sys\nassert sys.stdout.write_through"
    result = sm.run(code, output_limit="10M", processes=1)
    assert result.ok, result.stderr
    assert behind(result.stdout) == ""
