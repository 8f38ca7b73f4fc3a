"""Where a host is inside: an address of its own for each name."""

from sandbox_magic.jail.network import hosts, places
from sandbox_magic.model.forwards import read_forwards


def test_each_name_has_an_address_of_its_own_whatever_its_ports():
    found = places(read_forwards(["a.test", "b.test", "a.test:80", "10.0.0.5:5432", "localhost:80"]))
    assert found == {
        "a.test": "127.66.0.1", "b.test": "127.66.0.2", "10.0.0.5": "10.0.0.5", "localhost": "127.0.0.1",
    }  # fmt: skip


def test_the_most_have_addresses():
    found = places(read_forwards([f"a{number}.test" for number in range(64)]))
    assert found["a63.test"] == "127.66.0.64"
    assert len(set(found.values())) == 64


def test_names_stand_in_etc_hosts():
    own = "127.0.0.1\tlocalhost sandbox\n"
    assert hosts(read_forwards(["a.test:80", "10.0.0.5"])).decode() == f"127.66.0.1\ta.test\n{own}::1\tlocalhost\n"
    assert hosts(read_forwards("localhost:80")).decode() == own, "who tries ::1 first would find nobody there"
