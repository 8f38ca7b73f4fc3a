"""A proxy on this machine's loopback, and a certificate of the tests' own."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress

import pytest

from tests.servers import copy, make_authority, serve  # noqa: F401 - a fixture


def echo(connection):
    """Send everything back, then end."""
    while data := connection.recv(65536):
        connection.sendall(data)
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy(serve):  # noqa: F811 - the fixture
    """A proxy for CONNECT that leads everything to one port of this machine; it has ``targets``, ``leads_to``."""

    def handle(connection):
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(1)
        server.targets.append(head.split()[1].decode())
        server.heads.append(head)
        if server.leads_to is None:
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", server.leads_to)) as far:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=copy, args=(far, connection))
            back.start()
            copy(connection, far)
            back.join()

    server = serve(handle)
    server.targets, server.heads, server.leads_to = [], [], None
    return server


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A certificate for ``a.test``: the context of a server with it, and the file that a client trusts."""
    folder = tmp_path_factory.mktemp("authority")
    key, certificate = make_authority(folder, "a.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate
