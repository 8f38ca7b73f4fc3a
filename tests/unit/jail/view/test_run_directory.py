"""The private directory of a run: made where nobody can be in the way, and swept when its process is dead."""

import fcntl
import os
import shutil
import stat
import subprocess

import pytest

from sandbox_magic.jail.view import run_directory
from sandbox_magic.jail.view.run_directory import RunDirectory
from sandbox_magic.model.errors import SandboxUnavailable

UID = os.geteuid()
USUAL = f"sandbox-magic-{UID}"
STRANGER = 54_321

# What somebody lays at the place of our directory, with dead runs in it: words of the shell.
LAID = {
    "a link to a directory of theirs": 'mkdir theirs theirs/run-1; ln -s theirs "$1"',
    "a link that leads nowhere": 'ln -s nowhere "$1"',
    "a file": ': > "$1"',
    "a FIFO": 'mkfifo "$1"',
    "a directory that others may write": 'mkdir "$1" "$1/run-1"; chmod 0777 "$1"',
    "a directory that its group may write": 'mkdir "$1" "$1/run-1"; chmod 0770 "$1"',
}
LAID_BY_OTHERS = {
    "a directory of theirs": 'mkdir "$1" "$1/run-1"; chmod 0711 "$1"',
    "a directory of theirs that looks like ours": 'mkdir "$1" "$1-abc" "$1-abc/run-1"',
}
AS_STRANGER = ("setpriv", "--reuid", str(STRANGER), "--regid", str(STRANGER), "--clear-groups", "--")
KINDS = [(kind, LAID[kind], ()) for kind in LAID]
if UID == 0:  # only root can be somebody else
    KINDS += [(f"{kind}, by another user", words, AS_STRANGER) for kind, words in (LAID | LAID_BY_OTHERS).items()]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A temporary directory in which anybody may make something, like /tmp."""
    tmp_path.chmod(0o1777)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run_directory._other.cache_clear()
    run_directory._sweep_others.cache_clear()
    return tmp_path


def lay(place, words, who=()):
    subprocess.run([*who, "/bin/sh", "-ec", words, "sh", USUAL], cwd=place, check=True)


def tree(place, but=()):
    """Return what is below a directory, and all that writing would change of it; looking changes only atime."""
    found = ((str(path), path.lstat()) for path in place.rglob("*") if path.name not in but)
    return sorted(
        (path, at.st_ino, at.st_mode, at.st_uid, at.st_nlink, at.st_mtime_ns, at.st_ctime_ns) for path, at in found
    )


def lives(run):
    return os.path.isdir(run.path) and not (os.stat(run.path).st_mode & 0o022)


@pytest.mark.parametrize(("kind", "words", "who"), KINDS, ids=[kind for kind, _, _ in KINDS])
def test_what_somebody_laid_at_its_place_is_left_alone_and_stops_nobody(place, kind, words, who):
    lay(place, words, who)
    before = tree(place)
    run = RunDirectory(UID)
    root = os.path.dirname(run.path)
    assert os.path.dirname(root) == str(place)
    assert os.path.basename(root).startswith(f"{USUAL}-")
    assert stat.S_IMODE(os.lstat(root).st_mode) == 0o711
    again = RunDirectory(UID)
    assert os.path.dirname(again.path) == root
    for each in (run, again):
        assert lives(each)
        each.remove()
    assert [entry for entry in tree(place) if entry[0] != root] == [entry for entry in before if entry[0] != root]
    assert os.listdir(root) == []


def test_without_that_it_has_its_usual_name(place):
    run = RunDirectory(UID)
    assert os.path.dirname(run.path) == str(place / USUAL)
    run.remove()


def test_what_others_laid_is_not_locked_while_a_run_lives(place):
    lay(place, LAID["a directory that others may write"])
    run = RunDirectory(UID)
    for name in (USUAL, f"{USUAL}/run-1"):
        held = os.open(place / name, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where somebody has it
        os.close(held)
    run.remove()


def abandon(run):
    """As if its process had been killed."""
    os.close(run._lock)
    return run.path


@pytest.mark.parametrize("freed", [True, False], ids=["its place is free again", "its place is still taken"])
def test_the_dead_runs_of_every_name_are_swept_and_the_living_stay(place, freed):
    lay(place, LAID["a file"])
    dead, living = abandon(RunDirectory(UID)), RunDirectory(UID)
    os.makedirs(f"{dead}/cell/deep")
    if freed:
        (place / USUAL).unlink()
    run_directory._other.cache_clear()
    run_directory._sweep_others.cache_clear()  # as another process
    run = RunDirectory(UID)
    assert not os.path.exists(dead)
    assert lives(living)
    assert (os.path.dirname(run.path) == os.path.dirname(living.path)) != freed
    living.remove()
    run.remove()


def test_its_directory_may_be_taken_away_between_two_runs(place):
    """As programs do that tidy up the temporary directory."""
    lay(place, LAID["a file"])
    run = RunDirectory(UID)
    run.remove()
    shutil.rmtree(os.path.dirname(run.path))
    again = RunDirectory(UID)
    assert lives(again)
    again.remove()


def test_what_is_no_run_is_not_swept(place):
    (place / USUAL / "kept").mkdir(parents=True, mode=0o755)
    (place / USUAL).chmod(0o711)
    RunDirectory(UID).remove()
    assert os.listdir(place / USUAL) == ["kept"]


def test_a_temporary_directory_that_can_not_be_listed_is_good_enough(place):
    """Some are 1733: there a root of another name is not found again, and a new one is made."""
    lay(place, LAID["a file"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", refuse_only(place, os.scandir))
        run = RunDirectory(UID)
        assert lives(run)
        run.remove()


def refuse_only(place, scandir):
    def refused(path):
        if path == str(place):
            raise PermissionError
        return scandir(path)

    return refused


def test_one_that_can_not_be_written_is_an_error_of_ours(place, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(place / "nowhere"))
    with pytest.raises(SandboxUnavailable, match="temporary directory"):
        RunDirectory(UID)
