"""Where packages come from is what this machine's pip is configured for."""

import os

import pytest

from sandbox_magic.execution import downloading
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.forwards import read_forwards
from sandbox_magic.net import pinning
from sandbox_magic.packages import index

NOTHING = {"PIP_CONFIG_FILE": os.devnull}


def test_without_a_word_it_is_pypi_with_the_host_of_its_files():
    found = index.configured(NOTHING)
    assert found.urls == ("https://pypi.org/simple",)
    assert found.forwards == read_forwards("pypi")


def test_files_and_variables_have_the_last_word_in_pips_order(tmp_path):
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip/pip.conf").write_text(
        "[global]\nindex-url = https://a.test/simple\ntrusted-host = a.test\n"
        "extra-index-url =\n  file:///opt/here\n  https://b.test:8443/x\n[download]\nindex-url=https://c.test/simple\n"
    )
    places = {"XDG_CONFIG_DIRS": str(tmp_path), "HOME": "/nowhere"}
    found = index.configured(places)
    assert found.urls == ("https://c.test/simple", "https://b.test:8443/x")
    assert found.trusted == ("a.test",)
    assert found.unused == ("file:///opt/here",)
    assert index.configured({**places, "PIP_FIND_LINKS": "/wheels"}).unused == ("find-links", "file:///opt/here")
    assert found.forwards == read_forwards(["c.test", "b.test:8443"])
    own = tmp_path / "own.conf"
    own.write_text("[global]\nindex-url = https://d.test/simple\n")
    assert index.configured({**places, "PIP_CONFIG_FILE": str(own)}).urls[0] == "https://d.test/simple"
    (tmp_path / ".pip").mkdir()
    (tmp_path / ".pip/pip.conf").write_text("[download]\nindex-url = https://user.test/simple\n")
    at_home = {**places, "HOME": str(tmp_path)}
    assert index.configured(at_home).urls[0] == "https://user.test/simple"
    assert index.configured({**at_home, "PIP_CONFIG_FILE": str(own)}).urls[0] == "https://d.test/simple"
    assert index.configured({**places, "PIP_INDEX_URL": "http://e.test/"}).forwards[0].port == 80
    assert index.configured({**places, "PIP_CONFIG_FILE": os.devnull}).urls == (index.DEFAULT,)


def test_a_pip_that_is_to_ask_no_index_makes_nobody_ask_one():
    with pytest.raises(PolicyError, match="told to ask no index"):
        index.configured({**NOTHING, "PIP_NO_INDEX": "true"})
    assert index.configured({**NOTHING, "PIP_NO_INDEX": "0"}).urls == (index.DEFAULT,)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_this_machines_own_index_is_reached_by_localhost(host):
    found = index.configured({**NOTHING, "PIP_INDEX_URL": f"http://me:secret@{host}:3141/simple"})
    assert found.urls == ("http://me:secret@localhost:3141/simple",)
    assert found.forwards == read_forwards("localhost:3141")
    assert found.shown == ("http://localhost:3141/simple",)


@pytest.mark.parametrize(
    "url", ["file:///x", "ftp://a.test", "https://", "https://a.test:x/", "a.test/simple", "https://[2606:4700::1]/x"]
)
def test_what_is_no_index_is_refused_without_its_secrets(url):
    url = url.replace("://", "://me:secret@")
    with pytest.raises(PolicyError, match="can't be used") as refused:
        index.configured({**NOTHING, "PIP_INDEX_URL": url})
    assert "secret" not in str(refused.value)


def test_certificates_are_those_of_pip_first(tmp_path):
    one, other = tmp_path / "one.pem", tmp_path / "other.pem"
    one.touch()
    other.touch()
    both = {**NOTHING, "SSL_CERT_FILE": str(other), "PIP_CERT": str(one)}
    assert index.configured(both).certificate == str(one)
    assert index.configured({**NOTHING, "SSL_CERT_FILE": str(other)}).certificate == str(other)
    assert index.configured({**NOTHING, "PIP_CERT": "/nowhere"}).certificate == ""


def test_an_index_with_a_private_address_may_be_reached_at_its_port_alone(monkeypatch):
    """The same name is refused for a run: there nobody has said that it is meant."""
    monkeypatch.setattr(pinning, "resolve", lambda _: ["10.0.0.5", "1.1.1.1"])
    asked = read_forwards("index.test:8443")
    with pytest.raises(PolicyError, match="not an address of the public internet"):
        pinning.pin(asked)
    whole = downloading.with_typed_addresses(asked)
    assert list(map(str, whole)) == ["index.test:8443", "10.0.0.5:8443"]
    assert [pin.addresses for pin in pinning.pin(whole)] == [("10.0.0.5", "1.1.1.1"), ("10.0.0.5",)]
