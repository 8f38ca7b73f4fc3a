"""Servers on this machine's loopback, a proxy, and a certificate authority of the tests' own."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from contextlib import suppress

import pytest

SECONDS = 60  # far more than anything here needs


class Server:
    """Serves each connection on a thread of its own.

    Args:
        handle: Called with each connection.
        context: For TLS.
    """

    def __init__(self, handle, context=None):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.handle, self.context = handle, context
        self.accepted = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                connection.settimeout(SECONDS)
                self.accepted.append(connection)
                threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection):
        with suppress(OSError):
            if self.context is not None:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection:
                self.handle(connection)

    def close(self):
        with suppress(OSError):  # it has been closed
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.accepted:
            with suppress(OSError):
                connection.close()


@pytest.fixture
def serve():
    """Gives a function that starts a server."""
    servers = []

    def start(handle, context=None):
        servers.append(Server(handle, context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def echo(connection):
    """Send everything back, then end."""
    while data := connection.recv(65536):
        connection.sendall(data)
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


def _copy(source, sink):
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy(serve):
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
            back = threading.Thread(target=_copy, args=(far, connection))
            back.start()
            _copy(connection, far)
            back.join()

    server = serve(handle)
    server.targets, server.heads, server.leads_to = [], [], None
    return server


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A certificate for ``a.test``: the context of a server with it, and the file that a client trusts."""
    folder = tmp_path_factory.mktemp("authority")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=a.test", "-addext", "subjectAltName=DNS:a.test", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate
