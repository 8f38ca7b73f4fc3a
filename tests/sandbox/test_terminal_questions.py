"""Questions and displays at a terminal: of the command, and of a cell in terminal IPython."""

import os
import pty
import re
import select
import signal
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-P", "-m", "sandbox_magic", "run"]
OPTIONS = ("--bind", "seen", "--timeout", "60")
ASKS = (
    "import time\ntime.sleep(0.6)\nprint('hello', input('Na\\u202eme? '))\n"
    "import getpass\nprint(len(getpass.getpass()))"
)


def command(code, folder):
    (folder / "script.py").write_text(code)
    return [*COMMAND, *OPTIONS, "script.py"]


def ipython(code, folder):
    source = f"%load_ext sandbox_magic\nget_ipython().run_cell_magic('sandbox', {' '.join(OPTIONS)!r}, {code!r})"
    options = ["--no-banner", "--no-term-title", "--colors=nocolor", "--no-confirm-exit"]
    return [sys.executable, "-P", "-m", "IPython", *options, "-c", source]


@pytest.fixture(params=[command, ipython])
def at_terminal(request, own_directory, monkeypatch):
    """Gives a function that runs code on a pseudo-terminal, and after each word does what belongs to it."""
    monkeypatch.setenv("IPYTHONDIR", str(own_directory / "ipython"))
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setenv("TERM", "xterm")
    (own_directory / "seen").mkdir(mode=0o755)

    def run(code, *steps):
        ours, theirs = pty.openpty()
        words = request.param(code, own_directory)
        process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, cwd=own_directory)
        os.close(theirs)
        data, left, sent = b"", list(steps), None
        while True:
            if sent and not select.select([ours], [], [], 1)[0]:
                process.send_signal(sent)  # it came just before the read: a person would press again
                continue
            try:
                data += os.read(ours, 65536)
            except OSError:  # the last one has closed it
                break
            while left and left[0][0] in data:
                do = left.pop(0)[1]
                if isinstance(do, bytes):
                    os.write(ours, do)
                elif isinstance(do, str):
                    (own_directory / "seen" / do).touch()
                else:
                    sent = do
                    process.send_signal(do)
        os.close(ours)
        status = process.wait(20)
        assert left == [], data
        # Without the live line, which may be there for a moment between any two lines on a slow machine.
        return status, re.sub(r"[^\n]*\x1b\[2K", "", data.decode().replace("\r\n", "\n"))

    return run


def test_whoever_sits_there_is_asked(at_terminal):
    """The prompt is marked as the code's and made safe; a password is not shown."""
    _, text = at_terminal(ASKS, (b"me? ", b"Ada\n"), (b"word: ", b"secret\n"))
    text = re.sub(r"[^\n]*\x1b\[2K", "", text)  # a live line that was there for a moment, on a slow machine
    assert "asks: Na\\u202eme? Ada\nhello Ada\n" in text
    assert "asks: Password: " in text
    assert "secret" not in text
    assert "\n6\n" in text


def test_ctrl_c_ends_a_question(at_terminal):
    _, text = at_terminal("input('Name? ')", (b"Name? ", signal.SIGINT))
    assert "stopped by you" in text
    assert "EOFError" not in text


def test_ctrl_d_is_the_end_of_input(at_terminal):
    _, text = at_terminal("input('Name? ')", (b"Name? ", b"\x04"))
    assert "EOFError: EOF when reading a line" in text


def test_a_question_goes_away_with_its_run(at_terminal):
    code = """
import os, threading, time
def end():
    while not os.path.exists("seen/question"): time.sleep(0.01)
    os._exit(3)
threading.Thread(target=end).start()
input("Name? ")
"""
    _, text = at_terminal(code, (b"Name? ", "question"))
    assert "exit status 3" in text


def test_displays_are_their_text(at_terminal):
    _, text = at_terminal("print('a')\ndisplay([1])\nprint('b')")
    assert "a\n[1]\nb\n" in text


def test_a_scripts_last_value_is_not_shown_in_a_pipe_and_nobody_is_asked_there(own_directory, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "")
    (own_directory / "seen").mkdir(mode=0o755)
    words = command("display('shown')\ntry: input()\nexcept EOFError: print('EOF')\n6 * 7", own_directory)
    done = subprocess.run(words, input="", capture_output=True, text=True, cwd=own_directory, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "'shown'\nEOF\n")
