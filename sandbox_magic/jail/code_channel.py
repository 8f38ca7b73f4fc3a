"""The host's end of the socket to the code: untrusted frames arrive there, and answers to questions go out."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox_magic.guest import wire

if TYPE_CHECKING:
    from sandbox_magic.jail.descriptors import Descriptors


class CodeChannel:
    """The socket, and what is remembered of it from one cell of a session to the next.

    Args:
        descriptor: The socket.
        descriptors: What closes it.

    Attributes:
        descriptor: The socket; -1 once it is closed.
        frames: What puts the code's frames together.
        display_ids: The code's own names of places to show something -> the host's.
    """

    def __init__(self, descriptor: int, descriptors: Descriptors) -> None:
        self.descriptor: int = descriptor
        self.frames: wire.Reader = wire.Reader()
        self.display_ids: dict[str, str] = {}
        self._descriptors = descriptors

    def reply(self, *fields: bytes) -> None:
        """Send the code a frame; one that does not read what it asked for misses it."""
        if self.descriptor < 0:
            return
        line = socket.socket(fileno=self.descriptor)
        line.settimeout(0)
        try:
            line.send(wire.pack(*fields), socket.MSG_NOSIGNAL)
        except OSError:
            return
        finally:
            line.detach()

    def throw_away(self) -> None:
        """Forget what was being said: what said it may have ended in the middle."""
        self.frames = wire.Reader()
        with suppress(OSError):
            while self.descriptor >= 0 and os.read(self.descriptor, 2**20):
                pass

    def close(self) -> None:
        """Read and say nothing more."""
        self._descriptors.close(self.descriptor)
        self.descriptor = -1
