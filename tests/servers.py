"""Servers on this machine's loopback, and a certificate authority of the tests' own."""

from __future__ import annotations

import socket
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


def copy(source, sink):
    """Send on what comes, and its end."""
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def make_authority(folder, *names):
    """Return the paths of a key, and of a certificate for these names, which a client trusts as an authority's."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=tests", "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names),
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, certificate
