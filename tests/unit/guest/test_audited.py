"""What Python's audit events are taken for: kinds, targets as a system call has them, and the line of the cell."""

from __future__ import annotations

import sys

import pytest

from sandbox_magic.guest import audited


class Said:
    """What is told of events, with no hook in this interpreter."""

    def __init__(self):
        self.told = []
        self.sending = False
        self.audited = audited.Audited(lambda _word, *fields: self.told.append(fields), lambda: self.sending)
        self.audited.begin(__file__)

    def __call__(self, event, *arguments):
        """Have an event, and return the kinds and targets that are told of it."""
        before = len(self.told)
        self.audited._hook(event, arguments)
        return [fields[:2] for fields in self.told[before:]]


@pytest.fixture
def said(monkeypatch):
    """Return one."""
    monkeypatch.setattr(sys, "addaudithook", lambda _hook: None)
    return Said()


@pytest.mark.parametrize(
    ("event", "arguments", "kind", "targets"),
    [
        ("open", ("/etc/shadow", "r", 0), b"open", [b"/etc/shadow"]),
        ("open", (b"/a\xff", "r", 0), b"open", [b"/a\xff"]),
        ("open", (3, "r", 0), b"open", []),
        ("open", ("/usr/lib/x.py", "r", 0), b"open", []),
        ("open", ("/usr/lib/x.py", "w", 0o101), b"open", [b"/usr/lib/x.py"]),
        ("os.listdir", (None,), b"open", [b"."]),
        ("os.rename", ("a", b"b", -1, -1), b"rename", [b"a -> b"]),
        ("os.system", (b"ls",), b"run", [b"/bin/sh"]),
        ("socket.connect", (None, "/run/x"), b"connect", [b"/run/x"]),
        ("socket.connect", (None, b"\0bus"), b"connect", [b"@bus"]),
        ("socket.sendto", (None, ("::1", 53, 0, 0)), b"send", [b"[::1]:53"]),
        ("socket.getaddrinfo", ("a.example", 80, 0, 0, 0), b"look up", [b"a.example"]),
        ("socket.getaddrinfo", (None, 80, 0, 0, 0), b"look up", []),
        ("compile", ("x", "y"), b"", []),
        ("open", (), b"", []),
    ],
)
def test_an_event_is_a_kind_and_a_target(said, event, arguments, kind, targets):
    assert [target for what, target in said(event, *arguments) if what == kind] == targets


def test_a_host_is_told_with_its_port(said):
    said("socket.getaddrinfo", "a.example", 80, 0, 0, 0)
    said("socket.getaddrinfo", "a.example", "https", 0, 0, 0)
    said("socket.gethostbyname", "a.example")
    said("socket.connect", None, ("b.example", 5432))
    told = [(fields[1], fields[3]) for fields in said.told if fields[0] == b"look up"]
    assert told == [(b"a.example", b"80"), (b"a.example", b""), (b"b.example", b"5432")]


def test_each_thing_is_told_once_a_cell_with_the_line_that_runs(said):
    assert said("open", "/a", "r", 0)
    assert said.told[0][2].isdigit()
    assert int(said.told[0][2]) > 0
    assert not said("open", "/a", "r", 0)
    said.audited.begin("another cell")
    assert said("open", "/a", "r", 0)
    assert said.told[1][2] == b"0", "no line of that cell"


def test_what_comes_while_a_frame_is_sent_is_told_later(said):
    """Its own thread may hold the lock: a finalizer ran just then."""
    said.sending = True
    assert said("open", "/a", "r", 0) == []
    said.sending = False
    assert said("open", "/b", "r", 0) == [(b"open", b"/a"), (b"open", b"/b")]


def test_it_is_bounded(said):
    for number in range(audited.MOST + 10):
        said("open", f"/{number}", "r", 0)
    assert len(said.told) == audited.MOST
