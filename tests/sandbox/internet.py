"""What is outside for the tests of ``--net``: names of ``.test``, public addresses, and a proxy that leads to servers.

The tests resolve the names themselves. What is public is dialled through the proxy, so port 443 can be had without
being root, and nothing leaves this machine.
"""

from __future__ import annotations

import socket
import threading

import pytest

from sandbox_magic.net import pinning
from tests.servers import copy, make_authority

PUBLIC = {"a.test": "1.1.1.1", "b.test": "1.0.0.1", "inward.test": "127.0.0.1"}


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
            back = threading.Thread(target=copy, args=(far, connection))
            back.start()
            copy(connection, far)
            back.join()


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
    return make_authority(tmp_path_factory.mktemp("authority"), *PUBLIC)
