"""Descriptor 3: what the cell's process shows and asks goes out there, the host's replies come in.

Only the process that was started for the cell sends, and only while the descriptor is still the guest's:
a forked copy of it, or a cell that closed the descriptor and has a file of its own there, must not
tear the frames. A frame that wants a reply has a number, which the reply repeats, so that one which
comes too late, after an interrupt, is not taken for another's.
"""

from __future__ import annotations

import _signal
import _thread
import itertools
import os

from . import wire

DISPLAY = 3  # the one descriptor besides 0, 1 and 2; it is closed when the cell starts another program
MOST_BYTES = wire.MOST_BYTES
_MOST_HEARD = 2**20


class ChannelClosed(Exception):  # noqa: N818 - a word of ours
    """Nothing can be sent: in a forked copy, or after the descriptor was closed."""


class Channel:
    """Both directions.

    Args:
        except_signal: A signal that is not held up while a frame is sent.
    """

    ChannelClosed = ChannelClosed

    def __init__(self, except_signal: int) -> None:
        self._pack = wire.pack
        self._reader = wire.Reader(_MOST_HEARD)
        self._owner = os.getpid()
        self._place = os.fstat(DISPLAY).st_ino
        self._sending = _thread.allocate_lock()
        self._hearing = _thread.RLock()  # a signal's handler may ask while the cell asks
        self._numbers = itertools.count(1)
        self._awaited: dict[int, list[bytes] | None] = {}
        self._held = _signal.valid_signals() - {except_signal}

    def send(self, word: bytes, *fields: bytes, number: int = 0) -> None:
        """Send a frame whole, whatever signals come.

        Raises:
            ChannelClosed: It can't be sent.
            ValueError: It is too long.
        """
        if not self._is_ours():
            raise ChannelClosed
        left = memoryview(self._pack(word, b"%d" % number, *fields))
        before = _signal.pthread_sigmask(_signal.SIG_BLOCK, self._held)
        try:
            with self._sending:
                while left:
                    left = left[os.write(DISPLAY, left) :]
        except OSError:
            raise ChannelClosed from None
        finally:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, before)

    def is_busy(self) -> bool:
        """Return whether a frame is being sent, perhaps by the thread that asks."""
        return self._sending.locked()

    def adopt(self) -> None:
        """Take this process, a copy of the one that made it, for the one that sends."""
        self._owner = os.getpid()

    def _is_ours(self) -> bool:
        try:
            return os.getpid() == self._owner and os.fstat(DISPLAY).st_ino == self._place
        except OSError:
            return False

    def send_and_wait(self, word: bytes, *fields: bytes) -> None:
        """Send a frame, and wait until the host has taken it together with all text that was written before.

        So text that is written after it is shown after it. While another thread waits for a reply this
        one does not.

        Raises:
            ChannelClosed: Nobody took it.
        """
        alone = self._hearing.acquire(blocking=False)
        try:
            self._exchange(word, fields, wait=alone)
        finally:
            if alone:
                self._hearing.release()

    def request(self, word: bytes, *fields: bytes) -> list[bytes]:
        """Send a frame and return the fields of the reply.

        Raises:
            ChannelClosed: Nobody replies any more.
        """
        with self._hearing:
            return self._exchange(word, fields, wait=True)

    def _exchange(self, word: bytes, fields: tuple[bytes, ...], *, wait: bool) -> list[bytes]:
        number = next(self._numbers)
        if wait:
            self._awaited[number] = None
        try:
            self.send(word, *fields, number=number)
            while wait and self._awaited[number] is None:
                data = self._read()
                if not data:
                    raise ChannelClosed
                for reply in self._reader.feed(data):
                    if int(reply[0]) in self._awaited:
                        self._awaited[int(reply[0])] = reply[1:]
            return self._awaited.get(number) or []
        finally:
            self._awaited.pop(number, None)

    def _read(self) -> bytes:
        try:
            return os.read(DISPLAY, 65536)
        except OSError as error:
            if error.errno is None:  # a TimeoutError, say, of a signal's handler
                raise
            return b""
