"""The network of one run: a thread that accepts what the code connects to, and relays it to pinned addresses.

Nothing that goes through is parsed, but the first bytes on port 443 for the name that they ask for; nothing of the
host's gets into the sandbox. The code can make the thread work, as it can make this process read its output; what it
can make it keep is bounded.
"""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox_magic.net.account import Allowance, Count
from sandbox_magic.net.connection import Connection
from sandbox_magic.net.flow import CHUNK_BYTES
from sandbox_magic.net.routes import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sandbox_magic.net.pinning import Pin

MOST_AT_ONCE = 32
"""Connections of a run at once; more wait until one of them ends."""
_DRAIN_SECONDS = 1.0  # for what the code had sent before its end
_END_SECONDS = 5.0
_IDLE_SECONDS = 10.0  # for a connection that one side has ended, while others may be waiting
_SHORT_SECONDS = 0.1  # until it is tried again to accept, where something is short
_LOOK_SECONDS = 60.0


class Relay:
    """Relays from `start` to `close`.

    Args:
        pins: Where each forward leads.
        listeners: A listening socket inside the sandbox for each, in the same order; they stay open.
        most_bytes: What may go out through all together, and what may come in.
        variables: The environment with the proxy's variables; this process's own without it.
        clock: Returns the seconds since the run began.

    Attributes:
        counts: What went through each forward so far.
        left: What may still go through.
        broken: What went wrong in the relay itself; empty if nothing did.
    """

    def __init__(
        self,
        pins: Sequence[Pin],
        listeners: Sequence[socket.socket],
        most_bytes: int,
        variables: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        proxy = Proxy(variables)
        self.counts: tuple[Count, ...] = tuple(Count(forward=pin.forward, clock=clock) for pin in pins)
        self.left: Allowance = Allowance(out_bytes=most_bytes, in_bytes=most_bytes)
        self.broken: str = ""
        self._doors = {
            listener: (count, proxy.hops(pin))
            for pin, listener, count in zip(pins, listeners, self.counts, strict=True)
        }
        self._connections: set[Connection] = set()
        self._watched: dict[Connection, dict[socket.socket, int]] = {}
        self._open = False  # whether connections are accepted
        self._short_until = 0.0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._owner = os.getpid()
        self._buffer = memoryview(bytearray(CHUNK_BYTES))

    def start(self) -> None:
        """Begin.

        Raises:
            OSError: A descriptor or a thread is short.
        """
        self._wake, self._woken = socket.socketpair()
        try:
            self._selector = selectors.DefaultSelector()
            self._selector.register(self._woken, selectors.EVENT_READ)
            thread = threading.Thread(target=self._serve, name="sandbox-magic network", daemon=True)
            thread.start()
        except BaseException as error:
            self._wake.close()
            self._woken.close()
            if isinstance(error, RuntimeError):
                raise OSError(str(error)) from error
            raise
        self._thread = thread
        _running.add(self)

    def close(self) -> None:
        """Let out what the code had sent, close every connection, end the thread."""
        thread, self._thread = self._thread, None
        if thread is None or not self._is_ours:
            return
        self._stopping.set()
        with suppress(OSError):
            self._wake.send(b"1")
        thread.join(_END_SECONDS)
        self._wake.close()

    @property
    def _is_ours(self) -> bool:
        """Whether this process started it: a forked copy of it has no thread, and must not wake its parent's."""
        return os.getpid() == self._owner

    def forget(self) -> None:
        """Let go of every connection without ending it: this is a forked copy, and they are its parent's."""
        for connection in list(self._connections):
            connection.forget()

    def _serve(self) -> None:
        try:
            while not self._stopping.is_set():
                self._turn(self._until_due())
            self._drain()
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing may stay open
            self.broken = f"{type(error).__name__}: {error}"
        finally:
            for connection in self._connections:
                connection.close()
            self._selector.close()
            self._woken.close()

    def _drain(self) -> None:
        """Pass on what lies there already: a program may send its last words and end."""
        deadline = time.monotonic() + _DRAIN_SECONDS
        while time.monotonic() < deadline:
            moved = self._turn(0.0)
            if not moved and not any(connection.sends for connection in self._connections):
                return
            if not moved:
                self._turn(max(0.0, deadline - time.monotonic()))

    def _turn(self, seconds: float) -> bool:
        """Wait for something to happen, and handle it; return whether there was something."""
        self._adjust_doors()
        ready = self._selector.select(seconds)
        for key, events in ready:
            if isinstance(key.data, Connection):
                key.data.handle(key.fileobj, events, self._buffer)  # type: ignore[arg-type] # sockets alone are in it
                self._settle(key.data)
            elif key.data is not None:
                self._accept(key.fileobj, *key.data)  # type: ignore[arg-type] # as above
            else:
                self._woken.recv(64)
        self._keep_time()
        return any(key.data is not None for key, _ in ready)

    def _adjust_doors(self) -> None:
        """Accept while there is room for a connection."""
        room = len(self._connections) < MOST_AT_ONCE and time.monotonic() >= self._short_until
        if room == self._open:
            return
        self._open = room
        for listener, what in self._doors.items():
            if room:
                self._selector.register(listener, selectors.EVENT_READ, what)
            else:
                self._selector.unregister(listener)

    def _accept(self, listener: socket.socket, count: Count, hops: Sequence[object]) -> None:
        if len(self._connections) >= MOST_AT_ONCE:
            return
        try:
            near, _ = listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError:  # descriptors or memory are short
            self._short_until = time.monotonic() + _SHORT_SECONDS
            return
        if self.left.exceeded:
            near.close()
            return
        connection = Connection(near, hops, count, self.left)  # type: ignore[arg-type] # hops
        self._connections.add(connection)
        self._settle(connection)

    def _settle(self, connection: Connection) -> None:
        """See what a connection waits for now."""
        before, wanted = self._watched.pop(connection, {}), connection.wants()
        for each in before.keys() - wanted.keys():
            with suppress(KeyError, ValueError):  # closed: the kernel has forgotten it, and so does this
                self._selector.unregister(each)
        for each, events in wanted.items():
            if each not in before:
                self._selector.register(each, events, connection)
            elif events != before[each]:
                self._selector.modify(each, events, connection)
        if connection.closed:
            self._connections.discard(connection)
        else:
            self._watched[connection] = wanted

    def _keep_time(self) -> None:
        now = time.monotonic()
        full = len(self._connections) >= MOST_AT_ONCE
        for connection in list(self._connections):
            if self.left.exceeded or (full and connection.half_closed and now - connection.moved >= _IDLE_SECONDS):
                connection.close()
            connection.expire(now)
            if connection.closed or connection.due is not None:
                self._settle(connection)

    def _until_due(self) -> float:
        now = time.monotonic()
        moments = [connection.due for connection in self._connections if connection.due is not None]
        if self._short_until > now:
            moments.append(self._short_until)
        if len(self._connections) >= MOST_AT_ONCE:
            moments.append(now + _IDLE_SECONDS)
        return max(0.0, min(moments, default=now + _LOOK_SECONDS) - now)


_running: weakref.WeakSet[Relay] = weakref.WeakSet()


def _forget_all() -> None:
    for relay in list(_running):
        relay.forget()


os.register_at_fork(after_in_child=_forget_all)  # else the other side would see no end while the copy lives
