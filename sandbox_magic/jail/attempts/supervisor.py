"""The process that takes the notices of one sandbox, answers them, and keeps the account.

A process of its own, because a thread of the notebook's would need its interpreter's lock, and every watched call of
the cell would wait for it while the notebook computes. It is forked (`jail/kept`) with three sockets. On ``line`` the
cell's process says which of its descriptors is the listener. ``report`` tells the host which process this is and that
it watches, and by its end that it does no more. On ``words`` the host says ``tell`` or ``turn`` and is told the
account, which a ``turn`` begins anew. When the host has gone, or anything is wrong, it ends: then every watched call
fails (ENOSYS), and the host ends the run.

An answer is the table's error for what is refused or absent, and "go on" for all else, whatever was read: the account
is told to a person and decides nothing.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import select
import socket
import struct
import time
from contextlib import suppress

from . import calls
from .account import Account
from .looking import Looking, system_call

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Sequence

RECEIVE, SEND, SET_FLAGS = 0xC050_2100, 0xC018_2101, 0x4008_2104  # SECCOMP_IOCTL_NOTIF_*
_NOTICE = struct.Struct("<QI4xi4x8x6Q")  # number, process, call, arguments
_EMPTY = bytes(_NOTICE.size)  # the kernel takes no other
_GO_ON, _REFUSED, _ABSENT = (  # 1: FLAG_CONTINUE
    struct.pack("<qiI", 0, *answer) for answer in ((0, 1), (-calls.EPERM, 0), (-calls.ENOSYS, 0))
)
_IN_ANSWER = slice(8, 24)  # the answer begins with the notice's number, as the notice does
_SYNC_WAKE_UP = 1
_MOST_A_SECOND = 20_000
_PIDFD_GETFD = 438


def main(line: socket.socket, report: socket.socket, words: socket.socket, home: str, own: Sequence[str]) -> None:
    """Take the listener over, and serve until the end.

    Args:
        line: The socket to the cell's process.
        report: The one on which the host is told that we watch.
        words: The one on which it asks.
        home: Where the code starts.
        own: Where its environment's own files are.
    """
    report.send(b"%d" % os.getpid())
    look = Looking()
    supervisor = Supervisor(words, look, Account(look, home, own), os.uname().machine)
    try:
        in_force = supervisor.begin(line)
    except OSError as error:
        report.send(f"no {error}".encode())
        return
    if in_force:
        report.send(b"watching")
        supervisor.serve()


def _take(line: socket.socket) -> tuple[int, int]:
    """Return the process that says which of its descriptors is the listener, and our copy of that.

    Raises:
        OSError: It has none, or we may not have it.
    """
    said, extra, _, _ = line.recvmsg(64, socket.CMSG_SPACE(struct.calcsize("iII")))
    if not said or not extra:
        raise OSError(errno.EPIPE, "the cell's process is gone")
    pid = int.from_bytes(extra[0][2][:4], "little")  # of struct ucred
    if int(said) < 0:
        raise OSError(errno.EBUSY, "the kernel gives no listener (seccomp user notification)")
    process = os.pidfd_open(pid)
    try:
        return pid, system_call(_PIDFD_GETFD, process, int(said), 0)
    finally:
        os.close(process)


class Supervisor:
    """Takes notices.

    Args:
        words: The socket to the host.
        look: Looks into processes.
        account: Where notices are counted.
        machine: The architecture.
    """

    def __init__(self, words: socket.socket, look: Looking, account: Account, machine: str) -> None:
        self._listener = -1
        self._words = words
        self._look = look
        self._account = account
        self._names = {number: name for name, number in calls.NUMBERS[machine].items()}
        self._answers = {
            number: _ABSENT if name in calls.ABSENT else _GO_ON
            for number, name in self._names.items()
            if name in calls.WATCHED
        }
        self._since = 0.0
        self._looked = 0
        self._notice = bytearray(_NOTICE.size)

    def begin(self, line: socket.socket) -> bool:
        """Take the listener over, and return whether the first call then is the refused one that must arrive here.

        The cell's process waits for this, and the start for it: so what can be done before or afterwards is.

        Args:
            line: The socket to that process, which is closed.

        Raises:
            OSError: There is none, or we may not have it.
        """
        with suppress(OSError):
            system_call(_PIDFD_GETFD, -1, 0, 0)  # the first call by ctypes takes longer
        with line:
            pid, self._listener = _take(line)
            with suppress(OSError):  # Linux 6.6: both then take turns on one processor, which is faster
                fcntl.ioctl(self._listener, SET_FLAGS, _SYNC_WAKE_UP)
            line.send(b"1")
        self._look.enter(pid)
        return self._take_notice() == (pid, "unshare")

    def serve(self) -> None:
        """Serve until the host has gone.

        Each notice is waited for in poll(2): a process that waits in the ioctl itself is not woken on the processor
        of the one that waits for it, and seemed to take longer where both were tried.
        """
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        poll.register(self._words, select.POLLIN)
        listener, wait, take_notice = self._listener, poll.poll, self._take_notice
        while True:
            for descriptor, state in wait():
                if descriptor != listener:
                    if not self._obey():
                        return
                elif state & select.POLLIN:
                    take_notice()
                else:  # every process that was watched is gone
                    poll.unregister(listener)

    def _obey(self) -> bool:
        """Do what the host says; return whether to go on."""
        word = self._words.recv(4)
        if word not in (b"tell", b"turn"):
            return False
        self._drain()
        told = json.dumps(self._account.told()).encode()
        self._words.sendall(len(told).to_bytes(8, "big") + told)
        if word == b"turn":
            self._account.begin()
        return True

    def _drain(self) -> None:
        """Take what has arrived already."""
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        for _ in range(1000):
            if not any(state & select.POLLIN for _, state in poll.poll(0)):
                return
            self._take_notice()

    def _take_notice(self) -> tuple[int, str]:
        """Take one, look what it is about, answer and count it; return its process and its call."""
        notice = self._notice
        notice[:] = _EMPTY
        try:
            fcntl.ioctl(self._listener, RECEIVE, notice)
        except OSError:  # it has been killed meanwhile, or interrupted
            return 0, ""
        _, pid, call, *arguments = _NOTICE.unpack(notice)
        name = self._names.get(call, "")
        self._looked += 1
        may_look = self._looked <= _MOST_A_SECOND or self._is_another_second()
        seen = self._account.see(pid, name, arguments) if may_look else None
        notice[_IN_ANSWER] = self._answers.get(call, _REFUSED)
        try:
            fcntl.ioctl(self._listener, SEND, notice)
        except OSError:  # it waits no more: a signal came, and it will ask again, or it is gone
            return pid, name  # and what was read may have been another's
        if seen:
            self._account.count(pid, seen)
        return pid, name

    def _is_another_second(self) -> bool:
        """Begin to count anew; those beyond so many in a second are only counted."""
        now = time.monotonic()
        if now - self._since < 1.0:
            self._account.more += 1
            return False
        self._since, self._looked = now, 0
        return True
