"""The relay, between real sockets: the test is the code, on a listener as the sandbox has one."""

import os
import socket
import ssl
import threading
import time

import pytest

from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.forwards import Forward
from sandbox_magic.net import connection as connections
from sandbox_magic.net import relay as relays
from sandbox_magic.net.pinning import Pin
from sandbox_magic.net.relay import MOST_AT_ONCE, Relay
from sandbox_magic.net.routes import Proxy
from tests.servers import SECONDS

from .conftest import echo

PUBLIC = "1.1.1.1"  # never dialled: what is public goes by the proxy of the tests


class Inside:
    """A relay to one forward, and what stands for the sandbox's listener."""

    def __init__(self, forward, addresses=("127.0.0.1",), *, most_bytes=2**40, variables=None):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.listener.setblocking(False)
        pin = Pin(forward=forward, addresses=addresses)
        self.relay = Relay([pin], [self.listener], most_bytes, variables or {})
        self.relay.start()
        self.count = self.relay.counts[0]

    def connect(self):
        connection = socket.create_connection(self.listener.getsockname(), timeout=SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def close(self):
        self.relay.close()
        self.listener.close()


@pytest.fixture
def inside():
    """Gives a function that starts a relay."""
    made = []

    def start(*given, **named):
        made.append(Inside(*given, **named))
        return made[-1]

    yield start
    for each in made:
        each.close()
        assert not each.relay.broken


@pytest.fixture
def to_echo(serve, inside):
    return inside(Forward(host="a.test", port=serve(echo).port))


def all_of(connection):
    """Return what comes until the end."""
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def ends(connection):
    """Return whether it is cut off, or ended, without anything more."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def is_cut_off(one):
    """Return whether a new connection is, while it is made or afterwards."""
    try:
        with one.connect() as connection:
            return ends(connection)
    except ConnectionError:
        return True


def test_both_directions_end_one_after_the_other(to_echo):
    sent = os.urandom(3_000_000)
    with to_echo.connect() as connection:
        thread = threading.Thread(target=lambda: (connection.sendall(sent), connection.shutdown(socket.SHUT_WR)))
        thread.start()
        assert all_of(connection) == sent
        thread.join()
    to_echo.close()
    usage = to_echo.count.usage
    assert (usage.connections, usage.sent_bytes, usage.received_bytes) == (1, len(sent), len(sent))
    assert (usage.refused, usage.failed) == (0, 0)


def test_the_other_side_may_end_first(serve, inside):
    heard = []

    def handle(connection):
        connection.sendall(b"first")
        connection.shutdown(socket.SHUT_WR)
        heard.append(all_of(connection))
        done.set()

    done = threading.Event()
    one = inside(Forward(host="a.test", port=serve(handle).port))
    with one.connect() as connection:
        assert all_of(connection) == b"first"
        connection.sendall(b"then")
    assert done.wait(SECONDS)
    assert heard == [b"then"]


def test_what_was_sent_before_the_end_of_the_run_goes_out(serve, inside, monkeypatch):
    monkeypatch.setattr(relays, "_DRAIN_SECONDS", SECONDS)
    heard, done = [], threading.Event()
    server = serve(lambda connection: (heard.append(all_of(connection)), done.set()))
    one = inside(Forward(host="a.test", port=server.port))
    with one.connect() as connection:
        connection.sendall(b"last words")
    one.close()
    assert done.wait(SECONDS)
    assert heard == [b"last words"]


def test_a_run_that_ends_amid_a_transfer_leaves_nothing(serve, inside):
    cut = threading.Event()

    def handle(connection):
        try:
            while True:
                connection.sendall(bytes(65536))
        except OSError:
            cut.set()

    one = inside(Forward(host="a.test", port=serve(handle).port))
    with one.connect() as connection:
        assert connection.recv(100)
        one.close()
        assert cut.wait(SECONDS), "the other side is told"
    assert all(each.closed for each in one.relay._connections)
    assert not [thread for thread in threading.enumerate() if thread.name == "sandbox-magic network"]


def test_a_peer_that_never_reads_holds_the_sender_and_little_of_our_memory(serve, inside):
    never = threading.Event()
    one = inside(Forward(host="a.test", port=serve(lambda _connection: never.wait(SECONDS)).port))
    with one.connect() as connection:
        connection.settimeout(1.0)
        with pytest.raises(TimeoutError):
            connection.sendall(bytes(200 * 2**20))
        (flows,) = [each._flows for each in one.relay._connections]
        assert len(flows[0].waiting) <= relays.CHUNK_BYTES
        one.close()
    never.set()


def test_a_fin_that_never_comes_lasts_no_longer_than_the_run(serve, inside):
    ended = threading.Event()

    def handle(connection):
        all_of(connection)  # and says nothing more, and does not end
        ended.set()
        never.wait(SECONDS)

    never = threading.Event()
    one = inside(Forward(host="a.test", port=serve(handle).port))
    with one.connect() as connection:
        connection.shutdown(socket.SHUT_WR)
        assert ended.wait(SECONDS)
        one.close()
        assert ends(connection)
    never.set()


def test_a_flood_of_silent_connections_makes_room_in_time(serve, inside, proxy, authority, monkeypatch):
    """Their time is over soon here; the one that waits behind them has the usual."""
    context, certificate = authority
    proxy.leads_to = serve(echo, context).port
    one = inside(Forward(host="a.test"), (PUBLIC,), variables=over_proxy(proxy))
    monkeypatch.setattr(connections, "HELLO_SECONDS", 0.5)
    silent = [one.connect() for _ in range(MOST_AT_ONCE)]
    assert all(map(ends, silent[:1]))  # so all are there, for they came at once
    monkeypatch.undo()
    trusting = ssl.create_default_context(cafile=certificate)
    with one.connect() as plain, trusting.wrap_socket(plain, server_hostname="a.test") as speaks:
        speaks.sendall(b"x")
        assert speaks.recv(1) == b"x"
    assert all(map(ends, silent[1:]))
    assert len(proxy.targets) == 1, "nothing was dialled for those that said nothing"
    for connection in silent:
        connection.close()


def test_what_nobody_answers_is_cut_off_and_counted(inside):
    with socket.socket() as taken:  # so that nobody else gets its port; it does not listen
        taken.bind(("127.0.0.1", 0))
        one = inside(Forward(host="a.test", port=taken.getsockname()[1]))
        assert is_cut_off(one)
        one.close()
    assert (one.count.failed.number, one.count.failure, one.count.opened.number) == (1, "Connection refused", 0)


def test_the_second_address_is_tried(serve, inside):
    server = serve(echo)
    one = inside(Forward(host="a.test", port=server.port), ("127.0.0.99", "::1", "127.0.0.1"))
    with one.connect() as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"


@pytest.mark.parametrize("way", ["out", "in"])
def test_not_a_byte_more_than_may_go_through(serve, inside, way):
    limit, heard = 100_000, []

    def handle(connection):
        if way == "in":
            connection.recv(1)
            connection.sendall(bytes(limit + 1))
        while data := connection.recv(65536):
            heard.append(len(data))

    one = inside(Forward(host="a.test", port=serve(handle).port), most_bytes=limit)
    with one.connect() as connection:
        connection.sendall(bytes(limit + 1) if way == "out" else b"?")  # else it may be cut off while it connects
        got = 0
        try:
            while data := connection.recv(65536):
                got += len(data)
        except ConnectionError:
            pass
    assert is_cut_off(one), "nor may another connection move anything"
    one.close()
    assert one.relay.left.exceeded
    assert max(one.count.sent_bytes, one.count.received_bytes) == limit
    assert sum(heard) <= limit
    assert got <= limit


def test_exactly_as_much_may(serve, inside):
    one = inside(Forward(host="a.test", port=serve(echo).port), most_bytes=1000)
    with one.connect() as connection:
        connection.sendall(bytes(1000))
        connection.shutdown(socket.SHUT_WR)
        assert len(all_of(connection)) == 1000
    one.close()
    assert not one.relay.left.exceeded


def test_more_at_once_wait_for_their_turn(to_echo):
    def talks(connection):
        connection.sendall(b"x")
        return connection.recv(1) == b"x"

    held = [to_echo.connect() for _ in range(MOST_AT_ONCE)]
    assert all(map(talks, held))
    with to_echo.connect() as waiting:
        waiting.sendall(b"x")
        assert len(to_echo.relay._connections) == MOST_AT_ONCE
        held.pop().close()
        assert waiting.recv(1) == b"x"
    for connection in held:
        connection.close()


def test_many_connections_one_after_the_other_leave_nothing(to_echo):
    before = descriptors()
    for _ in range(500):
        with to_echo.connect() as connection:
            connection.sendall(b"x")
            assert connection.recv(1) == b"x"
    to_echo.relay.close()
    assert to_echo.count.opened.number == 500
    deadline = time.monotonic() + SECONDS
    while descriptors() > before and time.monotonic() < deadline:  # the server's threads close theirs
        time.sleep(0.01)
    assert descriptors() <= before


def test_connections_that_are_cut_off_before_they_begin_harm_nobody(to_echo):
    reset = b"\1\0\0\0\0\0\0\0"
    for _ in range(300):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        connection.connect(to_echo.listener.getsockname())
        connection.close()
    with to_echo.connect() as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"


def test_a_forked_copy_of_this_process_ends_nothing_and_holds_nothing(serve, inside):
    """Neither its end, nor its life while the relay is closed."""
    ended = threading.Event()

    def handle(connection):
        try:
            echo(connection)
        finally:
            ended.set()

    one = inside(Forward(host="a.test", port=serve(handle).port))
    with one.connect() as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
        lives, ends_it = os.pipe()
        copy = os.fork()
        if not copy:
            os.close(ends_it)
            connection.detach()
            one.relay.close()  # as its interpreter would at its end
            os.read(lives, 1)
            os._exit(0)
        os.close(lives)
        connection.sendall(b"y")
        assert connection.recv(1) == b"y"
        one.close()
        assert ended.wait(SECONDS)
        os.close(ends_it)
        assert os.waitpid(copy, 0)[1] == 0


def over_proxy(proxy, **more):
    return {"https_proxy": f"http://127.0.0.1:{proxy.port}", **more}


def test_tls_for_the_name_goes_through_end_to_end(serve, inside, proxy, authority):
    """By a proxy, which is told the pinned address."""
    context, certificate = authority
    proxy.leads_to = serve(echo, context).port
    one = inside(Forward(host="a.test"), (PUBLIC,), variables=over_proxy(proxy))
    trusting = ssl.create_default_context(cafile=certificate)
    with trusting.wrap_socket(one.connect(), server_hostname="a.test") as connection:
        assert connection.getpeercert()["subjectAltName"] == (("DNS", "a.test"),)
        connection.sendall(b"hello")
        assert connection.recv(5) == b"hello"
    one.close()
    assert proxy.targets == [f"{PUBLIC}:443"]
    assert (one.count.opened.number, one.count.misdirected.number) == (1, 0)


def test_tls_for_another_name_goes_nowhere(serve, inside, proxy, authority):
    context, certificate = authority
    proxy.leads_to = serve(echo, context).port
    one = inside(Forward(host="a.test"), (PUBLIC,), variables=over_proxy(proxy))
    trusting = ssl.create_default_context(cafile=certificate)
    for name in ("b.test", "a.test.b.test", "b.test"):
        with one.connect() as plain, pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
            trusting.wrap_socket(plain, server_hostname=name)
    trusting.check_hostname = False
    with one.connect() as plain, pytest.raises(OSError):
        trusting.wrap_socket(plain)
    one.close()
    assert proxy.targets == [], "the outside heard nothing of it"
    assert (one.count.opened.number, one.count.misdirected.number) == (0, 4)
    assert {name: times.number for name, times in one.count.names.items()} == {"b.test": 2, "a.test.b.test": 1, "": 1}


@pytest.mark.parametrize(
    "said", [b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", b"SSH-2.0-x\r\n", b"\x16\x03\x01\x00\x02\x02\x00"]
)
def test_what_is_no_tls_goes_nowhere_on_its_port(inside, proxy, said):
    one = inside(Forward(host="a.test"), (PUBLIC,), variables=over_proxy(proxy))
    with one.connect() as connection:
        connection.sendall(said)
        assert all_of(connection)[:1] == b"\x15"
    one.close()
    assert (proxy.targets, one.count.misdirected.number) == ([], 1)


def test_a_proxy_that_refuses_is_told_with_its_words(inside, proxy):
    one = inside(Forward(host="a.test", port=5432), (PUBLIC,), variables=over_proxy(proxy))
    assert is_cut_off(one)
    one.close()
    assert "403 Forbidden" in one.count.failure


def test_what_a_proxy_is_for(proxy):
    def goes_by_it(forward, address, **variables):
        (hop,) = Proxy(over_proxy(proxy, **variables)).hops(Pin(forward=forward, addresses=(address,)))
        return bool(hop.greeting)

    name = Forward(host="api.a.test")
    assert goes_by_it(name, PUBLIC)
    assert not goes_by_it(name, "10.0.0.5"), "what only this machine reaches it dials itself"
    assert not goes_by_it(Forward(host="localhost", port=80), "127.0.0.1"), "the proxy has a localhost of its own"
    for not_for in ("*", "a.test", ".a.test", "b.test, api.a.test", PUBLIC):
        assert not goes_by_it(name, PUBLIC, no_proxy=not_for)
    for not_for in ("", "b.test", "pi.a.test", "test.a"):
        assert goes_by_it(name, PUBLIC, no_proxy=not_for)


def test_a_proxys_password_goes_to_the_proxy(serve, inside, proxy):
    proxy.leads_to = serve(echo).port
    url = f"http://me:p%40ss@127.0.0.1:{proxy.port}"
    one = inside(Forward(host="a.test", port=80), (PUBLIC,), variables={"HTTPS_PROXY": url})
    with one.connect() as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
    assert b"Proxy-Authorization: Basic bWU6cEBzcw==\r\n" in proxy.heads[0]


@pytest.mark.parametrize("url", ["socks5://127.0.0.1:1080", "https://127.0.0.1:1", "http://127.0.0.1:x", "http://"])
def test_a_proxy_of_another_kind_is_an_error(url):
    with pytest.raises(PolicyError, match="the proxy that https_proxy names"):
        Proxy({"https_proxy": url})
