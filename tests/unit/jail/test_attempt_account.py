"""The account: what is folded, merged, bounded; and the addresses in it."""

from __future__ import annotations

import socket
import struct
from typing import ClassVar

import pytest

from sandbox_magic.jail.attempts import account as accounts
from sandbox_magic.jail.attempts import tried
from sandbox_magic.jail.attempts.looking import parsed


class Looking:
    """A process in which address 1 has one name, 2 another."""

    names: ClassVar = {
        1: b"/nowhere/a",
        2: b"/usr/lib/x.so",
        3: b"/usr/lib/../../etc/shadow",
        4: b"/env/lib/a.py",
        5: b"/home/s",
        6: b"/proc/self/oom_score_adj",
        7: b"here",
    }

    def name(self, _pid, address):
        return self.names[address]

    def place(self, _pid, _directory, name):
        return name.decode()

    def is_there(self, _place):
        return False

    def forget(self):
        return

    def process_name(self, _pid):
        return b"python"


@pytest.fixture
def account():
    """Return an empty one."""
    return accounts.Account(Looking(), "/home/s", ["/env/lib"])


def open_(account, address, flags=0):
    """Have a file opened; return whether that is a row."""
    row, _ = seen = account.see(7, "openat", [2**64 - 100, address, flags, 0, 0, 0])
    account.count(7, seen)
    return "kind" in row


def test_its_environments_files_are_a_number(account):
    assert [open_(account, address) for address in (2, 4, 5)] == [False] * 3
    assert account.told() == {"rows": [], "ordinary": 3, "more": 0}


def test_what_is_written_or_leads_out_of_there_is_a_row(account):
    assert open_(account, 2, flags=1)
    assert open_(account, 3)
    assert [row["writes"] for row in account.told()["rows"]] == [True, False]


def test_the_same_again_is_counted(account):
    for flags in (0, 0, 0o100):
        open_(account, 1, flags)
    (row,) = account.told()["rows"]
    assert (row["target"], row["count"], row["writes"], row["process"]) == ("/nowhere/a", 3, True, "python")
    assert 0 <= row["first"] <= row["last"]


def test_a_refused_call_is_a_row_and_a_rename_has_both_names(account):
    for name, arguments in (("ptrace", [0] * 6), ("rename", [1, 2, 0, 0, 0, 0])):
        account.count(7, account.see(7, name, arguments))
    assert [(row["kind"], row["target"]) for row in account.told()["rows"]] == [
        ("call", "ptrace"),
        ("rename", "/nowhere/a -> /usr/lib/x.so"),
    ]


def test_where_a_second_name_leads_and_what_a_link_is_relative_to(account):
    seen = [account.see(7, name, arguments) for name, arguments in (
        ("rename", [1, 2, 0, 0, 0, 0]), ("symlink", [7, 1, 0, 0, 0, 0]), ("linkat", [0, 1, 0, 2, 0, 0]),
    )]  # fmt: skip
    assert [(row["place"], row["into"], writes) for row, writes in seen] == [
        ("/nowhere/a", "/usr/lib/x.so", True), ("/nowhere/here", "/nowhere/a", False),
        ("/nowhere/a", "/usr/lib/x.so", False),
    ]  # fmt: skip


def test_the_same_name_is_counted_by_how_it_is_opened_and_again_in_the_next_cell(account):
    for _ in range(2):
        for address, flags in ((2, 0), (2, 1), (2, 0), (1, 0), (2, 1), (1, 0), (1, 1), (1, 0)):
            open_(account, address, flags)
        told = account.told()
        assert [(row["target"], row["count"], row["writes"]) for row in told["rows"]] == [
            ("/usr/lib/x.so", 2, True), ("/nowhere/a", 4, True),
        ]  # fmt: skip
        assert told["ordinary"] == 2
        account.begin()


def test_what_was_seen_and_never_answered_is_not_counted(account):
    for _ in range(3):
        account.see(7, "openat", [2**64 - 100, 1, 0, 0, 0, 0])
    open_(account, 1)
    assert [row["count"] for row in account.told()["rows"]] == [1]


def test_it_is_bounded_and_begins_anew(account, monkeypatch):
    monkeypatch.setattr(accounts, "MOST_ROWS", 1)
    open_(account, 1)
    open_(account, 3)
    open_(account, 1)
    assert (len(account.told()["rows"]), account.more) == (1, 1)
    account.begin()
    assert account.told() == {"rows": [], "ordinary": 0, "more": 0}


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (struct.pack("<H", 1) + b"/run/x\0junk", (1, b"/run/x")),
        (struct.pack("<H", 1) + b"\0bus", (1, b"@bus")),
        (struct.pack("<H", 2) + struct.pack(">H", 80) + socket.inet_aton("10.1.2.3"), (2, b"10.1.2.3:80")),
        (struct.pack("<H", 10) + struct.pack(">H", 53) + bytes(19) + b"\1", (10, b"[::1]:53")),
        (struct.pack("<H", 2) + b"\0", (2, b"")),
        (struct.pack("<H", 16) + bytes(10), (16, b"")),
        (b"", (0, b"")),
        (b"\2", (0, b"")),
    ],
)
def test_an_address_is_read(data, found):
    assert parsed(data) == found


def test_what_a_sessions_own_process_writes_of_itself_is_no_row(account):
    assert not open_(account, 6, flags=1)


def row(target, first, count=1, **more):
    """Return a row as the account has it."""
    return {"kind": "open", "target": target, "first": first, "last": first, "count": count, **more}


def test_the_accounts_of_two_cells_are_one(monkeypatch):
    whole = {"rows": [row("a", 1.0, writes=True), row("b", 2.0)], "ordinary": 3, "more": 1, "complete": True}
    cell = {"rows": [row("a", 0.5, 2), row("c", 0.25, writes=False), row("d", 0.5, 4)], "ordinary": 1, "more": 1}
    monkeypatch.setattr(tried, "MOST_ROWS", 3)
    both = tried.together(whole, cell, 10.0)
    assert both == {
        "rows": [
            {**row("a", 1.0, 3, writes=True), "last": 10.5, "line": None},
            row("b", 2.0),
            row("c", 10.25, writes=False, line=None),
        ],
        "ordinary": 4,
        "more": 6,
        "complete": True,
    }
