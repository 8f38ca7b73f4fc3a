"""What the code says of its attempts: lines beside what was watched, names of hosts, and nothing else."""

from __future__ import annotations

import pytest

from sandbox_magic.execution.code_words import MOST, CodeWords

ROWS = [{"kind": "open", "target": "/a"}, {"kind": "run", "target": "/usr/bin/true"}, {"kind": "open", "target": "/b"}]


def beside(*said):
    """Return kind, target and line of each row once that was said."""
    words = CodeWords()
    for each in said:
        words.take(*each, port=None)
    account = {"rows": ROWS, "ordinary": 1, "more": 2}
    found = words.beside(account)
    assert (found["ordinary"], found["more"], account["rows"]) == (1, 2, ROWS)
    return [(row["kind"], row["target"], row["line"]) for row in found["rows"]]


def test_a_line_stands_beside_what_was_watched_and_adds_nothing():
    said = [(b"open", b"/a", b"3"), (b"open", b"/a", b"9"), (b"run", b"true", b"4"), (b"open", b"/never", b"5")]
    assert beside(*said, (b"open", b"/b", b"0")) == [
        ("open", "/a", 3), ("run", "/usr/bin/true", 4), ("open", "/b", None),
    ]  # fmt: skip


def test_a_name_of_a_host_is_a_row_and_an_address_is_none():
    said = [(b"look up", host, b"7") for host in (b"a.example", b"a.example", b"10.0.0.1", b"fe80::1%eth0", b"\xff")]
    assert beside(*said)[3:] == [("look up", "a.example", 7), ("look up", "\udcff", 7)]


def test_a_name_has_the_ports_that_it_was_looked_up_for():
    words = CodeWords()
    for port in (80, 443, 80, None, 1, 2, 3, 4):
        words.take(b"look up", b"a.example", b"7", port)
    (*_, row) = words.beside({"rows": []})["rows"]
    assert row["ports"] == [80, 443, 1, 2]


def test_it_is_bounded():
    assert len(beside(*((b"look up", b"h%d" % number, b"1") for number in range(MOST + 10)))) == MOST + len(ROWS)


@pytest.mark.parametrize("said", [(b"call", b"ptrace", b"1"), (b"open", b"/a", b"-1"), (b"open", b"/a", b"1" * 10)])
def test_what_our_guest_does_not_say_is_refused(said):
    with pytest.raises(ValueError, match="our guest"):
        beside(said)
