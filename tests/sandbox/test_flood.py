"""Lines by the thousand: from then on each goes out in one write; before that every piece is seen at once."""

from __future__ import annotations

import textwrap

import pytest

import sandbox_magic as sm
from sandbox_magic import Text

FLOOD = """
import sys, os, time
n = 0
while n < 1000 or sys.stdout.write_through:  # until it is taken for one
    print(n)
    n += 1
"""


def behind(text):
    """Return what stands behind the lines of a flood, of which none is missing."""
    place = n = 0
    while text.startswith(line := f"{n}\n", place):
        place += len(line)
        n += 1
    assert n >= 1000
    return text[place:]


def after_flood(code, **options):
    """Run a flood, and then this; return the result, and its text behind the flood."""
    result = sm.run(FLOOD + textwrap.dedent(code), output_limit="10M", **options)
    return result, behind(result.stdout)


def test_a_million_lines_come_whole_and_in_order():
    result = sm.run("for n in range(1_000_000): print(n)", output_limit="10M", timeout=80)
    assert result.ok
    assert result.stdout == "".join(f"{n}\n" for n in range(1_000_000))


def test_a_flood_costs_the_code_one_write_for_each_line():
    """Before it there are two: what is printed, and the line's end."""
    look = "open('/proc/self/io').read()"
    code = f"import sys\nbefore = {look}\n{{}}print(before, {look}, file=sys.stderr)"

    def writes(loop):
        counts = [int(line.split()[1]) for line in sm.run(code.format(loop)).stderr.splitlines() if "syscw" in line]
        return counts[1] - counts[0]

    assert writes("for n in range(500): print(n)\n") >= 1000
    assert writes("for n in range(100_000): print(n)\n") < 150_000


def test_slow_lines_are_no_flood():
    """However many there are, each piece is there before the next."""
    code = """
        import sys, time
        for n in range(5000):
            print(n)
            time.sleep(0.0001)
        assert sys.stdout.write_through
        for n in range(100_000):
            print(n)
        assert not sys.stdout.write_through
    """
    result = sm.run(textwrap.dedent(code))
    assert result.ok, result.stderr


def test_before_a_flood_the_beginning_of_a_line_is_seen_at_once():
    with sm.stream("print('what?', end='')\nimport time\ntime.sleep(99)") as run:
        assert next(event.text for event in run if isinstance(event, Text)) == "what?"


@pytest.mark.parametrize(
    "end",
    [
        "",
        "os._exit(3)",
        "raise SystemExit(4)",
        "1 / 0",
        "os.abort()",
        "os.kill(os.getpid(), 9)",
        "import ctypes; ctypes.string_at(0)",
        "os.execv('/bin/true', ['true'])",
        "while True: pass",
    ],
)
def test_however_it_ends_all_lines_are_there(end):
    result, text = after_flood("print('last')\n" + end, cpu_time=2, timeout=60)
    assert text == "last\n", result.stderr


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ("import io; sys.stdout = io.TextIOWrapper(sys.stdout.detach(), write_through=True)", True),
        ("import codecs; sys.stdout = codecs.getwriter('utf-8')(sys.stdout.buffer)", True),
        (
            (
                "class Own:\n    def write(self, text): return sys.__stdout__.write(text)\n    def flush(self): pass\n"
                "sys.stdout = Own()"
            ),
            True,
        ),
        ("import io; sys.stdout = io.StringIO()", False),
        ("sys.stdout = open(1, 'w', closefd=False)", True),
        ("sys.stdout.reconfigure(line_buffering=False)", True),
        ("sys.stdout = sys.__stdout__ = None", False),
        ("sys.stdout.close(); sys.stdout = sys.stderr", False),
    ],
)
@pytest.mark.parametrize("before", [0, 999, 1000, 5000])
def test_standard_output_can_be_changed_at_any_time(before, change, shown):
    """And everything that is printed then comes out, without a word on standard error of ours."""
    code = f"import sys\nfor n in range({before}): print(n)\n{change}\nfor n in range({before}, 10_000): print(n)"
    result = sm.run(code, output_limit="10M")
    assert result.ok, result.stderr[-500:]
    assert result.stdout.split() == [str(n) for n in range(10_000 if shown else before)]


def test_code_that_is_at_the_end_of_a_line_flushes_nothing_of_ours():
    """What it sees of its standard output is what it would see outside."""
    code = """
        import threading
        assert 'flush' not in vars(sys.stdout.buffer)
        assert threading.active_count() == len(os.listdir('/proc/self/task')) == 1
    """
    result, _ = after_flood(code)
    assert result.ok, result.stderr
