"""The host's side of a run whose attempts are listed: has a process forked that takes the notices, and asks it."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sandbox_magic.guest import wire
from sandbox_magic.jail.attempts import calls, filters
from sandbox_magic.jail.kept.forker import forker

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

_START_SECONDS = 30.0
_TELL_SECONDS = 5.0
_SIZE_BYTES = 8  # before each answer
_MOST_BYTES = 64 * 2**20  # of an account: 2,000 rows of two names


class NotWatched(Exception):  # noqa: N818 - reads as what it says
    """The kernel, or what this process may do, allows no watching here."""


class Watcher:
    """What watches one sandbox.

    Attributes:
        reported: A socket that becomes readable when the other process ends, which ends the run.
        line: The sandbox's end of the socket that lives while it parks.
    """

    def __init__(self) -> None:
        own_end, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._words, their_words = socket.socketpair()
        ours, line = socket.socketpair()
        self.reported: socket.socket = own_end
        self.line: socket.socket = line
        self._given = (ours, theirs, their_words)
        self._asking = threading.Lock()
        self._answers = bytearray()  # what has come of them
        self._owed = 0  # how many are still to come
        self._words.settimeout(_TELL_SECONDS)
        self._process = -1  # a descriptor of it

    def begin(self, own: Sequence[str], home: str) -> None:
        """Have the process forked, while the sandbox starts: neither waits for the other.

        Args:
            own: Where the environment's own files are, as the sandbox sees them.
            home: The directory in which the code starts.

        Raises:
            OSError: It can't be.
        """
        machine = os.uname().machine
        numbers = calls.NUMBERS[machine]
        ours, *_ = self._given
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)  # before anything is sent: who says it is told then
        flags = " ".join(map(str, filters.LISTENER_FLAGS)).encode()
        words = (b"%d" % numbers["seccomp"], b"%d" % numbers["unshare"], flags, filters.watching(machine))
        ours.send(wire.pack(*words))
        forker.fork("attempts.supervisor", self._given, home, list(own))
        for end in self._given:
            end.close()

    def lend(self, theirs: ExitStack) -> int:
        """Return the descriptor of the sandbox's end, which is closed here with its others."""
        theirs.callback(self.line.close)
        return self.line.fileno()

    def wait_until_watching(self) -> None:
        """Wait until a call of the cell's process has arrived here.

        Raises:
            NotWatched: None can.
        """
        self.reported.settimeout(_START_SECONDS)
        said = b""
        with suppress(OSError, ValueError):
            self._process = os.pidfd_open(int(self.reported.recv(64)))
            said = self.reported.recv(4096)
        if said != b"watching":
            raise NotWatched(said.removeprefix(b"no ").decode("utf-8", "replace") or "what watches has ended")

    @property
    def alive(self) -> bool:
        """Whether it still watches."""
        poll = select.poll()
        poll.register(self._process, select.POLLIN)
        return self._process >= 0 and not poll.poll(0)

    def tell(self) -> dict[str, Any] | None:
        """Return the account since it was begun anew, from any thread; None if what watched has ended."""
        return self._ask(b"tell")

    def turn(self) -> dict[str, Any] | None:
        """Return the same, and begin it anew."""
        return self._ask(b"turn")

    def _ask(self, word: bytes) -> dict[str, Any] | None:
        with self._asking:
            try:
                self._words.send(word, socket.MSG_NOSIGNAL)
                self._owed += 1
                answer = {}
                while self._owed:  # more than one where Ctrl-C has come while one was waited for
                    answer = self._receive()
                    self._owed -= 1
            except (OSError, ValueError):  # what comes later would be taken for another answer
                self._words.close()
                return None
            return answer

    def _receive(self) -> dict[str, Any]:
        """Return the next answer.

        Raises:
            OSError: None comes.
            ValueError: It is none.
        """
        self._fill(_SIZE_BYTES)
        end = _SIZE_BYTES + int.from_bytes(self._answers[:_SIZE_BYTES], "big")
        if end > _MOST_BYTES:
            msg = "an answer that is too long"
            raise ValueError(msg)
        self._fill(end)
        answer = dict(json.loads(self._answers[_SIZE_BYTES:end]))
        del self._answers[:end]
        return answer

    def _fill(self, size: int) -> None:
        while len(self._answers) < size:
            if not (piece := self._words.recv(min(size - len(self._answers), 2**20))):
                raise BrokenPipeError
            self._answers += piece

    def close(self) -> None:
        """End it; the sandbox is gone."""
        self._hang_up()
        process, self._process = self._process, -1
        if process >= 0:
            with suppress(OSError):
                signal.pidfd_send_signal(process, signal.SIGKILL)
            os.close(process)

    @property
    def closed(self) -> bool:
        """Whether it was ended here, with its sandbox."""
        return self.reported.fileno() < 0

    def _hang_up(self) -> None:
        for end in (self.line, self.reported, self._words, *self._given):
            end.close()
