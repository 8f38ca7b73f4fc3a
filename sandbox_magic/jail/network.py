"""A sandbox's way to the hosts that ``--net`` names: listening sockets inside, which the host holds."""

from __future__ import annotations

import fcntl
import os
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

from sandbox_magic.jail.kept.forker import forker
from sandbox_magic.model.errors import SandboxUnavailable
from sandbox_magic.model.forwards import LOCALHOST

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from typing import BinaryIO

    from sandbox_magic.jail.view.identity import Identity
    from sandbox_magic.model.forwards import Forward

HOSTS = "lib/hosts"
"""Where the sandbox's /etc/hosts is, below what it sees of its run's directory."""
_NS_GET_USERNS = 0xB701  # ioctl_ns(2)
_JOINER = "network_joiner"
_JOIN_SECONDS = 30.0
_ENDED = "the program that joins it has ended"
_REMEDY = (
    "without --net; it needs setns(2) and /proc/PID/ns for a sandbox of one's own, which a security module (AppArmor, "
    "SELinux) or a container's system-call filter may refuse"
)


def places(forwards: Sequence[Forward]) -> dict[str, str]:
    """Return the address inside of each host: one of its own for a name, its own for an address.

    Args:
        forwards: At most 64.
    """
    found: dict[str, str] = {}
    for forward in forwards:
        if forward.host == LOCALHOST:
            found[forward.host] = "127.0.0.1"
        elif forward.is_address:
            found[forward.host] = forward.host
        else:
            found.setdefault(forward.host, f"127.66.0.{len(found) + 1}")
    return found


def hosts(forwards: Sequence[Forward]) -> bytes:
    """Return the text of the sandbox's /etc/hosts."""
    found = places(forwards)
    lines = [f"{address}\t{host}" for host, address in found.items() if host not in (LOCALHOST, address)]
    lines.append("127.0.0.1\tlocalhost sandbox")
    if LOCALHOST not in found:  # else what tries it first would find nobody there
        lines.append("::1\tlocalhost")
    return "\n".join((*lines, "")).encode()


class NetworkJoiner:
    """The program that will make the listening sockets; started before the sandbox, so that nobody waits for it.

    Args:
        forwards: What the sockets are for.
        identity: The host user of the sandbox.

    Raises:
        OSError: It can't be started.
    """

    def __init__(self, forwards: Sequence[Forward], identity: Identity) -> None:
        self._forwards = forwards
        self._line, theirs = socket.socketpair()
        try:
            with theirs:
                forker.fork(_JOINER, (theirs,), identity.uid)
        except BaseException:
            self._line.close()
            raise

    def listen(self, pid: int) -> tuple[socket.socket, ...]:
        """Have them made; return a listening socket for each forward, which does not block.

        Args:
            pid: PID 1 of the sandbox, in which nothing untrusted runs yet.

        Raises:
            SandboxUnavailable: This machine does not let the program join the sandbox's network.
        """
        found = places(self._forwards)
        lines = [f"{found[forward.host]} {forward.port}" for forward in self._forwards]
        try:
            with ExitStack() as opened:
                namespaces = _namespaces(pid, opened)
                self._line.settimeout(_JOIN_SECONDS)
                socket.send_fds(self._line, ["\n".join(lines).encode()], namespaces)
                said, descriptors, _, _ = socket.recv_fds(self._line, 4096, len(lines), socket.MSG_CMSG_CLOEXEC)
            listeners = tuple(socket.socket(fileno=number) for number in descriptors)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise _refused(_ENDED) from error
        except OSError as error:
            raise _refused(str(error)) from error
        finally:
            self.close()
        if said != b"ok" or len(listeners) != len(lines):
            for listener in listeners:
                listener.close()
            raise _refused(said.decode("utf-8", "replace") or _ENDED)
        for listener in listeners:
            listener.setblocking(False)  # noqa: FBT003 - its one argument
        return listeners

    def close(self) -> None:
        """Let it end, if it has not."""
        self._line.close()


class SandboxNetwork:
    """The ways out of one sandbox; none until it is prepared.

    Attributes:
        forwards: The hosts and ports that the code may connect to.
        listeners: A listening socket inside for each of them, once the sandbox is there.
    """

    def __init__(self) -> None:
        self.forwards: tuple[Forward, ...] = ()
        self.listeners: tuple[socket.socket, ...] = ()
        self._joiner: NetworkJoiner | None = None

    def prepare(
        self,
        forwards: tuple[Forward, ...],
        identity: Identity,
        create: Callable[[str], AbstractContextManager[BinaryIO]],
    ) -> None:
        """Write the sandbox's /etc/hosts, and start the program that will join it.

        Args:
            forwards: As above.
            identity: The host user of the sandbox.
            create: Returns a new file in the directory that the sandbox sees read-only.
        """
        self.forwards = forwards
        with create(HOSTS) as file:
            file.write(hosts(forwards))
        self._joiner = NetworkJoiner(forwards, identity)

    def listen(self, pid: int) -> None:
        """Have the sockets made; arguments and errors as for `NetworkJoiner.listen`."""
        if self._joiner is not None:
            self.listeners = self._joiner.listen(pid)

    def close(self) -> None:
        """Close the sockets, and end the program if it has not ended."""
        self.forget()
        if self._joiner is not None:
            self._joiner.close()

    def forget(self) -> None:
        """Close the sockets alone."""
        for listener in self.listeners:
            listener.close()


def _namespaces(pid: int, opened: ExitStack) -> list[int]:
    """Return descriptors of a sandbox's user and network namespace.

    Raises:
        OSError: They can't be opened, or are none of a sandbox.
    """
    network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    opened.callback(os.close, network)
    if os.path.samestat(os.fstat(network), os.stat("/proc/self/ns/net")):
        msg = "the sandbox has no network namespace of its own"
        raise OSError(msg)
    user = fcntl.ioctl(network, _NS_GET_USERNS)
    opened.callback(os.close, user)
    return [user, network]


def _refused(seen: str) -> SandboxUnavailable:
    what = "net: no socket could be made inside the sandbox's network, so nothing was run"
    return SandboxUnavailable(what, seen=seen, remedy=_REMEDY)
