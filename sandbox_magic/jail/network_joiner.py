"""The program that makes listening sockets inside a sandbox's network, hands them out, and ends.

It is forked (`jail/kept`) before the sandbox is started, with a Unix socket and the sandbox's user on the host. On the
socket it gets one message: two descriptors, of the user namespace and of the network namespace, and a line ``ADDRESS
PORT`` for each socket to make. It answers ``ok`` with the sockets, or with what went wrong.

A program of its own, because only a process with a single thread can join a user namespace (setns(2)). Whoever
joins one has every capability in it, as its owner: so a port below 1024 can be listened on, and an address be given to
the loopback interface. It is in none of the sandbox's other namespaces: nothing inside sees it.
"""

from __future__ import annotations

import ctypes  # os.setns is Python 3.12's
import fcntl
import os
import socket
import struct

_CLONE_NEWUSER, _CLONE_NEWNET = 0x1000_0000, 0x4000_0000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK = 0x8913, 0x8914, 0x8916, 0x891C
_IFF_UP = 1
_BACKLOG = 64  # of connections that wait until there is room for them


def main(line: socket.socket, uid: int) -> None:
    """Do as the one message says.

    Args:
        line: Where it comes.
        uid: Who to be.
    """
    _become(uid)
    data, namespaces, _, _ = socket.recv_fds(line, 65536, 2)
    if not namespaces:  # the host has gone
        return
    try:
        user, network = namespaces
        listeners = _listen(user, network, data.decode().splitlines())
    except OSError as error:
        line.send(str(error).encode())
        return
    socket.send_fds(line, [b"ok"], [listener.fileno() for listener in listeners])


def _become(uid: int) -> None:
    """Become the sandbox's user for good, if it is another one."""
    if os.geteuid() != uid:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)


def _listen(user: int, network: int, places: list[str]) -> list[socket.socket]:
    _join(user, _CLONE_NEWUSER)
    _join(network, _CLONE_NEWNET)
    listeners = []
    any_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    _bring_up(any_socket)
    for number, place in enumerate(places):
        address, port = place.split()
        if not address.startswith("127."):
            _give_to_loopback(any_socket, number, address)
        listeners.append(_listener(address, int(port)))
    return listeners


def _join(namespace: int, kind: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, kind):
        number = ctypes.get_errno()
        which = "user" if kind == _CLONE_NEWUSER else "network"
        msg = f"setns to the sandbox's {which} namespace: {os.strerror(number)}"
        raise OSError(number, msg)


def _bring_up(any_socket: socket.socket) -> None:
    """See that the loopback interface is up."""
    request = struct.pack("16sH14x", b"lo", 0)
    flags = struct.unpack("16sH14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))[1]
    if not flags & _IFF_UP:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))


def _give_to_loopback(any_socket: socket.socket, number: int, address: str) -> None:
    """Let the sandbox itself be the host of an address, that one alone (netdevice(7), an alias of the interface)."""
    name = b"lo:%d" % number
    for request, value in ((_SIOCSIFADDR, address), (_SIOCSIFNETMASK, "255.255.255.255")):
        fcntl.ioctl(any_socket, request, struct.pack("16sHH4s8x", name, socket.AF_INET, 0, socket.inet_aton(value)))


def _listener(address: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind((address, port))
    listener.listen(_BACKLOG)
    return listener
