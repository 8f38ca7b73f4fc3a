"""The server name that a TLS client asks for: read from its first bytes, strictly and within bounds.

Of TLS nothing else is read and nothing is changed: the bytes go on as they came. (RFC 8446, sections 4.1.2 and 5.1;
RFC 6066, section 3.)
"""

from __future__ import annotations

MOST_BYTES = 16384
"""Of a ClientHello with its records' headers; the largest that clients send, with post-quantum keys, has 4 KB."""
_MOST_RECORDS = 32
_HANDSHAKE, _SERVER_NAME, _HOST_NAME = 22, 0, 0
_MOST_IN_RECORD = 2**14


class NotTLS(Exception):  # noqa: N818 - reads as what it says
    """These are not the first bytes of a TLS client, or they name no server in a way that can be relied on."""


class _Reader:
    """Takes fields with a length before them apart; what is shorter than it says is refused."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __bool__(self) -> bool:
        return bool(self._data)

    def take(self, length: int) -> bytes:
        if len(self._data) < length:
            raise NotTLS
        found, self._data = self._data[:length], self._data[length:]
        return found

    def number(self, length: int) -> int:
        return int.from_bytes(self.take(length), "big")

    def vector(self, length: int) -> bytes:
        return self.take(self.number(length))


def server_name(data: bytes) -> str | None:
    """Return the name in lower case; empty if the client names none, None if more bytes are needed.

    Args:
        data: What the client has sent so far: its ClientHello may come in several records and pieces.

    Raises:
        NotTLS: No further bytes can make a ClientHello of it.
    """
    hello = _handshake(data)
    if hello is not None:
        return _name(hello)
    if len(data) >= MOST_BYTES:
        raise NotTLS
    return None


def _handshake(data: bytes) -> bytes | None:
    """Put the records together; return the ClientHello's body, None while it is not whole."""
    message, records = b"", 0
    while len(data) >= 5:  # noqa: PLR2004 - a record's header: type, version, length
        records += 1
        length = int.from_bytes(data[3:5], "big")
        if data[0] != _HANDSHAKE or data[1] != 3 or not 0 < length <= _MOST_IN_RECORD or records > _MOST_RECORDS:  # noqa: PLR2004 - SSL 3 and later
            raise NotTLS
        message += data[5 : 5 + length]
        if message[0:1] not in (b"", b"\x01"):
            raise NotTLS
        if len(message) >= 4:  # noqa: PLR2004 - type, length
            whole = int.from_bytes(message[1:4], "big")
            if whole > MOST_BYTES:
                raise NotTLS
            if len(message) >= 4 + whole:
                return message[4 : 4 + whole]
        data = data[5 + length :]
    if (data and data[0] != _HANDSHAKE) or (len(data) > 1 and data[1] != 3):  # noqa: PLR2004 - as above
        raise NotTLS
    return None


def _name(hello: bytes) -> str:
    reader = _Reader(hello)
    reader.take(2 + 32)  # version, random
    for length in (1, 2, 1):  # session, ciphers, compression
        reader.vector(length)
    if not reader:
        return ""
    extensions = _Reader(reader.vector(2))
    names: list[bytes] = []
    while extensions:
        kind, body = extensions.number(2), extensions.vector(2)
        if kind == _SERVER_NAME:
            names.append(body)
    if reader or len(names) > 1:  # two might be read in two ways
        raise NotTLS
    return _host_name(names[0]) if names else ""


def _host_name(body: bytes) -> str:
    outer = _Reader(body)
    entries = _Reader(outer.vector(2))
    kind, name = entries.number(1), entries.vector(2)
    if outer or entries or kind != _HOST_NAME or not name:
        raise NotTLS
    try:
        return name.decode("ascii").lower().removesuffix(".")
    except UnicodeDecodeError as error:
        raise NotTLS from error
