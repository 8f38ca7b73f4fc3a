"""The kernel's session, and the folder that it shows without being asked."""

import signal
import threading

import pytest

from sandbox_magic.execution import files
from sandbox_magic.kernel import early
from sandbox_magic.kernel.configuration import VARIABLE, read_policy
from sandbox_magic.kernel.executor import Executor
from sandbox_magic.kernel.outputs import Outputs
from sandbox_magic.kernel.session import KernelSession
from sandbox_magic.kernel.view import KernelView

SECONDS = 60  # for a sandbox to be parked


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Gives a function that runs a cell in a folder with two files; it returns what went wrong and the outputs."""
    (tmp_path / "folder").mkdir()
    for name in ("a.txt", "b.txt"):
        (tmp_path / "folder" / name).write_text(name)
    monkeypatch.chdir(tmp_path / "folder")
    monkeypatch.delenv(VARIABLE, raising=False)
    session = KernelSession(lambda: read_policy({}, {}))
    executor = Executor(session)

    def run(source):
        outputs = Outputs()
        view = KernelView(outputs.publish, lambda _prompt, password: None, 1)
        return executor.execute(source, view), "".join(each.get("text", "") for each in outputs.cell)

    yield run
    session.close()


LOOK = "import os\nprint(sorted(os.listdir()))"


def test_the_folder_is_shown(run):
    """The control of the next two."""
    assert run(LOOK) == (None, "['a.txt', 'b.txt']\n")


def test_a_folder_that_is_too_large_is_left_out_and_that_is_said(run, monkeypatch):
    monkeypatch.setattr(files, "MOST_LISTED", 1)
    failed, text = run(LOOK)
    assert failed is None
    assert text.startswith("sandbox: the code does not see this folder: ")
    assert text.endswith("[]\n")
    assert run(LOOK) == (None, "[]\n"), "it is said once"


def test_one_that_was_asked_for_is_not_left_out(run, monkeypatch, tmp_path):
    (tmp_path / "other").mkdir()
    for name in "ab":
        (tmp_path / "other" / name).write_text(name)
    monkeypatch.setenv(VARIABLE, f"--workspace {tmp_path / 'other'}")
    monkeypatch.setattr(files, "MOST_LISTED", 1)
    failed, text = run(LOOK)
    assert (failed.name, text) == ("PolicyError", "")


def test_a_hint_is_behind_the_error_that_it_is_about(run):
    failed, _ = run("import socket\nsocket.getaddrinfo('example.org', 80)")
    assert failed.name == "socket.gaierror"
    assert failed.traceback[-1].startswith("sandbox: The sandbox has no network")


def test_what_the_cells_have_tried_is_listed_where_the_kernel_was_started_with_trace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "--trace")
    executor, outputs = Executor(KernelSession(lambda: read_policy({}, {}))), Outputs()

    def run(source):
        return executor.execute(source, KernelView(outputs.publish, lambda _prompt, password: None, 1))

    try:
        for name in ("/nowhere/a", "/etc/shadow"):
            assert run(f"try: open({name!r})\nexcept OSError: pass") is None
        assert run("%sandbox attempts") is None
    finally:
        executor.session.close()
    told = outputs.cell[-1]["data"]
    assert {name for name in ("/nowhere/a", "/etc/shadow") if name in told["text/plain"]} == {
        "/nowhere/a",
        "/etc/shadow",
    }
    assert "<td>/etc/shadow</td>" in told["text/html"]


def test_where_nothing_is_listed_it_says_what_lists_it(run):
    assert run("1")[0] is None
    failed, _ = run("%sandbox attempts")
    assert VARIABLE in "".join(failed.traceback)


@pytest.fixture
def wants(monkeypatch):
    """Gives a function that has a sandbox parked early; it returns how many are parked then."""
    threads = []

    class Thread(threading.Thread):
        def start(self):
            super().start()
            threads.append(self)

    monkeypatch.setattr(early.threading, "Thread", Thread)

    def wants(pool, *words):
        early.park(words)
        threads.pop(0).join(SECONDS)
        assert pool.filled(SECONDS)
        return len(pool._spares)

    return wants


def test_a_sandbox_that_was_parked_early_is_the_sessions(run, spares, wants, monkeypatch):
    assert wants(spares) == 1
    monkeypatch.setattr(type(spares), "want", lambda *_: None)  # none besides
    assert run(LOOK) == (None, "['a.txt', 'b.txt']\n")
    assert spares._spares == []


def test_one_that_was_parked_for_another_policy_is_not(run, spares, wants, monkeypatch):
    assert wants(spares, "-f", "connection.json", "--workspace", "none") == 1
    monkeypatch.setattr(type(spares), "want", lambda *_: None)
    assert run(LOOK) == (None, "['a.txt', 'b.txt']\n")
    assert len(spares._spares) == 1


@pytest.mark.usefixtures("run")
def test_none_is_parked_early_for_a_wrong_option_or_a_large_folder(spares, wants, monkeypatch):
    assert wants(spares, "--memory", "lots") == 0
    monkeypatch.setattr(early, "_MOST_NAMES", 1)
    assert wants(spares) == 0


def test_an_interrupt_while_a_cell_waits_for_the_start_lets_the_next_cell_wait_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    kernel = KernelSession(lambda: read_policy({}, {}))
    press = threading.Timer(0.1, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))

    def wait():
        press.start()
        _ = kernel.session

    try:
        with kernel.session._lock:  # the start takes longer than anybody's patience
            kernel.begin()
            starting = kernel._starting
            with pytest.raises(KeyboardInterrupt):
                wait()
            assert not starting.is_set()
        _ = kernel.session
        assert starting.is_set()
    finally:
        kernel.close()
