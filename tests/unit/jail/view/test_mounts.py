"""What a user names to be read in a sandbox is examined before it is bound."""

import os

import pytest

from sandbox_magic.jail.view import mounts
from sandbox_magic.jail.view.identity import Identity
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.policy import Mount

OTHER, CALLER = Identity(1_651_000_000, dropped=True), Identity(os.geteuid(), dropped=False)


def refusal(path, identity):
    with pytest.raises(PolicyError) as caught:
        mounts.check([Mount(source=str(path), name="given")], identity)
    return str(caught.value)


@pytest.fixture
def secret(tmp_path):
    """A file and a directory that only their owner may read, and who that is."""
    (tmp_path / "file").write_text("secret")
    (tmp_path / "file").chmod(0o600)
    (tmp_path / "directory").mkdir(mode=0o700)
    return tmp_path, "root" if os.geteuid() == 0 else "its owner"


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_only_its_owner_may_read_is_refused_without_advice_to_open_it(secret, kind):
    place, owner = secret
    told = refusal(place / kind, OTHER)
    assert f"only {owner} may read this {kind}, and the sandbox is not {owner}\n" in told
    assert "chmod" not in told
    mounts.check([Mount(source=str(place / kind), name="given")], CALLER)
    (place / kind).chmod(0o755)
    mounts.check([Mount(source=str(place / kind), name="given")], OTHER)


def test_the_owner_of_a_users_file_is_not_named_root(secret, monkeypatch):
    place, _ = secret
    values = list(os.stat(place / "file"))
    values[4] = 1234  # st_uid
    monkeypatch.setattr(mounts.os, "stat", lambda _: os.stat_result(values))
    assert "only its owner may read this file, and the sandbox is not its owner" in refusal("/home/somebody/x", OTHER)


def test_what_is_not_there_and_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "fifo", 0o644)
    assert "can't be shown" in refusal(tmp_path / "absent", CALLER)
    assert "neither a file nor a directory" in refusal(tmp_path / "fifo", CALLER)
