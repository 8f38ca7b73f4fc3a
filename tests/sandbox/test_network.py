"""``--net``: real clients in real sandboxes reach what is named, and nothing else.

What is outside is in `internet`.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import pytest

import sandbox_magic as sm
from sandbox_magic.net import pinning
from tests.sandbox.internet import PUBLIC
from tests.servers import SECONDS


def echo(connection):
    while data := connection.recv(65536):
        connection.sendall(data)


@pytest.fixture
def web(serve, authority, internet):
    """An HTTPS server behind the public addresses of ``a.test`` and ``b.test``; it has the addresses dialled."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority[1], authority[0])

    def answer(connection):
        with context.wrap_socket(connection, server_side=True) as stream:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = stream.recv(4096)
                if not piece:
                    return
                head += piece
            path = head.split()[1]
            body = b"hello from %b" % path
            place = b"Location: %b\r\n" % elsewhere[path] if path in elsewhere else b""
            status = b"302 Found" if place else b"200 OK"
            stream.sendall(
                b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (status, place, len(body), body)
            )

    server = serve(answer)
    elsewhere = {
        b"/elsewhere": b"https://b.test/",
        b"/chain": b"https://a.test/inwards",
        b"/inwards": b"http://127.0.0.1:%d/" % server.port,
        b"/metadata": b"http://169.254.169.254/",
    }
    internet.behind[443] = ("127.0.0.1", server.port)
    return internet.targets


FETCH = """
import os, ssl, urllib.error, urllib.request
trusting = ssl.create_default_context(cafile="certificate.pem")
def fetch(url):
    try:
        with urllib.request.urlopen(url, context=trusting, timeout=50) as answer:
            return answer.read().decode()
    except urllib.error.URLError as error:
        return str(error.reason)
"""


def test_a_client_reaches_the_host_that_is_named_and_no_other(web, authority):
    code = (
        FETCH
        + """
print(fetch("https://a.test/x"))
print(fetch("https://b.test/"))
print(fetch("https://a.test/elsewhere"))
print(fetch("https://a.test/chain"))
print(fetch("https://a.test/metadata"))
print([name for name in os.environ if "proxy" in name.lower()])
print(open("/proc/self/status").read().split("CapEff:")[1].split()[0])
trusting.check_hostname = False
import socket
try:
    trusting.wrap_socket(socket.create_connection(("a.test", 443)), server_hostname="b.test")
except ssl.SSLError as error:
    print(error)
"""
    )
    result = sm.run(code, net="a.test", bind=authority[1], timeout=SECONDS, trace=True)
    lines = result.stdout.splitlines()
    assert lines[0] == "hello from /x", result.stderr
    assert "not known" in lines[1]
    assert "not known" in lines[2], "a redirect leads to another name"
    assert ("refused" in lines[3], "unreachable" in lines[4]) == (True, True), "and others inwards"
    assert lines[5:7] == ["[]", "0000000000000000"]
    assert "unrecognized name" in lines[7].lower()
    assert web == ["1.1.1.1:443"] * 5
    used = result.usage.network["a.test"]
    assert (used.connections, used.refused, used.failed, used.refused_names) == (5, 1, 0, ("b.test",))
    assert min(used.sent_bytes, used.received_bytes) > 100
    assert any("asked for b.test" in note for note in result.notes)
    assert result.isolation["network"].words == "the code connects to a.test alone"
    assert {mark.label for mark in result.timeline.marks} >= {"connected: a.test", "refused: b.test"}
    refused = {(row.kind, row.target): row for row in result.attempts.refused}
    assert refused["connect", "b.test"].option == "--net b.test"
    assert refused["connect", "b.test"].answer == "refused"
    assert refused["look up", "b.test"].count >= 1
    assert 0 < refused["connect", "b.test"].first_seconds <= result.usage.wall_seconds
    again = sm.Result.from_dict(result.to_dict())
    assert again.usage.network == result.usage.network


@pytest.mark.parametrize("session", [False, True])
def test_a_redirect_to_a_host_that_is_not_named_fails_and_the_hint_names_it(web, authority, session):
    code = FETCH + 'urllib.request.urlopen("https://a.test/elsewhere", context=trusting, timeout=50)'
    options = {"net": "a.test", "bind": authority[1], "timeout": SECONDS}
    if session:
        with sm.Session(**options) as opened:
            result = opened.run(code)
    else:
        result = sm.run(code, **options)
    assert "URLError" in result.stderr
    assert (
        "The code may connect to a.test alone, and b.test is another host; --net b.test allows it too." in result.notes
    )
    assert web == ["1.1.1.1:443"]


@pytest.mark.parametrize(
    ("code", "sought"),
    [
        ('import urllib.request; urllib.request.urlopen("http://a.test/")', "a.test:80 is another port"),
        ('import socket; socket.create_connection(("a.test", 5432))', "a.test:5432 is another port"),
        ('import socket; socket.create_connection(("b.test", 5432))', "b.test:5432 is another host"),
        ('import asyncio; asyncio.run(asyncio.open_connection("b.test", 80))', "b.test:80 is another host"),
    ],
)
def test_what_is_proposed_has_the_port_that_the_code_wanted(internet, code, sought):
    result = sm.run(code, net="a.test", trace=True, timeout=SECONDS)
    option = f"--net {sought.split()[0]}"
    assert f"The code may connect to a.test alone, and {sought}; {option} allows it too." in result.notes
    assert result.attempts.suggestion == option


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("bash", "curl -sS --cacert certificate.pem https://a.test/x; curl -sS https://b.test/"),
        (
            "node",
            """
            const get = (host) => new Promise(done => require('https').get(
              {host, path: '/x', ca: require('fs').readFileSync('certificate.pem')},
              answer => answer.on('data', data => done(data.toString()))).on('error', error => done(error.message)))
            get('a.test').then(text => { process.stdout.write(text); get('b.test').then(text => console.error(text)) })
            """,
        ),
    ],
)
def test_clients_of_other_languages(web, authority, language, code):
    result = sm.run(code, language=language, net="a.test", bind=authority[1], timeout=SECONDS, memory="2G")
    assert result.stdout == "hello from /x", result.stderr
    assert "b.test" in result.stderr
    assert web == ["1.1.1.1:443"]


SWEEP = """
import errno, socket
def tried(address, kind=socket.SOCK_STREAM, family=socket.AF_INET):
    try:
        with socket.socket(family, kind) as one:
            one.settimeout(50)
            one.connect(address)
            one.send(b"?")
            return one.recv(100).decode()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
print(tried(("127.66.0.1", {port})))
for address in {addresses}:
    print(address, {{tried((address, port)) for port in (22, 53, 80, 443, {port}, {other})}})
print("other ports", {{tried(("127.66.0.1", port)) for port in (80, 443, {other})}})
print("other names", {{tried(("127.66.0.%d" % number, {port})) for number in (0, 2, 3, 255)}})
six = ("2606:4700::1111", "::1", "::ffff:1.1.1.1")
print("IPv6", {{tried((address, {port}), family=socket.AF_INET6) for address in six}})
print("DNS", {{tried((address, 53), socket.SOCK_DGRAM) for address in ("1.1.1.1", "127.0.0.53", "{server}")}})
try:
    print(socket.getaddrinfo("example.org", 443))
except OSError as error:
    print("no name")
"""


def own_addresses():
    """Return this machine's addresses, and its name server's."""
    found = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout.split()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket, suppress(OSError):
        any_socket.connect(("1.1.1.1", 9))
        found.append(any_socket.getsockname()[0])
    servers = [
        line.split()[1] for line in Path("/etc/resolv.conf").read_text().splitlines() if line.startswith("nameserver")
    ]
    return [address for address in {*found, *servers, "1.1.1.1", "169.254.169.254", "10.0.2.2"} if ":" not in address]


def test_a_sweep_from_inside_finds_the_named_one_alone(serve, monkeypatch):
    """While another sandbox has another host."""
    monkeypatch.setattr(pinning, "resolve", lambda _host: ["127.0.0.1"])
    named = serve(lambda connection: connection.sendall(b"named"))
    other = serve(lambda connection: connection.sendall(b"other"))
    with socket.create_connection(("127.0.0.1", other.port)) as control:
        assert control.recv(5) == b"other", "from outside it is reached"
    addresses = own_addresses()
    code = SWEEP.format(port=named.port, other=other.port, addresses=addresses, server=addresses[0])
    waits = f"import socket; print(socket.create_connection(('b.test', {other.port})).recv(5)); input()"
    with sm.stream(waits, net=[f"b.test:{other.port}", f"localhost:{other.port}"], timeout=SECONDS) as neighbour:
        events = []
        while not events or not isinstance(events[-1], sm.InputRequest):
            events.append(next(neighbour))
        assert "other" in "".join(event.text for event in events if isinstance(event, sm.Text))
        result = sm.run(code, net=[f"a.test:{named.port}", f"localhost:{named.port}"], timeout=SECONDS)
    first, *swept, ports, names, six, dns, name = result.stdout.splitlines()
    assert (first, name) == ("named", "no name"), result.stderr
    assert len(swept) == len(addresses)
    for line in swept:
        assert line.endswith("{'ENETUNREACH'}"), line
    for line in (ports, names):
        assert line.endswith("{'ECONNREFUSED'}"), line
    unreached = {"'ENETUNREACH'", "'ECONNREFUSED'", "'EADDRNOTAVAIL'", "'EAFNOSUPPORT'"}  # a kernel may have no IPv6
    assert set(six.partition(" ")[2].strip("{}").split(", ")) <= unreached
    assert "127.0.0.1" not in dns
    assert set(dns.partition(" ")[2].strip("{}").split(", ")) <= {"'ENETUNREACH'", "'ECONNREFUSED'"}


def test_localhost_is_opened_by_these_words_alone(serve):
    server = serve(echo)
    code = (
        f"import socket; s = socket.create_connection(('localhost', {server.port})); s.sendall(b'x'); print(s.recv(1))"
    )
    assert sm.run(code).outcome is sm.Outcome.FAILED
    result = sm.run(code, net=f"localhost:{server.port}")
    assert result.stdout == "b'x'\n"
    assert result.isolation["loopback"].strength == "none"
    assert str(server.port) in result.isolation["loopback"].words
    with pytest.raises(sm.PolicyError):
        sm.run(code, net=f"127.0.0.1:{server.port}")


def test_a_name_that_leads_inwards_is_refused_before_anything_runs(monkeypatch):
    monkeypatch.setattr(pinning, "resolve", lambda host: [PUBLIC[host]])
    with pytest.raises(sm.PolicyError, match=r"inward\.test leads to 127\.0\.0\.1"):
        sm.run("print(1)", net=["a.test", "inward.test"])


def test_a_name_that_leads_inwards_at_the_second_look_was_looked_at_once(internet, serve, monkeypatch):
    answers = [["1.1.1.1"], ["127.0.0.1"]]
    monkeypatch.setattr(pinning, "resolve", lambda _host: answers.pop(0))
    internet.behind[80] = ("127.0.0.1", serve(echo).port)
    code = "import socket\nfor _ in range(2): socket.create_connection(('a.test', 80)).close()"
    sm.run(code, net="a.test:80", timeout=SECONDS).check()
    assert internet.targets == ["1.1.1.1:80"] * 2
    assert answers == [["127.0.0.1"]]


TALK = "import socket; s = socket.create_connection(('localhost', {port})); s.sendall(b'x'); print(s.recv(1))"


def test_spares_have_it_too(serve, spares):
    server = serve(echo)
    code = TALK.format(port=server.port)
    first = sm.run(code, net=f"localhost:{server.port}")
    assert spares.filled(SECONDS)
    second = sm.run(code, net=f"localhost:{server.port}")
    assert (first.stdout, second.stdout, second.usage.warm) == ("b'x'\n", "b'x'\n", True)
    assert spares.filled(SECONDS)
    assert not sm.run("pass").usage.warm, "a spare with a network is for no run without"


def test_sessions_have_it_for_each_cell(serve):
    server = serve(echo)
    with sm.Session(net=f"localhost:{server.port}") as session:
        for _ in range(2):
            result = session.run(TALK.format(port=server.port))
            assert result.stdout == "b'x'\n", result.stderr
            assert result.usage.network[f"localhost:{server.port}"].connections == 1
        cut = session.run("print(s.recv(1))")
    assert "b''" in cut.stdout or "reset" in cut.stderr, "a connection ends with its cell"


def test_a_limit_on_bytes_ends_the_connections(serve):
    ended = threading.Event()

    def flood(connection):
        try:
            while True:
                connection.sendall(bytes(65536))
        except OSError:
            ended.set()

    server = serve(flood)
    code = f"import socket; s = socket.create_connection(('localhost', {server.port}))\nwhile True: s.recv(65536)"
    result = sm.run(code, net=f"localhost:{server.port}", net_bytes="3M")
    assert result.outcome is not sm.Outcome.COMPLETED
    assert result.usage.network[f"localhost:{server.port}"].received_bytes == 3 * 2**20
    assert any("--net-bytes" in note for note in result.notes)
    assert ended.wait(SECONDS)
    assert "sandbox-magic network" not in {thread.name for thread in threading.enumerate()}


def test_nothing_is_left(footprint):
    sm.run("pass", net="localhost:9", warm=False)  # what forks the program that joins stays
    before = footprint()
    for _ in range(3):
        sm.run("pass", net="localhost:9", warm=False)
    assert footprint() == before


def test_it_is_refused_where_the_network_cannot_be_joined(monkeypatch):
    from sandbox_magic.jail import network

    assert "--net: can let the code connect" in str(sm.diagnose())
    monkeypatch.setattr(network, "_JOINER", "attempts.calls")  # which is no program
    with pytest.raises(sm.SandboxUnavailable, match=r"no socket could be made inside(?s:.*)has ended"):
        sm.run("print(1)", net="localhost:80")
    assert "--net: the program that joins it has ended" in str(sm.diagnose())
