"""How the code itself ended: the exception that ended it, and whether it came to its own end."""

import textwrap

import pytest

import sandbox_magic as sm
from sandbox_magic import Outcome

FRAME = """
    import os
    def say(*fields):
        parts = b"".join(len(each).to_bytes(4, "big") + each for each in fields)
        os.write(3, len(parts).to_bytes(4, "big") + parts)
"""


def run(code, **options):
    return sm.run(textwrap.dedent(code), timeout=60, **options)


@pytest.mark.parametrize(
    ("code", "name", "message", "line"),
    [
        ("x = 1\n1 / 0", "ZeroDivisionError", "division by zero", 2),
        ("def f():\n    raise ValueError('no')\n\nf()", "ValueError", "no", 2),
        ("import json\n\njson.loads('{')", "json.decoder.JSONDecodeError", "Expecting property name", 3),
        ("class Own(Exception): pass\nraise Own(3)", "Own", "3", 2),
        ("x = 1\ny = (", "SyntaxError", "was never closed", 2),
        ("import ast\nast.parse('\\n\\n(')", "SyntaxError", "was never closed", None),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", "", 1),
        ("class Odd(Exception):\n    def __str__(self): 1 / 0\nraise Odd", "Odd", "<exception str() failed>", 3),
        ("class Odd(Exception):\n    def __str__(self): exit()\nraise Odd", None, None, None),
    ],
)
def test_an_exception_is_told_in_parts(code, name, message, line):
    result = run(code)
    assert (result.outcome, result.exit_code, result.finished) == (
        Outcome.FAILED,
        130 if name == "KeyboardInterrupt" else 1,
        False,
    )
    if name is None:
        assert result.error is None
        return
    assert result.error.name == name
    assert message in result.error.message
    assert result.error.line == line
    assert result.error.traceback == result.stderr, "what Python wrote, without our frames"
    assert "sandbox_guest" not in result.error.traceback


@pytest.mark.parametrize(
    ("code", "finished", "outcome"),
    [
        ("x = 1", True, Outcome.COMPLETED),
        ("", True, Outcome.COMPLETED),
        ("1\n2", True, Outcome.COMPLETED),
        ("try: exit(0)\nexcept SystemExit: pass", True, Outcome.COMPLETED),
        ("import threading\nthreading.Thread(target=lambda: 1 / 0).start()", True, Outcome.COMPLETED),
        ("import sys; sys.exit(0)", False, Outcome.COMPLETED),
        ("import os; os._exit(0)", False, Outcome.COMPLETED),
        ("import os\nif os.fork() == 0: x = 1\nelse: os.wait(); os._exit(0)", False, Outcome.COMPLETED),
        ("import os\nif os.fork() == 0: 1 / 0\nelse: os.wait()", True, Outcome.COMPLETED),
        ("import os; os.execlp('true', 'true')", False, Outcome.COMPLETED),
        ("import os; os.kill(os.getpid(), 9)", False, Outcome.SIGNALLED),
        ("import sys; sys.exit('bye')", False, Outcome.FAILED),
        ("import atexit, os\natexit.register(os._exit, 3)", False, Outcome.FAILED),
        ("import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()", False, Outcome.WALL_TIME),
    ],
)
def test_its_own_end_is_told_from_every_other(code, finished, outcome):
    result = sm.run(code, timeout=2 if outcome is Outcome.WALL_TIME else 60)
    assert (result.outcome, result.finished, result.error) == (outcome, finished, None)


def test_in_another_language_it_cannot_be_told():
    result = run("exit 0", language="sh")
    assert (result.ok, result.finished, result.error) == (True, None, None)


def test_a_run_that_is_stopped_tells_where_it_was(stopped):
    result = stopped("import time\n\n\nwhile True: print('up', flush=True), time.sleep(0.01)")
    error = result.error
    assert (result.outcome, error.name, error.line) == (Outcome.INTERRUPTED, "KeyboardInterrupt", 4)


def test_the_words_of_an_exception_cannot_drive_a_terminal_and_are_bounded():
    result = run("raise ValueError('a\\x1b]0;title\\x07b' + 'c' * 10**6)")
    assert result.error.message.startswith("abccc")
    assert "title" not in result.error.message
    assert len(result.error.message) < 2**17
    assert len(result.error.traceback) < 2**17
    assert result.error.traceback.startswith("Traceback (most recent call last):")
    assert result.error.traceback.endswith("ccc\n")


def test_an_error_that_a_completed_run_claims_is_not_one():
    assert run(f"{FRAME}\n    say(b'error', b'0', b'Odd', b'no', b'', b'1')\n    os._exit(1)").error.name == "Odd"
    result = run(f"{FRAME}\n    say(b'error', b'0', b'Odd', b'no', b'', b'1')")
    assert (result.ok, result.error) == (True, None)


def test_a_failed_run_that_claims_to_have_finished_has_not():
    assert run(f"{FRAME}\n    say(b'finished', b'0')\n    os._exit(1)").finished is False
