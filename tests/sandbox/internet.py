"""What is outside for the tests of ``--net``: names of ``.test``, public addresses, and a proxy that leads to servers.

The tests resolve the names themselves. What is public is dialled through the proxy, so port 443 can be had without
being root, and nothing leaves this machine.
"""

from __future__ import annotations

import socket
import subprocess
import threading
from contextlib import suppress

import pytest

from sandbox_magic.net import pinning

SECONDS = 60
PUBLIC = {"a.test": "1.1.1.1", "b.test": "1.0.0.1", "inward.test": "127.0.0.1"}


class Server(threading.Thread):
    """Serves each connection on a thread of its own, on this machine's loopback."""

    def __init__(self, handle):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.handle = handle
        self.start()

    def run(self):
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                connection.settimeout(SECONDS)
                threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection):
        with suppress(OSError), connection:
            self.handle(connection)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Internet:
    """A proxy for CONNECT.

    Attributes:
        behind: Which server answers on a port of any public address: a path, or an address with a port.
        targets: The places that were dialled.
    """

    def __init__(self):
        self.behind = {}
        self.targets = []

    def __call__(self, connection):
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(1)
        target = head.split()[1].decode()
        self.targets.append(target)
        place = self.behind[int(target.rpartition(":")[2])]
        family = socket.AF_UNIX if isinstance(place, str) else socket.AF_INET
        with socket.socket(family) as far:
            far.connect(place)
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_copy, args=(far, connection))
            back.start()
            _copy(connection, far)
            back.join()


def _copy(source, sink):
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def serve():
    """Gives a function that starts a server."""
    servers = []

    def start(handle):
        servers.append(Server(handle))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def internet(serve, monkeypatch):
    """The names and addresses outside; what answers on their ports is put into ``behind``."""
    found = Internet()
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{serve(found).port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setattr(pinning, "resolve", lambda host: [PUBLIC[host]])
    return found


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """The key of a certificate for the tests' names, and the certificate, which a client trusts as an authority's."""
    folder = tmp_path_factory.mktemp("authority")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    names = ",".join(f"DNS:{name}" for name in PUBLIC)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=tests", "-addext", f"subjectAltName={names}", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, certificate
