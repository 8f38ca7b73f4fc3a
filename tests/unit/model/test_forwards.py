"""``--net HOST[:PORT]``: what is a host, and what is none."""

import pytest

from sandbox_magic.model import options
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.forwards import PRESETS, Forward, presets, read_forwards
from sandbox_magic.model.policy import Policy


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("api.example.org", "api.example.org", 443),
        ("API.Example.ORG.", "api.example.org", 443),
        ("db.example.org:5432", "db.example.org", 5432),
        ("db:5432", "db", 5432),
        ("my_db.test", "my_db.test", 443),
        ("bücher.example", "xn--bcher-kva.example", 443),
        ("10.0.0.5:5432", "10.0.0.5", 5432),
        ("1.1.1.1", "1.1.1.1", 443),
        ("localhost:8080", "localhost", 8080),
        ("169.254.169.254:80", "169.254.169.254", 80),
    ],
)
def test_a_host(text, host, port):
    assert read_forwards(text) == (Forward(host=host, port=port),)
    assert read_forwards([text, text]) == (Forward(host=host, port=port),)


def test_it_is_written_as_it_is_typed():
    assert [str(each) for each in read_forwards(["a.test", "a.test:80", "10.0.0.1"])] == [
        "a.test", "a.test:80", "10.0.0.1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is not the name of a host"),
        ("a..test", "is not the name of a host"),
        ("-a.test", "is not the name of a host"),
        ("a b.test", "is not the name of a host"),
        ("a.test\n", None),
        ("a\n.test", "is not the name of a host"),
        ("a\0.test", "is not the name of a host"),
        ("a.test:", "for a port"),
        ("a.test:http", "for a port"),
        ("a.test:0", "the port is 0"),
        ("a.test:65536", "the port is 65536"),
        ("a.test:٣", "for a port"),
        ("https://a.test/x", "the host alone: a.test"),
        ("https://user:password@a.test:8443/x", "the host alone: a.test:8443"),
        ("*.a.test", "wildcard"),
        ("10.0.0.0/8", "no ranges"),
        ("[::1]:443", "IPv4 alone"),
        ("2606:4700::1111", "IPv4 alone"),
        ("localhost", "localhost:PORT"),
        ("127.0.0.1:80", "localhost:PORT"),
        ("127.1.2.3:80", "localhost:PORT"),
        ("127.1:80", "neither a name nor an IPv4 address"),
        ("2130706433:80", "neither a name nor an IPv4 address"),
        ("0x7f.1:80", "neither a name nor an IPv4 address"),
        ("0x7f000001:80", "neither a name nor an IPv4 address"),
        ("0177.0.0.1:80", "neither a name nor an IPv4 address"),
        ("1.2.3", "neither a name nor an IPv4 address"),
        ("0.0.0.0:80", "not the address of a host"),
        ("224.0.0.1:80", "not the address of a host"),
        ("255.255.255.255:80", "not the address of a host"),
    ],
)
def test_what_is_no_host_is_refused_with_what_would_be_right(text, told):
    if told is None:
        assert read_forwards(text) == (Forward(host="a.test"),)
        return
    with pytest.raises(PolicyError, match=told):
        read_forwards(text)


@pytest.mark.parametrize("text", ["１２７.0.0.1:80", "①②⑦.0.0.1:80", "ｌocalhost"])  # noqa: RUF001 - as people may type it, or attackers
def test_letters_that_become_others_are_judged_by_what_they_become(text):
    with pytest.raises(PolicyError, match="localhost:PORT"):
        read_forwards(text)


@pytest.mark.parametrize("value", [5, [5], None])
def test_what_is_no_text(value):
    with pytest.raises(PolicyError):
        read_forwards(value)


def test_a_preset_is_its_names():
    assert [each.host for each in read_forwards("pypi")] == list(PRESETS["pypi"])
    assert all(each.port == 443 for name in PRESETS for each in read_forwards(name))
    assert all(host in presets() for hosts in PRESETS.values() for host in hosts)
    assert read_forwards("none") == ()


def test_options_make_a_policy():
    policy = options.to_policy(options.read({"net": ["a.test", "b.test:80"], "net_bytes": "1M"}, ("policy",)))
    assert policy.net == (Forward(host="a.test"), Forward(host="b.test", port=80))
    assert policy.net_bytes == 2**20


def test_a_parked_sandbox_depends_on_the_hosts_and_not_on_how_much():
    one, other = Policy(net=read_forwards("a.test")), Policy(net=read_forwards("a.test"), net_bytes=5)
    assert one.parked_with() == other.parked_with() != Policy().parked_with()


def test_there_are_bounds():
    with pytest.raises(PolicyError, match="65 hosts"):
        Policy(net=read_forwards([f"a{number}.test" for number in range(65)]))
    with pytest.raises(PolicyError, match="net-bytes"):
        Policy(net_bytes=0)
