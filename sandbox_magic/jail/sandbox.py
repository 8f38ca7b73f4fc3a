"""One sandbox: started, parked until it is given its cell, spoken with while that runs."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from sandbox_magic.guest import wire
from sandbox_magic.jail import bubblewrap, bytecode, isolation, limit_guards, network, reports, spawn
from sandbox_magic.jail.attempts import calls
from sandbox_magic.jail.attempts.tried import Tried
from sandbox_magic.jail.attempts.watcher import NotWatched, Watcher
from sandbox_magic.jail.bwrap_errors import DOCTOR, unavailable
from sandbox_magic.jail.cgroup import tiers
from sandbox_magic.jail.code_channel import CodeChannel
from sandbox_magic.jail.control import Control
from sandbox_magic.jail.lifetime import Lifetime
from sandbox_magic.jail.meter import Meter
from sandbox_magic.jail.view import identity, interpreter, library, overlay, places
from sandbox_magic.jail.view.run_directory import RunDirectory
from sandbox_magic.model.errors import SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import BinaryIO

    from sandbox_magic.jail.cgroup.base import Group
    from sandbox_magic.jail.task import Task
    from sandbox_magic.model.isolation import Isolation
    from sandbox_magic.model.policy import Limits, Policy

PARK_SECONDS = 30.0  # far more than any machine needs; a hung start must still end
_PRELOAD_SECONDS = 25.0  # for each module; inside it has 20 (guest/parking.py)


class Sandbox(Lifetime):
    """A sandbox from its start to its end. Single use.

    `park` returns one in which nothing untrusted has run yet; `go` runs the cell; `close` ends
    whatever is left, waits for it, and removes what it used on the host.

    Attributes:
        stdin: The host's end of the code's standard input.
        stdout: The host's end of the code's standard output.
        stderr: The host's end of the code's standard error.
        report: Where PID 1's frames arrive.
        channel: A socket on which untrusted frames arrive from the code, and answers go out.
        files: Where PID 1 sends the files that come out.
        meter: What measures it; what was used to park it does not count.
        control: What can be said to PID 1 once it is parked.
        park_seconds: How long the run waited for it.
        warm: Whether it was a spare, parked before there was a run for it.
        unloaded: The modules that could not be preloaded.
        begun_anew: Whether a session's last one had ended before this cell, unseen by anybody.
        watcher: What watches what the code tries; None if nothing does.
        tried: The account of that, cell by cell; None likewise.
        unwatched: Why nothing does, though it was asked for.
        network: Its ways out, by its policy's ``net``.
        bwrap: The bubblewrap in use.
        interpreter: The Python inside.
        workspace: How the host's directory becomes the workspace; None if there is none.
        identity: The host user it runs as.
        further_seconds: How much longer than usual its PID 1 may take to end a run.
    """

    further_seconds: ClassVar[float] = 0.0
    pid: int  # as the base class, for checkers that take a value set here for one of another type
    group: Group
    stdin: int
    stdout: int
    stderr: int
    report: int
    files: int
    channel: CodeChannel
    control: Control
    meter: Meter
    bwrap: bubblewrap.Bubblewrap
    interpreter: interpreter.Interpreter
    identity: identity.Identity

    def __init__(self) -> None:
        super().__init__()
        self.stdin = self.stdout = self.stderr = self.report = self.files = self._control = -1
        self._cell = -1
        self.park_seconds: float = 0.0
        self.warm: bool = False
        self.unloaded: tuple[str, ...] = ()
        self.begun_anew: bool = False
        self.watcher: Watcher | None = None
        self.tried: Tried | None = None
        self.unwatched: str = ""
        self.network: network.SandboxNetwork = network.SandboxNetwork()
        self._has_packages = False
        self.workspace: overlay.Layer | overlay.Copy | None = None
        self._counted: Group | None = None  # the group whose count PID 1 can read

    @classmethod
    def park(
        cls,
        policy: Policy,
        meanwhile: Callable[[], None] | None = None,
        lower: overlay.Lower | None = None,
        *,
        spare: bool = False,
    ) -> Sandbox:
        """Start a sandbox and wait until its PID 1 is ready.

        Args:
            policy: What it may see and use.
            meanwhile: Called while it starts: what is done then costs no time.
            lower: The policy's workspace as it was found, for an overlay where this machine allows one.
            spare: Whether nobody waits for it, so that it may prepare for its cell as long as that takes.

        Raises:
            SandboxUnavailable: It can't be started; says what was seen and what fixes it.
            PolicyError: The policy's Python is missing or can't be shared.
        """
        began = time.monotonic()
        sandbox = cls()
        sandbox.warm = spare
        try:
            sandbox._start(policy, meanwhile, lower)
        except NotWatched as reason:  # with the filter of a watched run it is not parked
            sandbox.close()
            sandbox = cls.park(replace(policy, trace=False), meanwhile, lower, spare=spare)
            sandbox.unwatched = str(reason)
        except OSError as error:
            sandbox.close()
            what = "no sandbox could be started, so nothing was run"
            raise SandboxUnavailable(what, seen=str(error), remedy="free what is short, and try again") from error
        except SandboxUnavailable:
            sandbox.close()
            if not policy.preload:
                raise
            sandbox = cls.park(replace(policy, preload=()), meanwhile, lower, spare=spare)
            sandbox.unloaded = policy.preload  # one of them has ended the process
        except BaseException:
            sandbox.close()
            raise
        sandbox.park_seconds = time.monotonic() - began
        return sandbox

    def _start(self, policy: Policy, meanwhile: Callable[[], None] | None, lower: overlay.Lower | None) -> None:
        bytecode.prepare(spawn.GUEST)
        self.bwrap = bubblewrap.find()
        self.interpreter = interpreter.choose(policy.python)
        self._has_packages = bool(policy.library)
        self.identity = identity.choose()
        self._directory = RunDirectory(self.identity.uid)
        self._exits.callback(self._directory.remove)
        self._exits.callback(self._leave_group)
        if lower is not None:
            self.workspace = overlay.choose(lower, self._directory, policy.limits.disk_bytes, self.identity)
        bounds = self._bounds(policy)
        self.group = tiers.make(bounds)
        if policy.trace:
            self._prepare_watcher()
        if policy.net:
            self._exits.callback(self.network.close)
            self.network.prepare(policy.net, self.identity, self.create)
        info = self._spawn(policy)
        if self.watcher:
            own = (*self.interpreter.shared, *self.interpreter.search, places.PACKAGES)
            self.watcher.begin(own, places.working_directory(workspace=bool(policy.workspace)))
        if meanwhile is not None:
            meanwhile()
        if self.watcher:
            self.watcher.wait_until_watching()
        self._wait_until_parked(info, policy.preload)
        if policy.net:
            self.network.listen(self.pid)
            if self.wait(0):  # then that process id may have been another's
                raise unavailable(self._words_of_failure())
        self.group = tiers.settle(self.group, bounds, self._cell_pid())
        self.control = Control(self._control, self.group)
        self.meter = Meter(self.pid, self.group)
        binds = (*(mount.source for mount in policy.binds), policy.library)
        self._shared = (*self.interpreter.shared, *filter(None, binds))

    def _prepare_watcher(self) -> None:
        bytecode.prepare(os.path.dirname(calls.__file__))
        self.watcher = Watcher()
        self.tried = Tried(self.watcher)
        self._exits.callback(self.watcher.close)  # after everything that waits for its answers has ended

    def _bounds(self, policy: Policy) -> Limits:
        """Return what the control group is bounded by."""
        return policy.limits

    def describe(self, limits: Limits) -> Isolation:
        """Return what is in force in it for a run with these limits."""
        return isolation.describe(
            limits,
            self.identity,
            self.group,
            shared=self._shared,
            bwrap=str(self.bwrap),
            counted=self._is_counted,
            workspace=str(self.workspace or ""),
            watched=self.unwatched or ("" if self.watcher else None),
            net=self.network.forwards,
        )

    def _spawn(self, policy: Policy) -> int:
        """Start bwrap; return the descriptor on which it reports PID 1's process id."""
        parts = spawn.Parts(
            bwrap=self.bwrap,
            interpreter=self.interpreter,
            identity=self.identity,
            directory=self._directory,
            group=self.group,
            layer=self.workspace if isinstance(self.workspace, overlay.Layer) else None,
            watcher=self.watcher,
        )
        self._process, ends = spawn.spawn(policy, parts, self._descriptors, self._setup(policy))
        self._exits.callback(self._reap)
        self.stdin, self.stdout, self.stderr = ends.stdin, ends.stdout, ends.stderr
        self.report, self.files, self._control = ends.report, ends.files, ends.control
        self.channel = CodeChannel(ends.display, self._descriptors)
        self._counted, self._cell = self.group if ends.counts else None, ends.cell
        return ends.info

    def _setup(self, policy: Policy) -> str:
        """Return how the cell's process prepares, in the guest's form (`sandbox_guest.parking.Setup`)."""
        limits = limit_guards.rlimits(policy.limits, self.group) if policy.preload else ""
        session = "" if policy.undo is None else f"{policy.undo} {policy.limits.memory_bytes}"
        spare = "spare" if self.warm else ""
        return "\n".join([limits, self._search, ",".join(policy.preload), spare, session])

    @property
    def _search(self) -> str:
        """The module search path inside, in the guest's form."""
        return ":".join(library.search(self.interpreter.search, with_packages=self._has_packages))

    @property
    def _is_counted(self) -> bool:
        """Whether PID 1 reads the group's count of CPU time."""
        return self._counted is self.group

    def _leave_group(self) -> None:
        self.group.close()

    def _wait_until_parked(self, info: int, preload: tuple[str, ...]) -> None:
        _, *failed = self._next_frame(PARK_SECONDS + _PRELOAD_SECONDS * len(preload))
        places = {b"%d" % number: name for number, name in enumerate(preload)}
        self.unloaded = tuple(places[number] for number in failed if number in places)  # a module may have said it
        self.pid = reports.child_pid(info)
        self._pidfd = self._descriptors.keep(os.pidfd_open(self.pid))

    def _next_frame(self, seconds: float) -> list[bytes]:
        """Wait for the next frame of PID 1's, which is the only one, while nothing untrusted runs.

        Raises:
            SandboxUnavailable: None came in so many seconds, or PID 1 is gone.
        """
        try:
            frame = reports.next_frame(self.report, seconds)
        except EOFError:
            raise unavailable(self._words_of_failure()) from None
        if frame is None:
            what = f"the sandbox did not start within {seconds:g} seconds"
            raise SandboxUnavailable(what, seen=self._words_of_failure(), remedy=DOCTOR)
        return frame

    def _cell_pid(self) -> int:
        with open(f"/proc/{self.pid}/task/{self.pid}/children") as children:
            return int(children.read().split()[0])

    def _words_of_failure(self) -> str:
        """Return what was written on standard error by a sandbox in which nothing untrusted ran."""
        self._process.kill()
        self._process.wait()
        words = b""
        with suppress(BlockingIOError):
            while piece := os.read(self.stderr, 65536):
                words += piece
        return words.decode("utf-8", "replace")

    def create(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Return a new file in the directory that the sandbox sees read-only, to write to before "go"."""
        return self._directory.create(name)

    def go(self, task: Task, limits: Limits) -> None:
        """Hand over the cell and let it run.

        Raises:
            SandboxUnavailable: The cell can't be written, or the parked sandbox is gone.
        """
        with self.create(task.name) as file:
            file.write(task.source)
        if self.warm or self.unloaded:
            self.group.restart_peak()
            self.meter.forget_peak()
        compiler = "" if task.compile_seconds is None else repr(task.compile_seconds)
        times = (repr(time.monotonic()), compiler, *limit_guards.times(limits, counted=self._is_counted))
        for_init = (*map(str.encode, times), task.gather, b"" if task.program else b"python")
        words = (
            limit_guards.rlimits(limits, self.group),
            self._search,
            task.place,
            f"{places.CELL}/{task.name}",
            *task.arguments,
        )
        for_cell = (task.offered.encode(), task.program, *map(os.fsencode, words))
        try:
            if self.tried is not None:
                self.tried.begin_cell()
            self.control.go(*for_init)
            if task.gather:
                self._next_frame(PARK_SECONDS)
            self._hand_over(wire.pack(*for_cell))
        except BrokenPipeError as error:
            raise unavailable(self._words_of_failure()) from error

    def _hand_over(self, frame: bytes) -> None:
        os.set_blocking(self._cell, True)
        while frame:
            frame = frame[os.write(self._cell, frame) :]
        self._descriptors.close(self._cell)

    def end_cell(self) -> None:
        """End what runs in it at once; its report may still come."""
        self.kill()

    def drop(self) -> None:
        """End it, for a run that nobody waits for any more: nothing of it is left when this returns."""
        self.close()

    def close_stdin(self) -> None:
        """Let the code see the end of its input."""
        self._descriptors.close(self.stdin)

    def forget(self) -> None:
        """Close our descriptors alone: this is a forked copy of the process that it belongs to."""
        super().forget()
        self.network.forget()
