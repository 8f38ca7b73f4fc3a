"""Locks on what is shared: what SECURITY.md says of them is so."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing

import pytest

import sandbox_magic as sm

# SQLite's shared lock (byte 0x40000000 + 2 and the 510 behind), and one on the whole file.
LOCKS = """
import fcntl, os, struct
file = os.open("data.db", os.O_RDONLY)
fcntl.fcntl(file, fcntl.F_SETLK, struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 0x40000002, 510, 0))
fcntl.flock(file, fcntl.LOCK_EX)
input("held")
"""


@pytest.fixture
def database(tmp_path):
    tmp_path.chmod(0o755)
    path = tmp_path / "data.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (a)")
    path.chmod(0o644)
    return path


def can_write(path):
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        try:
            with connection:
                connection.execute("INSERT INTO t VALUES (1)")
        except sqlite3.OperationalError as error:
            return error.sqlite_errorname != "SQLITE_BUSY"
        return True


def can_lock(path):
    with open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@pytest.mark.parametrize(("how", "free"), [("bind", False), ("workspace", True)])
def test_a_lock_holds_up_the_host_on_what_is_bound_and_not_in_a_workspace(how, free, database):
    """A bind shows the same file; an overlay has inodes of its own."""
    options = {"bind": [os.fspath(database)]} if how == "bind" else {"workspace": os.fspath(database.parent)}
    assert can_write(database)
    assert can_lock(database)
    seen = []
    with sm.stream(LOCKS, timeout=60, **options) as run:
        for event in run:
            if isinstance(event, sm.InputRequest):
                seen = [can_write(database), can_lock(database)]
                run.answer("")
    assert run.result.ok, run.result.stderr
    assert seen == [free, free]
    assert can_write(database)
