"""From an account to a list: what each attempt met, what would allow it, and what looks like a secret."""

from __future__ import annotations

import pytest

from sandbox_magic.execution.attempts import listed, marks
from sandbox_magic.execution.secret_names import secret
from sandbox_magic.model.forwards import read_forwards
from sandbox_magic.model.policy import Mount, Policy


class Outside:
    """A machine on which these are there, and not in the sandbox."""

    def hidden(self, path):
        return path in {"/data/x.csv", "near.csv", "/data/a:b", "/data/a\nb"}


def row(kind, target, **found):
    """Return a row of an account."""
    return {"kind": kind, "target": target, "count": 1, "first": 0.5, "last": 0.6, "process": "python", **found}


def one(*given, policy=None, **found):
    """Return what becomes of one row."""
    account = {"rows": [row(*given, **found)], "ordinary": 0, "more": 0}
    (attempt,) = listed(account, Outside(), policy or Policy())
    return attempt.answer, attempt.option


@pytest.mark.parametrize(
    ("given", "found", "answer"),
    [
        (("call", "ptrace"), {}, ("refused", "")),
        (("connect", "10.0.0.1:80"), {"family": 2}, ("no network", "")),
        (("connect", "1.1.1.1:80"), {"family": 2}, ("no network", "--net 1.1.1.1:80")),
        (("send", "1.1.1.1:53"), {"family": 2}, ("no network", "")),
        (("connect", "169.254.169.254:80"), {"family": 2}, ("no network", "")),
        (("connect", "[2606:4700::1111]:80"), {"family": 10}, ("no network", "")),
        (("look up", "API.a.test"), {}, ("no network", "--net api.a.test")),
        (("look up", "a.test"), {"ports": [80, 443]}, ("no network", "--net a.test:80 --net a.test")),
        (("look up", "localhost"), {"ports": [80]}, ("allowed", "")),
        (("look up", "a b; rm -rf"), {}, ("no network", "")),
        (("connect", "127.0.0.1:80"), {"family": 2}, ("allowed", "")),
        (("send", "[2001:db8::1]:53"), {"family": 10}, ("no network", "")),
        (("connect", "[::1]:80"), {"family": 10}, ("allowed", "")),
        (("connect", "@abstract"), {"family": 1, "place": "", "there": False}, ("allowed", "")),
        (("open", "/usr/share/x"), {"place": "/usr/share/x", "there": True}, ("allowed", "")),
        (("open", "/data/x.csv"), {"place": "/data/x.csv", "there": False}, ("not shared", "--bind /data/x.csv")),
        (("open", "/data/none"), {"place": "/data/none", "there": False}, ("allowed", "")),
        (("open", "near.csv"), {"place": "/home/sandbox/near.csv", "there": False}, ("not shared", "--bind near.csv")),
        (("open", "/data/a:b"), {"place": "/data/a:b", "there": False}, ("not shared", "")),
        (("open", "/data/a\nb"), {"place": "/data/a\nb", "there": False}, ("not shared", "")),
        (("open", "/root/.aws/x"), {"place": "/root/.aws/x", "there": False}, ("not shared", "")),
        (("open", "/etc/x"), {"place": "/etc/x", "there": False, "writes": True}, ("refused", "")),
        (("open", "/tmp/x"), {"place": "/tmp/x", "there": False, "writes": True}, ("allowed", "")),
        (("rename", "/tmp/a -> /tmp/b"), {"place": "/tmp/a", "writes": True, "into": "/tmp/b"}, ("allowed", "")),
        (("rename", "/tmp/a -> /usr/b"), {"place": "/tmp/a", "writes": True, "into": "/usr/b"}, ("refused", "")),
        (("rename", "/usr/a -> /tmp/b"), {"place": "/usr/a", "writes": True, "into": "/tmp/b"}, ("refused", "")),
        (("rename", "/usr/a -> /tmp/b"), {"place": "/usr/a", "there": True, "into": "/tmp/b"}, ("allowed", "")),
        (("rename", "/etc/shadow -> /tmp/b"), {"place": "/etc/shadow", "into": "/tmp/b"}, ("not shared", "")),
        (("open", "/proc/9/mem"), {"place": "/proc/9/mem", "there": False}, ("allowed", "")),
    ],
)
def test_each_attempt_is_judged_by_what_was_found(given, found, answer):
    assert one(*given, **found) == answer


def test_hosts_that_are_named_are_within_reach():
    policy = Policy(net=read_forwards(["a.test", "10.0.0.1:80", "localhost:8080"]))
    assert one("look up", "A.test", policy=policy) == ("allowed", "")
    for target, option in {
        "10.0.0.1:80": None,
        "10.0.0.2:80": "",
        "10.0.0.1:81": "--net 10.0.0.1:81",  # it was typed
        "127.66.0.1:443": None,  # the address of a.test inside
        "127.66.0.1:80": "--net a.test:80",
        "127.66.0.9:80": None,  # its own loopback
        "127.0.0.1:8080": None,
        "127.0.0.1:81": None,
    }.items():
        answer = ("allowed", "") if option is None else ("no network", option)
        assert one("connect", target, policy=policy, family=2) == answer, target


def test_what_is_bound_is_not_to_be_written():
    policy = Policy(binds=(Mount(source="/data/x.csv", name="x.csv"),))
    found = {"place": "/home/sandbox/x.csv", "there": True, "writes": True}
    assert one("open", "x.csv", policy=policy, **found) == ("refused", "")
    assert one("open", "x.csv", **found) == ("allowed", "")


def test_a_name_is_made_safe_to_show():
    account = {"rows": [row("open", "/a\x1b[2J\udcff\u202e", place="", there=False)], "ordinary": 3, "more": 4}
    found = listed(account, Outside(), Policy())
    assert found[0].target.isprintable()
    assert (found.ordinary, found.more) == (3, 4)
    assert not listed(None, Outside(), Policy()).complete


def test_the_first_of_each_kind_that_was_not_allowed_is_marked():
    rows = [
        row("call", "ptrace") | {"first": 0.9},
        row("call", "bpf") | {"first": 0.2},
        row("open", "/root/.ssh/id_rsa", place="/root/.ssh/id_rsa", there=False),
        row("open", "/tmp/x", place="/tmp/x", there=True) | {"first": 0.1},
    ]
    found = marks(listed({"rows": rows, "ordinary": 0, "more": 0}, Outside(), Policy()))
    assert [(mark.label, mark.seconds) for mark in found] == [("refused: bpf", 0.2), ("not shared: open id_rsa", 0.5)]


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/root/.ssh/config", "SSH keys"),
        ("id_rsa", "SSH keys"),
        ("/home/u/backup/id_ed25519", "SSH keys"),
        ("/home/u/backup/known_hosts", "names of SSH servers"),
        ("/home/u/.config/gh/hosts.yml", "credentials of a code host"),
        ("gh/hosts.yml", "credentials of a code host"),
        ("/home/u/.config/gcloud/credentials.db", "cloud credentials"),
        ("/home/u/.azure/msal_token_cache.json", "cloud credentials"),
        ("/home/u/.kube/config", "Kubernetes credentials"),
        ("/home/u/.docker/config.json", "Docker credentials"),
        ("/home/u/.config/containers/auth.json", "Docker credentials"),
        ("/home/u/.netrc", "saved passwords"),
        ("/home/u/.git-credentials", "saved passwords"),
        ("/home/u/.config/git/credentials", "saved passwords"),
        ("/home/u/.pgpass", "saved passwords"),
        ("/home/u/.local/share/keyrings/login.keyring", "saved passwords"),
        ("/home/u/.local/share/python_keyring/keyring_pass.cfg", "saved passwords"),
        ("/home/u/.pypirc", "keys of package registries"),
        ("/home/u/.npmrc", "keys of package registries"),
        ("/home/u/.bash_history", "shell history"),
        ("/home/u/.local/share/fish/fish_history", "shell history"),
        ("/home/u/.ipython/profile_default/history.sqlite", "shell history"),
        ("/home/u/.config/google-chrome/Default/Login Data", "browser profiles"),
        ("/etc/shadow", "password hashes"),
        ("/run/docker.sock", "the Docker socket"),
        ("/srv/app/.env", "environment files"),
        ("/srv/api_token.txt", "secrets"),
        ("/data/tokens/a.csv", ""),
        ("/data/shadows.png", ""),
        ("/etc/passwd", ""),
        ("/srv/ansible/hosts.yml", ""),
        ("/home/u/gh/README.md", ""),
        ("/data/git/config", ""),
        ("/data/key", ""),
    ],
)
def test_a_name_that_looks_like_a_secret_is_called_what_it_seems_to_be(path, what):
    assert secret(path) == what
