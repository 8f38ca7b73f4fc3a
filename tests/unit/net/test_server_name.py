"""The name in a ClientHello: made by a real TLS client, cut in every way, and falsified."""

import ssl
from contextlib import suppress

import pytest

from sandbox_magic.net.server_name import MOST_BYTES, NotTLS, server_name


def hello(name, **versions):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for key, value in versions.items():
        setattr(context, key, value)
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def in_records(data, size):
    """Return the same handshake message in records of a size."""
    message = data[5:]
    pieces = [message[start : start + size] for start in range(0, len(message), size)]
    return b"".join(data[:3] + len(piece).to_bytes(2, "big") + piece for piece in pieces)


HELLO = hello("api.example.test")


def test_a_clients_name():
    assert server_name(HELLO) == "api.example.test"
    assert server_name(HELLO + b"more") == "api.example.test"
    assert server_name(hello("API.Example.TEST")) == "api.example.test"
    assert server_name(hello("a.test", maximum_version=ssl.TLSVersion.TLSv1_2)) == "a.test"


def test_a_client_that_names_none():
    assert server_name(hello(None)) == ""


@pytest.mark.parametrize("data", [HELLO, in_records(HELLO, 40)])
def test_it_may_come_in_pieces(data):
    """None of them says another name, and none is taken for whole too early."""
    said = [server_name(data[:length]) for length in range(len(data))]
    assert said == [None] * len(data)
    assert server_name(data) == "api.example.test"


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: api.example.test\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x80\x2e\x01\x03\x01",  # an SSL 2 hello
        b"\x16\x04\x00\x00\x05",
        b"\x16\x03\x01\x00\x00",  # an empty record
        b"\x16\x03\x01\xff\xff",
        b"\x15\x03\x01\x00\x02\x02\x28",  # an alert
        HELLO[:5] + b"\x02" + HELLO[6:],  # a ServerHello
        HELLO[:6] + b"\xff\xff\xff" + HELLO[9:],
        in_records(HELLO, 1),
    ],
)
def test_what_is_no_client_hello_is_refused(data):
    with pytest.raises(NotTLS):
        server_name(data)


def changed(name):
    """Return the hello with another list of names in place of its own."""
    own = b"\x00\x00" + bytes([0, 21, 0, 19, 0, 0, 16]) + b"api.example.test"
    assert own in HELLO
    assert len(name) == len(own)
    return HELLO.replace(own, name)


@pytest.mark.parametrize(
    "name",
    [
        b"\x00\x00" + bytes([0, 21, 0, 19, 1, 0, 16]) + b"api.example.test",  # of another kind
        b"\x00\x00" + bytes([0, 21, 0, 19, 0, 0, 15]) + b"api.example.test",  # a byte behind the name
        b"\x00\x00" + bytes([0, 21, 0, 19, 0, 0, 17]) + b"api.example.test",  # longer than the list
        b"\x00\x00" + bytes([0, 21, 0, 18, 0, 0, 16]) + b"api.example.test",  # a byte behind the list
        b"\x00\x00" + bytes([0, 21, 0, 19, 0, 0, 6]) + b"a.test" + bytes([0, 0, 7]) + b"a2.test",  # two names
        b"\x00\x00" + bytes([0, 21, 0, 19, 0, 0, 16]) + b"api.example.tes\xff",
    ],
)
def test_a_name_that_could_be_read_in_two_ways_is_refused(name):
    with pytest.raises(NotTLS):
        server_name(changed(name))


def test_two_extensions_with_names_are_refused():
    own = b"\x00\x00" + bytes([0, 21, 0, 19, 0, 0, 16]) + b"api.example.test"
    twice = bytearray(HELLO.replace(own, own + own))
    for place, length in ((3, 2), (6, 3)):
        twice[place : place + length] = (int.from_bytes(twice[place : place + length], "big") + len(own)).to_bytes(
            length, "big"
        )
    place = 9 + 2 + 32
    place += 1 + twice[place]
    place += 2 + int.from_bytes(twice[place : place + 2], "big")
    place += 1 + twice[place]
    twice[place : place + 2] = (int.from_bytes(twice[place : place + 2], "big") + len(own)).to_bytes(2, "big")
    with pytest.raises(NotTLS):
        server_name(bytes(twice))


def test_it_is_bounded():
    with pytest.raises(NotTLS):
        server_name(b"\x16\x03\x01\x40\x00\x01\x00\x3f\xff" + bytes(MOST_BYTES))
    whole = b"\x01" + (2**15).to_bytes(3, "big")
    with pytest.raises(NotTLS):
        server_name(b"\x16\x03\x01\x00\x04" + whole)


def test_every_changed_byte_gives_a_name_or_a_refusal_and_nothing_else():
    for place in range(len(HELLO)):
        for value in (0, 1, 255):
            data = bytearray(HELLO)
            data[place] = value
            with suppress(NotTLS):
                assert isinstance(server_name(bytes(data)), (str, type(None)))
