"""Names are resolved once, and one that leads where nobody said is refused."""

import socket

import pytest

from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.forwards import read_forwards
from sandbox_magic.net.pinning import pin


def pinned(*texts, leads_to=("1.1.1.1",)):
    return [each.addresses for each in pin(read_forwards(texts), lambda _name: leads_to)]


def test_a_name_is_pinned_to_its_addresses():
    assert pinned("a.test", leads_to=("2606:4700::1111", "1.1.1.1", "1.1.1.1")) == [("2606:4700::1111", "1.1.1.1")]


def test_a_name_is_asked_for_once_so_a_second_answer_changes_nothing():
    answers = iter([["1.1.1.1"], ["127.0.0.1"]])
    found = pin(read_forwards(["a.test", "a.test:80"]), lambda _name: next(answers))
    assert [each.addresses for each in found] == [("1.1.1.1",), ("1.1.1.1",)]


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.0.0.5", "169.254.169.254", "fd00::1", "0.0.0.0", "::ffff:1.1.1.1"]
)
def test_one_address_that_is_not_public_refuses_the_name(address):
    with pytest.raises(PolicyError, match="not an address of the public internet"):
        pinned("a.test", leads_to=("1.1.1.1", address))


def test_an_address_that_is_typed_is_meant():
    assert pinned("10.0.0.5:5432") == [("10.0.0.5",)]
    assert pinned("169.254.169.254:80") == [("169.254.169.254",)]


def test_a_name_may_lead_to_an_address_that_is_typed_with_the_same_port():
    both = pinned("db.test:5432", "10.0.0.5:5432", leads_to=("10.0.0.5",))
    assert both == [("10.0.0.5",), ("10.0.0.5",)]
    with pytest.raises(PolicyError, match=r"--net 10\.0\.0\.5:80"):
        pinned("db.test:80", "10.0.0.5:5432", leads_to=("10.0.0.5",))


def test_localhost_is_this_machines_loopback_whatever_the_resolver_says():
    assert pinned("localhost:80", leads_to=("1.1.1.1",)) == [("127.0.0.1", "::1")]
    assert pinned("a.test:80", "localhost:80", leads_to=("127.0.0.1",))[0] == ("127.0.0.1",)
    with pytest.raises(PolicyError, match="localhost:81 beside it"):
        pinned("a.test:81", "localhost:80", leads_to=("127.0.0.1",))


def test_a_name_that_cannot_be_resolved_is_refused():
    def ask(_name):
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(PolicyError, match="can't be resolved"):
        pin(read_forwards("a.test"), ask)
    with pytest.raises(PolicyError, match="can't be resolved"):
        pinned("a.test", leads_to=())
