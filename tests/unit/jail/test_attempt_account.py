"""The account: what is folded, merged, bounded; and the addresses in it."""

from __future__ import annotations

import os
import socket
import struct
from typing import ClassVar

import pytest

from sandbox_magic.jail.attempts import account as accounts
from sandbox_magic.jail.attempts import looking, tried
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
        8: b"/env/lib/site-packages/numpy/../numpy.libs/a.so",
        9: b"/env/lib/site-packages/../../../etc/shadow",
        10: b"/proc/self/fd/3",
        11: b"/proc/self/fd/3/etc/shadow",
        12: b"/dev/shm/sem.a",
        13: b"",
    }

    def name(self, _pid, address):
        return self.names[address]

    def place(self, _pid, directory, name):
        return f"/env/lib/{name.decode()}" if directory == 3 else name.decode()

    def is_there(self, _place):
        return False

    def forget(self):
        return

    def process_name(self, _pid):
        return b"python"


@pytest.fixture
def account():
    """Return an empty one."""
    return accounts.Account(Looking(), "/home/s", ["/env/lib", "/env/lib/site-packages"])


def open_(account, address, flags=0, directory=2**64 - 100):
    """Have a file opened; return whether that is a row."""
    row, _ = seen = account.see(7, "openat", [directory, address, flags, 0, 0, 0])
    account.count(7, seen)
    return "kind" in row


def test_its_environments_files_are_a_number(account):
    assert [open_(account, address) for address in (2, 4, 5)] == [False] * 3
    assert account.told() == {"rows": [], "ordinary": 3, "more": 0}


def test_its_environments_files_by_other_names_are_in_that_number_and_nothing_else_is(account):
    names = {8: False, 9: True, 10: False, 11: True, 12: False}
    assert {address: open_(account, address) for address in names} == names
    assert [open_(account, 7, directory=each) for each in (4, 3, 4, 3)] == [True, False, True, False]


def test_what_libraries_write_for_themselves_is_in_that_number(account):
    assert not open_(account, 12, flags=2)
    calls = (("unlink", [12]), ("link", [12, 12]), ("rename", [12, 1]), ("execve", [12]))
    rows = [account.see(7, name, [*given, *[0] * (6 - len(given))])[0] for name, given in calls]
    assert ["kind" in row for row in rows] == [False, False, True, True]


def test_a_descriptor_that_is_run_has_its_name(account):
    row, _ = account.see(7, "execveat", [5, 13, 0, 0, 0x1000, 0])
    assert row["target"] == b"/proc/self/fd/5"


def test_where_a_name_leads_through_proc(tmp_path):
    folder, root = os.open(tmp_path, os.O_PATH), os.open("/", os.O_PATH)
    here = os.getcwd()
    look, pid = looking.Looking(), os.getpid()
    try:
        for name, place in (
            ("/proc/self/root/etc/shadow", "/etc/shadow"),
            ("/proc/thread-self/root/proc/1/root", "/"),
            (f"/proc/self/task/{pid}/root/a", "/a"),
            ("/proc/self/fd/../root/a", "/a"),
            ("/proc/self/cwd/a", f"{here}/a"),
            ("/proc/self/cwd/../a", f"{os.path.dirname(here)}/a"),
            ("a/../b", f"{here}/b"),
            (f"/dev/fd/{folder}/a", f"{tmp_path}/a"),
            (f"//proc//self/fd/{root}/proc/self/fd/{folder}/a", f"{tmp_path}/a"),
            (f"/proc/self/fd/{folder}", f"/proc/self/fd/{folder}"),
            (f"/proc/1/fd/{folder}/a", f"/proc/1/fd/{folder}/a"),
            ("/proc/self/fd/987654/a", ""),
            ("/proc/self/rooted/a", "/proc/self/rooted/a"),
        ):
            assert look.place(pid, -1, name.encode()) == place, name
        assert look.place(pid, folder, b"../a") == f"{tmp_path.parent}/a"
    finally:
        os.close(folder)
        os.close(root)


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
    monkeypatch.setattr(accounts, "MOST_OPENS", 1)
    monkeypatch.setattr(accounts, "MOST_ROWS", 2)
    for address in (1, 3, 1):
        open_(account, address)
    for name in ("ptrace", "mount", "ptrace"):
        account.count(7, account.see(7, name, [0] * 6))
    assert [(row["kind"], row["count"]) for row in account.told()["rows"]] == [("open", 2), ("call", 2)]
    assert account.more == 2
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
