"""One connection of the code's: looked at, dialled, relayed, closed."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox_magic.model.forwards import TLS_PORT
from sandbox_magic.net.flow import Flow, LimitReached
from sandbox_magic.net.routes import answer_of
from sandbox_magic.net.server_name import NotTLS, server_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sandbox_magic.net.account import Allowance, Count
    from sandbox_magic.net.routes import Hop

HELLO_SECONDS = 30.0  # for a client's first bytes
DIAL_SECONDS = 10.0  # for each address
_MOST_PIECES = 64  # in which a ClientHello may come; each is looked at from the start
_UNRECOGNIZED_NAME = b"\x15\x03\x03\x00\x02\x02\x70"  # a fatal alert (RFC 8446, 6.2), so that the client knows why
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: what was cut off must not look as if it had ended


class Connection:
    """A stream from the code to a pinned address.

    It first waits for the name that TLS is for (on port 443, for a name), then dials, then relays both ways.

    Attributes:
        moved: When something last happened.
        due: When what it waits for is too late; None if it waits for nothing in particular.
        closed: Whether it is over.
    """

    def __init__(self, near: socket.socket, hops: Sequence[Hop], count: Count, left: Allowance) -> None:
        self._near = near
        self._far: socket.socket | None = None
        self._hops = list(hops)
        self._count = count
        self._left = left
        self._first = bytearray()  # what was looked at, and goes out first
        self._pieces = 0
        self._answer = bytearray()  # of a proxy
        self._flows: tuple[Flow, Flow] | None = None
        self.closed: bool = False
        self.moved: float = time.monotonic()
        self.due: float | None = self.moved + HELLO_SECONDS
        self._step: Callable[[socket.socket, int, memoryview], None] = self._look
        self._guarded(self._begin)

    def _begin(self) -> None:
        self._near.setblocking(False)  # noqa: FBT003 - its one argument
        self._near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        forward = self._count.forward
        if forward.port != TLS_PORT or forward.is_address:  # of an address TLS names no server
            self._next_hop("no address")

    def wants(self) -> dict[socket.socket, int]:
        """Return what to wait for: socket -> events; empty once it is closed."""
        if self.closed:
            return {}
        if self._flows is not None:
            return _wants_of(self._flows)
        if self._far is None:
            return {self._near: selectors.EVENT_READ}
        return {self._far: selectors.EVENT_READ if self._step == self._greet else selectors.EVENT_WRITE}

    @property
    def half_closed(self) -> bool:
        """Whether one side has ended and the other has not."""
        return self._flows is not None and any(flow.done for flow in self._flows)

    @property
    def sends(self) -> bool:
        """Whether there are bytes of the code's that have not gone out yet."""
        return self._flows[0].writes if self._flows is not None else self._far is not None

    def handle(self, which: socket.socket, events: int, buffer: memoryview) -> None:
        """Do what has become possible; whatever goes wrong closes it.

        Args:
            which: The socket.
            events: What is possible there.
            buffer: Where to read to.

        Raises:
            LimitReached: It may not move more.
        """
        self.moved = time.monotonic()
        self._guarded(lambda: self._step(which, events, buffer))

    def expire(self, now: float) -> None:
        """See whether what it waits for is too late."""
        if self.closed or self.due is None or now < self.due:
            return
        if self._far is None:
            self.close()
        else:
            self._guarded(lambda: self._next_hop("timed out"))

    def _guarded(self, call: Callable[[], None]) -> None:
        if self.closed:
            return
        try:
            call()
        except LimitReached:
            self._left.exceeded = True
            self.close()
        except OSError:  # one side is gone, so the other one learns it
            self.close()

    def _look(self, _which: socket.socket, _events: int, buffer: memoryview) -> None:
        """Take the first bytes of TLS, until they say for which name it is."""
        length = self._near.recv_into(buffer)
        self._first += buffer[:length]
        self._pieces += 1
        try:
            name = server_name(bytes(self._first))
        except NotTLS:
            self._misdirected("")
            return
        if name == self._count.forward.host:
            self._next_hop("no address")
        elif name is not None:
            self._misdirected(name)
        elif not length or self._pieces >= _MOST_PIECES:  # it has ended before it began
            self._misdirected("") if self._first else self.close()

    def _misdirected(self, name: str) -> None:
        self._count.misdirect(name)
        with suppress(OSError):
            self._near.send(_UNRECOGNIZED_NAME, socket.MSG_NOSIGNAL)
            self._near.shutdown(socket.SHUT_WR)
        self._first.clear()
        self.close(reset=False)

    def _next_hop(self, reason: str) -> None:
        """Begin with the next way; where none is left it has failed."""
        self._hang_up_far()
        while self._hops:
            hop = self._hops.pop(0)
            try:
                self._far = socket.socket(hop.family, socket.SOCK_STREAM)
                self._far.setblocking(False)  # noqa: FBT003 - its one argument
                self._far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                status = self._far.connect_ex(hop.place)
            except OSError as error:
                status = error.errno or errno.EIO
            if status in (0, errno.EINPROGRESS):
                self._greeting = hop.greeting
                self._step, self.due = self._connected, time.monotonic() + DIAL_SECONDS
                return
            reason = os.strerror(status)
            self._hang_up_far()
        self._count.fail(reason)
        self.close()

    def _hang_up_far(self) -> None:
        far, self._far = self._far, None
        if far is not None:
            far.close()

    def _connected(self, which: socket.socket, _events: int, buffer: memoryview) -> None:
        status = which.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if status:
            self._next_hop(os.strerror(status))
        elif self._greeting:
            which.send(self._greeting, socket.MSG_NOSIGNAL)  # a few hundred bytes into an empty buffer
            self._answer.clear()
            self._step = self._greet
        else:
            self._open(which, b"", buffer)

    def _greet(self, which: socket.socket, _events: int, buffer: memoryview) -> None:
        """Hear what a proxy answers."""
        length = which.recv_into(buffer, 4096)
        self._answer += buffer[:length]
        try:
            rest = answer_of(bytes(self._answer))
        except ConnectionError as error:
            self._next_hop(str(error))
            return
        if rest is not None:
            self._open(which, rest, buffer)
        elif not length:
            self._next_hop("the proxy closed the connection")

    def _open(self, far: socket.socket, came: bytes, buffer: memoryview) -> None:
        """Relay from now on; what was looked at goes first, and what came behind a proxy's answer."""
        far.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._count.open()
        self.due, self._step = None, self._relay
        out = Flow(self._near, far, way="out", count=self._count, left=self._left)
        back = Flow(far, self._near, way="in", count=self._count, left=self._left)
        self._flows = out, back
        first, self._first = bytes(self._first), bytearray()
        if len(first) > self._left.out_bytes or len(came) > self._left.in_bytes:
            raise LimitReached
        for flow, data in ((out, first), (back, came)):
            flow.take(len(data))
            flow.waiting = memoryview(data)
            flow.write()
        if out.reads:  # most clients have said something by now
            out.read(buffer)

    def _relay(self, which: socket.socket, events: int, buffer: memoryview) -> None:
        assert self._flows is not None  # noqa: S101 - for the type checker
        for flow in self._flows:
            if flow.sink is which and events & selectors.EVENT_WRITE and flow.writes:
                flow.write()
            if flow.source is which and events & selectors.EVENT_READ and flow.reads:
                flow.read(buffer)
        if all(flow.done for flow in self._flows):
            self.close(reset=False)

    def forget(self) -> None:
        """Close our descriptors of both sides alone: this is a forked copy of the process that they belong to."""
        self.closed = True
        for each in (self._near, self._far):
            if each is not None:
                each.close()

    def close(self, *, reset: bool = True) -> None:
        """Close both sides.

        Args:
            reset: Whether they are told that it was cut off.
        """
        self.closed = True
        self.due = None
        self._first.clear()
        for each in (self._near, self._far):
            if each is None:
                continue
            with suppress(OSError):
                if reset:
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                else:
                    each.shutdown(socket.SHUT_RDWR)  # a forked copy of this process may hold it too
            each.close()


def _wants_of(flows: tuple[Flow, Flow]) -> dict[socket.socket, int]:
    wanted: dict[socket.socket, int] = {}
    for flow in flows:
        if flow.reads:
            wanted[flow.source] = wanted.get(flow.source, 0) | selectors.EVENT_READ
        if flow.writes:
            wanted[flow.sink] = wanted.get(flow.sink, 0) | selectors.EVENT_WRITE
    return wanted
