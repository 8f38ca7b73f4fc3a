"""Denials in pairs: the same attempt works on the host and fails inside."""

from __future__ import annotations

import ast
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import sandbox_magic as sm

# An OSError is a denial, and an AssertionError.
ATTEMPTS = {
    "read a file of the host's": "open({canary!r}).read()",
    "write a file of the host's": "open({canary!r}, 'a').close()",
    "read the caller's environment": "assert 'SANDBOX_CANARY' in os.environ",
    "see the caller's process": "os.stat('/proc/{pid}/root') if open('/proc/{pid}/cmdline').read() else 0",
    "signal the caller's process": "os.kill({pid}, 0)",
    "connect to a server on the host": "socket.create_connection(('127.0.0.1', {port}), 2)",
    "connect to an abstract Unix socket": "socket.socket(socket.AF_UNIX).connect('\\0' + {name!r})",
    "write into the Python environment": "os.mkdir({site!r} + '/poison'); os.rmdir({site!r} + '/poison')",
    "see the host's name": "assert socket.gethostname() == {host!r}",
    "list /etc of the host": "assert os.path.exists('/etc/hostname') or os.path.exists('/etc/machine-id')",
    "make a user namespace": "assert ctypes.CDLL(None).unshare(0x10000000) == 0",
}  # fmt: skip
AS_ROOT = {
    "open a sysctl for writing": "os.close(os.open('/proc/sys/vm/swappiness', os.O_WRONLY))",
    "open core_pattern for writing": "os.close(os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY))",
    "change the mode of a device": "os.chmod('/dev/full', 0o666)",
    "read shadow": "open('/etc/shadow').read()",
    "make a device node": "os.mknod('node', 0o600 | 0x2000, os.makedev(1, 3)); os.unlink('node')",
    "change the root": "os.chroot('/')",
    "lower the niceness": "os.nice(-1)",
}


# Each in a process of its own, so that none spoils the next; all of them in one sandbox, for each start takes time.
TRY = """
import ctypes, os, socket
for name, code in {attempts!r}.items():
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            exec(code)
            said = "WORKED"
        except (OSError, AssertionError) as error:
            said = "DENIED " + repr(error)
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as told:
        print([name, told.read(), os.waitpid(child, 0)[1]], flush=True)
"""


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    """What each attempt came to outside and inside."""
    canary = tmp_path_factory.mktemp("host") / "canary.txt"
    canary.write_text("SECRET-7f3a")
    name = f"sandbox-test-{os.getpid()}"
    with (
        pytest.MonkeyPatch.context() as patch,
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        patch.setenv("SANDBOX_CANARY", "1")
        patch.chdir(canary.parent)
        abstract.bind("\0" + name)
        abstract.listen()
        facts = {
            "canary": str(canary), "pid": os.getpid(), "port": server.getsockname()[1], "name": name,
            "site": os.path.dirname(os.path.dirname(pytest.__file__)), "host": socket.gethostname(),
        }  # fmt: skip
        source = TRY.format(attempts={what: code.format(**facts) for what, code in PAIRS.items()})
        command = [sys.executable, "-P", "-c", source]
        outside = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        inside = sm.run(source)
    assert (outside.returncode, inside.exit_code) == (0, 0), (outside.stderr, inside.stderr)
    return [{name: (said, status) for name, said, status in lines(each.stdout)} for each in (outside, inside)]


def lines(text):
    return map(ast.literal_eval, text.splitlines())


PAIRS = {**ATTEMPTS, **(AS_ROOT if os.geteuid() == 0 else {})}


@pytest.mark.parametrize("what", PAIRS)
def test_works_outside_and_is_denied_inside(what, tried):
    """The positive control first: an attempt that fails on the host proves nothing."""
    outside, inside = tried
    assert outside[what] == ("WORKED", 0)
    said, status = inside[what]
    assert (said.startswith("DENIED "), status) == (True, 0), said


def test_never_the_hosts_root():
    """The kernel's own view from outside: the code's processes have an unprivileged uid and no capability."""
    with sm.stream("import time; print('up', flush=True); time.sleep(60)", timeout=60) as run:
        next(event for event in run if isinstance(event, sm.Text))
        with open(f"/proc/{run._loop.sandbox.pid}/task/{run._loop.sandbox.pid}/children") as children:
            status = Path(f"/proc/{children.read().split()[0]}/status").read_text()
    values = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
    uids = set(values["Uid"].split())
    assert len(uids) == 1
    assert (os.geteuid() == 0) == (uids != {str(os.geteuid())})
    assert "0" not in uids
    assert int(values["CapEff"], 16) == int(values["CapPrm"], 16) == int(values["CapBnd"], 16) == 0
    assert values["NoNewPrivs"].strip() == "1"


def test_two_sandboxes_do_not_meet():
    """The same port and the same file name in two sandboxes at once."""
    code = """
        import http.server, os, time
        assert os.listdir() == []
        open("mine", "w").close()
        http.server.HTTPServer(("127.0.0.1", 8000), http.server.SimpleHTTPRequestHandler)
        print("up", flush=True)
        input()
    """
    first, second = (sm.stream(textwrap.dedent(code), timeout=60) for _ in range(2))
    with first, second:
        for run in (first, second):
            assert next(event for event in run if isinstance(event, sm.Text)).text.startswith("up")


def test_a_socket_below_what_is_shared_is_masked(tmp_path, monkeypatch):
    """A project's folder on the search path, with a server's socket and a FIFO in it: read-only would not do."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "module.py").write_text("VALUE = 1")
    os.mkfifo(folder / "fifo")
    monkeypatch.syspath_prepend(str(folder))
    code = f"""
        import os, socket, sys
        import module
        print(module.VALUE)
        try:
            socket.socket(socket.AF_UNIX).connect({str(folder / "server")!r})
            print("WORKED")
        except OSError as error:
            print("DENIED", type(error).__name__)
        try:
            os.open({str(folder / "fifo")!r}, os.O_RDWR | os.O_NONBLOCK)
            print("WORKED")
        except OSError as error:
            print("DENIED", type(error).__name__)
    """
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "server"))
        (folder / "server").chmod(0o777)
        server.listen()
        outside = subprocess.run(
            [sys.executable, "-P", "-c", textwrap.dedent(code)],
            capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(folder)}, check=False, timeout=60,
        )  # fmt: skip
        assert outside.stdout == "1\nWORKED\nWORKED\n", outside.stderr
        inside = sm.run(textwrap.dedent(code))
    assert inside.stdout.startswith("1\nDENIED "), inside.stderr
    assert "WORKED" not in inside.stdout


def test_a_shared_file_can_not_be_leased(tmp_path, monkeypatch):
    """A lease would make the host's own open(2) of the file wait for the cell."""
    lease = "fcntl.fcntl(os.open(os.__file__, os.O_RDONLY), 1024, 0)"
    assert sm.run(f"import fcntl, os\ntry: {lease}\nexcept OSError as error: print(error.errno)").stdout == "1\n"


def test_attributes_take_no_memory_beside_the_disk_limit():
    attribute = "os.setxattr('f', 'user.a', b'x')"
    code = f"import os\nopen('f', 'w')\ntry: {attribute}\nexcept OSError as error: print(error.errno)"
    assert sm.run(code).stdout == "95\n"


HOARD = """
import socket
server, total, held = socket.create_server(("127.0.0.1", 0)), 0, []
for _ in range(60):
    client = socket.create_connection(server.getsockname())
    held += [client, server.accept()[0]]
    client.setblocking(False)
    try:
        while True: total += client.send(b"x" * 65536)
    except OSError: pass
print(total)
"""


def test_unread_data_in_sockets_is_held_by_the_memory_limit():
    """Where memory is enforced: cgroup v1 counts it apart. The control has room for more than the small limit."""
    small = sm.run(HOARD, memory="64M", timeout=60)
    if small.isolation["memory"].strength == "enforced":
        assert small.outcome is sm.Outcome.OUT_OF_MEMORY or int(small.stdout or 0) <= 64 << 20, small.stdout
    large = sm.run(HOARD, memory="2G", timeout=60)
    assert int(large.stdout) > 64 << 20


def test_a_checkout_shows_only_the_package():
    """Where the package is installed from a checkout, the notebooks that people keep there are none of the code's."""
    root = Path(sm.__file__).parent.parent
    result = sm.run(f"import os, sandbox_magic\nprint(os.listdir({str(root)!r}))\nprint(sandbox_magic.__file__)")
    inside, found = result.stdout.splitlines()
    assert found == sm.__file__
    if (root / "pyproject.toml").exists():
        assert set(ast.literal_eval(inside)) <= {".venv", "sandbox_magic"}
        assert str(root) not in result.isolation.shared
