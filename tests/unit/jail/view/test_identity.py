"""Who a sandbox is on the host: never root, and with every path within its reach."""

import os
import types

import pytest

from sandbox_magic import SandboxUnavailable
from sandbox_magic.jail.view import identity
from sandbox_magic.jail.view.identity import Identity, Launch, choose, launch, reachable

WHOLE = "         0          0 4294967295\n"
CONTAINER = "0 100000 65536\n"


@pytest.fixture
def caller(monkeypatch):
    """Gives a function that makes the caller a user with maps of user and group ids."""

    def become(uid, uid_map=WHOLE, gid_map=None):
        maps = {"/proc/self/uid_map": uid_map, "/proc/self/gid_map": gid_map or uid_map}
        monkeypatch.setattr(os, "geteuid", lambda: uid)
        monkeypatch.setattr(identity, "_read", maps.__getitem__)

    return become


def test_an_ordinary_user_stays_itself(caller):
    caller(1234)
    assert choose() == Identity(1234, dropped=False)


@pytest.mark.parametrize("uid_map", ["0 1000 1\n", "         0       1000          1\n"])
def test_root_of_a_namespace_that_is_one_ordinary_user_outside_stays_itself(caller, uid_map):
    caller(0, uid_map)
    assert choose() == Identity(0, dropped=False)


@pytest.mark.parametrize(
    ("uid_map", "gid_map", "numbers"),
    [
        (WHOLE, WHOLE, identity._OWN_RANGE),
        (CONTAINER, CONTAINER, identity._FALLBACK_RANGE),
        (WHOLE, CONTAINER, identity._FALLBACK_RANGE),
        ("0 1000 1\n1 100000 65536\n", CONTAINER, identity._FALLBACK_RANGE),
    ],
)
def test_root_becomes_a_user_of_its_own_each_time(caller, uid_map, gid_map, numbers):
    caller(0, uid_map, gid_map)
    chosen = [choose() for _ in range(50)]
    assert all(one.dropped and one.uid in numbers for one in chosen)
    assert len({one.uid for one in chosen}) == 50


@pytest.mark.parametrize(("uid_map", "gid_map"), [("0 0 1\n", WHOLE), (WHOLE, "0 0 1\n"), ("0 100000 1000\n", WHOLE)])
def test_root_without_another_user_to_become_is_refused(caller, uid_map, gid_map):
    caller(0, uid_map, gid_map)
    with pytest.raises(SandboxUnavailable, match="run Jupyter as an ordinary user") as caught:
        choose()
    assert caught.value.seen == uid_map


@pytest.fixture
def hidden(monkeypatch):
    """The paths that an unprivileged user can't reach; every program is in /usr/bin."""
    paths = set()
    monkeypatch.setattr(identity, "reachable", lambda path: path not in paths)
    monkeypatch.setattr(identity, "_program", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(identity, "_STAGES", ("/", "/usr"))  # both are directories on any machine
    return paths


OTHER = Identity(60_600, dropped=True)
DROP = ("/usr/bin/setpriv", "--reuid", "60600", "--regid", "60600", "--clear-groups", "--")


def test_the_caller_itself_needs_no_words(hidden):
    hidden.add("/root/venv")
    assert launch(Identity(1234, dropped=False), ["/root/venv"]) == Launch()


def test_another_user_is_become_before_bwrap_starts(hidden):
    assert launch(OTHER, ["/opt/venv"]) == Launch(DROP)


def test_what_that_user_can_not_reach_is_bound_where_it_can(hidden):
    hidden.update(["/root/venv", "/root/cell"])
    hidden.add("/")  # no stage
    how = launch(OTHER, ["/root/venv", "/opt/x", "/root/cell", "/root/venv"])
    assert how.sources == {"/root/venv": "/usr/0", "/root/cell": "/usr/1"}
    assert how.prefix[:5] == ("/usr/bin/unshare", "--mount", "--propagation", "private", "--")
    assert how.prefix[-len(DROP) :] == DROP
    assert how.prefix[5:-11] == ("/bin/sh", "-c", identity._STAGE_SCRIPT, "sandbox-magic")
    assert how.prefix[-11:-7] == ("/usr", "/root/venv", "/root/cell", "--")


def test_a_stage_never_covers_a_path_that_is_needed(hidden):
    hidden.add("/usr/lib/secret")
    with pytest.raises(SandboxUnavailable, match=r"no free directory among /, /usr(.|\n)*mkdir /mnt"):
        launch(OTHER, ["/usr/lib/secret"])


def test_a_program_that_is_missing_is_named_with_its_package():
    with pytest.raises(SandboxUnavailable, match=r"needs no-such-program(.|\n)*apt install util-linux"):
        identity._program("no-such-program")


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A directory that anybody can get to: pytest's own ones above it can't be entered by others."""

    def stat(path):
        return os.stat(path) if str(path).startswith(str(tmp_path)) else types.SimpleNamespace(st_mode=0o755)

    monkeypatch.setattr(identity, "os", types.SimpleNamespace(path=os.path, stat=stat))
    tmp_path.chmod(0o755)
    (tmp_path / "open" / "closed" / "deep").mkdir(parents=True)
    (tmp_path / "open" / "closed").chmod(0o700)
    (tmp_path / "open" / "file").touch(0o600)
    (tmp_path / "open" / "closed" / "file").touch(0o644)
    (tmp_path / "link").symlink_to(tmp_path / "open" / "closed" / "deep")
    (tmp_path / "open" / "closed" / "back").symlink_to(tmp_path / "open")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".", True),
        ("open", True),
        ("open/file", True),  # a file's own mode is bwrap's to complain about
        ("open/closed", False),
        ("open/closed/deep", False),
        ("open/closed/file", False),
        ("link", False),
        ("open/missing", True),
    ],
)
def test_a_path_is_reachable_if_all_its_directories_let_others_through(tree, path, expected):
    assert reachable(str(tree / path)) is expected


def test_a_link_in_a_closed_directory_is_not_reachable(tree):
    assert not reachable(str(tree / "open" / "closed" / "back"))
