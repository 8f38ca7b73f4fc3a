"""Starts bwrap: the pipes to a sandbox and from it, and the command with all that it sees and is bounded by."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox_magic.guest import wire
from sandbox_magic.jail import bubblewrap, network, seccomp
from sandbox_magic.jail.attempts import filters
from sandbox_magic.jail.bwrap_errors import unavailable
from sandbox_magic.jail.descriptors import in_memory, opened
from sandbox_magic.jail.view import host_paths, identity, mounts, places, special_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandbox_magic.jail.attempts.watcher import Watcher
    from sandbox_magic.jail.bubblewrap import Bubblewrap
    from sandbox_magic.jail.cgroup.base import Group
    from sandbox_magic.jail.descriptors import Descriptors
    from sandbox_magic.jail.view.identity import Identity
    from sandbox_magic.jail.view.interpreter import Interpreter
    from sandbox_magic.jail.view.overlay import Layer
    from sandbox_magic.jail.view.run_directory import RunDirectory
    from sandbox_magic.model.policy import Policy

GUEST = str(Path(wire.__file__).resolve().parent)
_OUTPUT_BYTES = 256 * 1024  # that a pipe holds: the host looks every half millisecond when much comes


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a sandbox is made of.

    Attributes:
        bwrap: The bubblewrap.
        interpreter: The Python inside.
        identity: The host user it runs as.
        directory: Its directory on the host.
        group: The control group that is made for it.
        layer: What lies over its workspace, if something does.
        watcher: What lists its attempts, if something does.
    """

    bwrap: Bubblewrap
    interpreter: Interpreter
    identity: Identity
    directory: RunDirectory
    group: Group
    layer: Layer | None = None
    watcher: Watcher | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Our ends of what goes in and comes out: descriptors.

    Attributes:
        stdin: Of the code's standard input.
        stdout: Of its standard output.
        stderr: Of its standard error.
        control: Where PID 1 takes orders.
        cell: Where the process that will run the cell takes it.
        report: Where its frames arrive.
        display: A socket on which the code's own frames arrive, and the answers go out.
        files: Where PID 1 sends the files that come out.
        info: Where bwrap reports PID 1's process id.
        counts: Whether PID 1 has the group's count of CPU time.
    """

    stdin: int
    stdout: int
    stderr: int
    control: int
    cell: int
    report: int
    display: int
    files: int
    info: int
    counts: bool


def spawn(policy: Policy, parts: Parts, descriptors: Descriptors, setup: str) -> tuple[subprocess.Popen[bytes], Ends]:
    """Start bwrap, which starts our PID 1 inside.

    Args:
        policy: What the sandbox may see and use.
        parts: What it is made of.
        descriptors: What keeps our ends.
        setup: How the process is prepared that will run the cell, in the guest's form.

    Raises:
        SandboxUnavailable: bwrap, or what it is started through, can't be.
        PolicyError: Something to be shown is not there, or can't be.
    """
    python, directory = parts.interpreter, parts.directory
    how, program = _launch(policy, parts)
    options = _view(policy, parts, how.sources)
    if parts.identity.dropped:
        descriptors.owner = parts.identity.uid
    with ExitStack() as theirs:
        stdin, our_stdin = descriptors.pipe(theirs, ours="write")
        stdout, our_stdout = descriptors.pipe(theirs, ours="read", holds=_OUTPUT_BYTES)
        stderr, our_stderr = descriptors.pipe(theirs, ours="read", holds=_OUTPUT_BYTES)
        control, our_control = descriptors.pipe(theirs, ours="write")
        cell, our_cell = descriptors.pipe(theirs, ours="write")
        report, our_report = descriptors.pipe(theirs, ours="read")
        display, our_display = descriptors.socket(theirs)
        info, our_info = descriptors.pipe(theirs, ours="read")
        files, our_files = descriptors.pipe(theirs, ours="read")
        doors = opened(theirs, parts.group.doors, os.O_WRONLY)  # a process joins by them; where one lacks it is moved
        counts = parts.group.counter
        counter = (*opened(theirs, [counts], os.O_RDONLY), -1)[0] if counts else -1
        line = parts.watcher.lend(theirs) if parts.watcher else -1
        filtered = in_memory(theirs, _filter(watched=line >= 0))
        words = ["--info-fd", str(info), "--seccomp", str(filtered), *options]
        listed = in_memory(theirs, os.fsencode("\0".join(words)) + b"\0")
        numbers = (control, report, cell, display, counter, files, line, *doors)
        init = (python.executable, f"{places.GUEST}/start.py", directory.token, setup, *map(str, numbers))
        inherited = [number for number in numbers if number >= 0]
        command = (*how.prefix, program, "--args", str(listed), "--", *init)
        try:
            process = subprocess.Popen(
                _without_ignored_sigchld(command), stdin=stdin, stdout=stdout, stderr=stderr, env={}, cwd="/",
                pass_fds=(*inherited, info, filtered, listed), start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise unavailable(str(error)) from error
    return process, Ends(
        stdin=our_stdin, stdout=our_stdout, stderr=our_stderr, control=our_control, cell=our_cell, report=our_report,
        display=our_display, files=our_files, info=our_info, counts=counter >= 0,
    )  # fmt: skip


def _filter(*, watched: bool) -> bytes:
    """Return the filter that bwrap loads; where attempts are listed the cell's process loads the rest of it."""
    program = seccomp.load()
    return filters.passing(os.uname().machine, program) if watched else program


def _launch(policy: Policy, parts: Parts) -> tuple[identity.Launch, str]:
    """Return what comes before bwrap, and bwrap's path as its user can reach it."""
    layer, program, home = parts.layer, parts.bwrap.path, parts.bwrap.home
    laid = (layer.home, layer.merged, layer.changed) if layer else ()
    given = filter(None, (*(mount.source for mount in policy.binds), policy.library))
    shown = (*parts.interpreter.shared, *given, *laid)
    how = identity.launch(parts.identity, (*shown, GUEST, parts.directory.cell, home))
    prefix = (*layer.prefix, *how.prefix) if layer else how.prefix
    return identity.Launch(prefix, how.sources), os.path.join(
        how.sources.get(home, home), os.path.relpath(program, home)
    )


def _view(policy: Policy, parts: Parts, sources: Mapping[str, str]) -> list[str]:
    """Return bwrap's options: what the sandbox sees and is bounded by."""
    mounts.check(policy.binds, parts.identity)
    python, place = parts.interpreter, places.working_directory(workspace=bool(policy.workspace))
    return bubblewrap.arguments(
        policy.limits,
        python,
        host_paths.host(),
        guest=GUEST,
        cell=parts.directory.cell,
        sources=sources,
        masked=[*special_files.below(python.entries, except_for=python.prefixes), *mounts.masked(policy.binds, place)],
        binds=policy.binds,
        workspace=bool(policy.workspace),
        layer=parts.layer,
        hosts=f"{places.CELL}/{network.HOSTS}" if policy.net else "",
        library=policy.library,
    )


def _without_ignored_sigchld(command: Sequence[str]) -> Sequence[str]:
    """Start a program with SIGCHLD at its default where we ignore it: bwrap must see its child end."""
    if signal.getsignal(signal.SIGCHLD) is not signal.SIG_IGN:
        return command
    return ("/usr/bin/env", "--default-signal=CHLD", "--", *command)
