"""Spares: sandboxes that are parked in the background, so that a run need not wait for the start of one.

A spare has everything in force that isolates a run's sandbox, is used once or never, and fits a run only if everything
that it depends on is still the same (`sandbox_magic.jail.fingerprint`). All are started by one thread that lives as
long as this process: bwrap ends with the thread that started it.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox_magic.jail.fingerprint import fingerprint
from sandbox_magic.jail.sandbox import PARK_SECONDS, Sandbox
from sandbox_magic.jail.session import SessionSandbox
from sandbox_magic.model.errors import SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox_magic.jail.fingerprint import Fingerprint
    from sandbox_magic.jail.view.overlay import Lower
    from sandbox_magic.model.policy import Policy

IDLE_SECONDS = 600.0  # after which a spare is dropped
_LOOK_SECONDS = 20.0  # between two looks whether memory is short
_LEAST_AVAILABLE = 1 / 16  # of the machine's memory; with less there are no spares
_END_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spare:
    fits: Fingerprint
    sandbox: Sandbox
    since: float


class Pool:
    """The spares of this process.

    Attributes:
        size: How many there are at most; 0 for none. While somebody runs several at once (`room_for`) there are more.
    """

    def __init__(self) -> None:
        self.size: int = 1
        self._rooms: list[int] = []  # of those who run several at once
        self._condition = threading.Condition()
        self._spares: list[_Spare] = []  # the oldest first
        self._wanted: list[tuple[Policy, Lower | None]] = []  # at most one
        self._orders: list[Callable[[], object]] = []
        self._parking: Fingerprint | None = None
        self._awaited = False
        self._thread: threading.Thread | None = None
        self._closed = False

    def take(self, fits: Fingerprint) -> Sandbox | None:
        """Return a spare that fits, for one run; waits for one that is being parked; None if there is none."""
        with self._condition:
            if not self._find(fits) and self._parking == fits and not self._awaited:
                self._awaited = True
                self._condition.wait_for(lambda: self._find(fits) or self._parking != fits, PARK_SECONDS)
                self._awaited = False
            found = self._find(fits)
            if found is not None:
                self._spares.remove(found)
        if found is None:
            return None
        watcher = found.sandbox.watcher
        if found.sandbox.wait(0) or (watcher is not None and not watcher.alive):  # it has been killed
            found.sandbox.close_behind()
            return None
        return found.sandbox

    def _find(self, fits: Fingerprint) -> _Spare | None:
        return next((spare for spare in self._spares if spare.fits == fits), None)

    def want(self, fits: Fingerprint, policy: Policy, lower: Lower | None) -> None:
        """Park spares for runs with this policy, in the background, in the place of others.

        Args:
            fits: What they will depend on, as far as is known.
            policy: The policy.
            lower: Its workspace as it was found.
        """
        if self.size < 1:
            return
        with self._condition:
            if self._closed or (self._thread is None and not self._start()):
                return
            self._wanted, self._parking = [(policy, lower)], fits
            self._condition.notify_all()

    @property
    def most(self) -> int:
        """How many there are at most now."""
        return max(self.size, *self._rooms, 0) if self.size > 0 else 0

    @contextmanager
    def room_for(self, workers: int) -> Iterator[None]:
        """Have as many spares as there are workers, each of whom takes one, until this is left."""
        with self._condition:
            self._rooms.append(workers)
        try:
            yield
        finally:
            with self._condition:
                with suppress(ValueError):  # a forked copy has none of its parent's
                    self._rooms.remove(workers)
                gone = self._surplus()
            for old in gone:
                old.sandbox.close_behind()

    def _surplus(self) -> list[_Spare]:
        """Take out the oldest that are too many, and return them."""
        left = max(0, len(self._spares) - self.most)
        gone, self._spares = self._spares[:left], self._spares[left:]
        return gone

    def start(self, policy: Policy, lower: Lower | None) -> Sandbox:
        """Return a sandbox for who keeps it longer than his thread may live: one of these, or one started now.

        Raises:
            SandboxUnavailable: It can't be started, or there is no thread for it.
            PolicyError: The policy's Python is missing or can't be shared.
        """
        if found := self.take(fingerprint(policy, lower)):
            return found
        started: Future[Sandbox] = Future()

        def order() -> None:
            try:
                started.set_result(kind(policy).park(policy, lower=lower, spare=True))
            except BaseException as error:  # noqa: BLE001 - raised on the thread that waits
                started.set_exception(error)

        with self._condition:
            if self._closed or (self._thread is None and not self._start()):
                msg = "no thread could be started, so nothing was run"
                raise SandboxUnavailable(msg, remedy="free what is short, and try again")
            self._orders.append(order)
            self._condition.notify_all()
        return started.result()

    def filled(self, seconds: float) -> bool:
        """Wait until no spare is wanted any more; return whether that is so."""
        with self._condition:
            return self._condition.wait_for(lambda: self._parking is None, seconds)

    def close(self) -> None:
        """Drop all, for ever."""
        with self._condition:
            self._closed, self._wanted = True, []
            self._condition.notify_all()
            self._condition.wait_for(lambda: self._parking is None, _END_SECONDS)
        self.drop()

    def drop(self, *, older_than: float = 0.0) -> None:
        """Drop those that have waited for so many seconds."""
        with self._condition:
            gone = [spare for spare in self._spares if time.monotonic() - spare.since >= older_than]
            self._spares = [spare for spare in self._spares if spare not in gone]
        for spare in gone:
            spare.sandbox.close_behind()

    def forget(self) -> None:
        """Let go of them without ending them: this is a forked copy, and they are its parent's."""
        for spare in self._spares:
            spare.sandbox.forget()
        size = self.size
        self.__init__()  # type: ignore[misc] # the lock and the thread are the parent's too
        self.size = size

    def _start(self) -> bool:
        self._thread = threading.Thread(target=self._serve, name="sandbox-magic spares", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # no thread can be had
            self._thread = None
        return self._thread is not None

    def _serve(self) -> None:
        with suppress(OSError):  # to disturb nothing; a spare's own processes undo it
            os.sched_setscheduler(threading.get_native_id(), os.SCHED_BATCH, os.sched_param(0))
        while not self._closed:
            with self._condition:
                self._condition.wait_for(
                    lambda: self._orders or self._wanted or self._closed, _LOOK_SECONDS if self._spares else None
                )
                orders, self._orders = self._orders, []
                wanted = self._wanted.pop() if self._wanted else None
            for order in orders:
                order()
            if wanted is not None:
                self._park(*wanted)
            elif self._spares:
                self.drop(older_than=0.0 if _is_memory_short() else IDLE_SECONDS)

    def _park(self, policy: Policy, lower: Lower | None) -> None:
        """Park as many as there should be; one that can't be started is told by the next run, which starts its own.

        Where what they depend on changes meanwhile it may do so again and again: the next run has another one parked.
        """
        try:
            fits = fingerprint(policy, lower)
            while self._wants(fits) and not _is_memory_short():
                sandbox = kind(policy).park(policy, lower=lower, spare=True)
                if not self._keep(_Spare(fits=fits, sandbox=sandbox, since=time.monotonic()), policy, lower):
                    return
        except Exception:  # noqa: BLE001, S110 - as above
            pass
        finally:
            with self._condition:
                if not self._wanted:
                    self._parking = None
                self._condition.notify_all()

    def _wants(self, fits: Fingerprint) -> bool:
        """Return whether there is room for one more that fits, and nothing else is wanted meanwhile."""
        with self._condition:
            return not self._wanted and not self._closed and sum(each.fits == fits for each in self._spares) < self.most

    def _keep(self, spare: _Spare, policy: Policy, lower: Lower | None) -> bool:
        """Keep a spare in the place of the oldest, if what it depends on is still the same; return whether it is."""
        if fingerprint(policy, lower) != spare.fits:
            spare.sandbox.close_behind()
            return False
        with self._condition:
            self._spares.append(spare)
            self._condition.notify_all()
            gone = self._surplus()
        for old in gone:
            old.sandbox.close_behind()
        return True


def kind(policy: Policy) -> type[Sandbox]:
    """Return which kind of sandbox a policy needs."""
    return Sandbox if policy.undo is None else SessionSandbox


def _is_memory_short() -> bool:
    try:
        with open("/proc/meminfo") as lines:
            found = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
        return found["MemAvailable"] < found["MemTotal"] * _LEAST_AVAILABLE
    except (OSError, KeyError, ValueError, IndexError):
        return False


spares: Pool = Pool()
atexit.register(spares.close)
os.register_at_fork(after_in_child=spares.forget)
