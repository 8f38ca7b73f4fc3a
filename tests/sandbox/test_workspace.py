"""Files into a sandbox and out of it: binds, a workspace, and what is saved."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sandbox_magic as sm
from sandbox_magic import PolicyError
from sandbox_magic.jail.view import overlay
from sandbox_magic.untrusted.workspace import snapshot
from sandbox_magic.untrusted.workspace.apply import NotApplied

CASES = {
    case["id"]: case["code"]
    for case in map(json.loads, (Path(__file__).parent.parent / "cases.jsonl").read_text("utf-8").splitlines())
}


@pytest.fixture
def here(own_directory, monkeypatch):
    """The working directory of the host: a project of a few files."""
    place = own_directory / "project"
    (place / "protected").mkdir(parents=True)
    (place / "in.txt").write_text("given")
    (place / "protected" / "secret.txt").write_text("kept")
    place.chmod(0o755)
    monkeypatch.chdir(place)
    return place


@pytest.fixture(params=["own", "copy"])
def way(request, monkeypatch):
    """How this machine does it by itself, and how one that refuses overlays does."""
    if request.param == "copy":
        monkeypatch.setattr(overlay, "_known", {})
        monkeypatch.setattr(overlay, "_refusal", lambda _: "this test says so")
    return request.param


only_copied = pytest.mark.parametrize("way", ["copy"], indirect=True)


def listing(place):
    return sorted(str(path.relative_to(place)) for path in place.rglob("*"))


def kinds(changes):
    return {change.path: change.kind for change in changes}


def test_a_bind_is_readable_and_nothing_else_is(here):
    code = "import os\nprint(open('in.txt').read(), open('data/s.txt').read(), sorted(os.listdir('.')))"
    result = sm.run(code, bind=["in.txt", "protected/secret.txt:data/s.txt"])
    assert result.stdout == "given kept ['data', 'in.txt']\n"
    assert str(here / "in.txt") in result.isolation.shared


def test_a_bound_directory_shows_no_socket(here):
    import socket

    with socket.socket(socket.AF_UNIX) as server:
        server.bind("protected/door")
        server.listen()
        code = "import socket\ntry: socket.socket(socket.AF_UNIX).connect('protected/door'); print('ESCAPED')\n"
        result = sm.run(code + "except OSError as e: print('HELD', e.errno)", bind="protected")
    assert result.stdout.startswith("HELD")


def test_a_socket_made_or_removed_since_the_last_run_is_seen(here):
    """bind-late-socket: the answer of a minute ago showed it to the cell, or kept the sandbox from starting."""
    import socket

    sm.run("1", bind="protected")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("protected/door")
        server.listen()
        os.chmod("protected/door", 0o777)
        code = "import socket\ntry: socket.socket(socket.AF_UNIX).connect('protected/door'); print('ESCAPED')\n"
        result = sm.run(code + "except OSError as e: print('HELD', e.errno)", bind="protected")
    assert result.stdout.startswith("HELD")
    os.unlink("protected/door")
    assert sm.run("1", bind="protected").ok


def test_a_bind_below_another_is_refused(here):
    with pytest.raises(PolicyError, match="below 'protected'"):
        sm.run("1", bind=["protected", "in.txt:protected/new"])


@pytest.mark.parametrize("what", ["/", "absent.txt", "in.txt:../x", "in.txt:/etc/x", "/dev/null", ""])
def test_a_bind_that_makes_no_sense_is_refused(here, what):
    with pytest.raises(PolicyError) as caught:
        sm.run("print('ran')", bind=what)
    assert caught.value.remedy


def test_the_original_of_a_bind_stays(here):
    result = sm.run(CASES["out-input-readonly"], bind="in.txt", save="*")
    assert result.stdout.startswith("HELD")
    assert (here / "in.txt").read_text() == "given"
    assert kinds(result.changes) == {}


def test_a_read_only_rule_is_not_renamed_away(here):
    for bind in ("protected", "protected/secret.txt:protected/secret.txt"):
        result = sm.run(CASES["fs-rename-bypass"], bind=bind)
        assert result.stdout.startswith("HELD"), result.stdout
    assert (here / "protected" / "secret.txt").read_text() == "kept"


def test_only_what_is_new_comes_back(here):
    result = sm.run(CASES["out-unmodified"], bind="in.txt", save="*")
    assert result.ok, result.stderr
    assert (here / "new.txt").read_text() == "GIVEN"
    assert kinds(result.changes) == {"new.txt": "added"}
    assert "Saved: new.txt." in result.notes


@pytest.mark.usefixtures("way")
def test_a_workspace_leaves_the_original_as_it_is(here):
    """The code sees it and may change it; nothing happens to the original until it is told to."""
    code = "import os, stat\nopen('in.txt', 'a').write('!')\nos.remove('protected/secret.txt')\nos.mkdir('d')\n"
    code += "open('d/n.py', 'w').write('x')\nos.chmod('d/n.py', 0o4755)\nos.utime('protected')"
    before = listing(here)
    result = sm.run(code, workspace=".")
    assert result.ok, result.stderr
    assert listing(here) == before
    assert kinds(result.changes) == {"in.txt": "changed", "protected/secret.txt": "removed", "d": "added",
                                     "d/n.py": "added"}  # fmt: skip
    result.changes.apply("in.txt")
    assert (here / "in.txt").read_text() == "given!"
    result.changes.apply()
    assert listing(here) == ["d", "d/n.py", "in.txt", "protected", "protected/secret.txt"]
    result.changes.apply("protected/secret.txt")
    assert listing(here) == ["d", "d/n.py", "in.txt", "protected"]
    assert (here / "d/n.py").stat().st_mode & 0o7777 == 0o755


@pytest.mark.usefixtures("way")
def test_a_workspace_that_was_shut_comes_out_all_the_same(here):
    """files-chmod-000-root: PID 1 died of it, and the run looked as if it had destroyed its sandbox."""
    result = sm.run("import os\nopen('new', 'w').close()\nos.chmod('.', 0)", workspace=".")
    assert result.ok
    assert kinds(result.changes) == {"new": "added"}


@pytest.mark.usefixtures("way")
def test_a_bind_over_a_file_of_the_workspace_hides_it_and_removes_nothing(here):
    (here.parent / "other").write_text("other")
    code = "print(open('in.txt').read(), open('protected/new').read())"
    result = sm.run(code, workspace=".", bind=["../other:in.txt", "../other:protected/new"])
    assert result.stdout == "other other\n"
    assert kinds(result.changes) == {}
    assert "in.txt: --bind shows something else there" in " ".join(result.notes)


@only_copied
@pytest.mark.usefixtures("way")
def test_files_that_never_came_in_were_not_removed(here):
    """The copy is ended by its limit before it is whole: applying its changes must delete nothing."""
    for number in range(30):
        (here / f"f{number}").write_bytes(os.urandom(2**20))
    result = sm.run("1", workspace=".", memory="24M")
    assert result.ok == (result.isolation["memory"].strength != "enforced")  # else all of it came in
    assert not result.changes


@pytest.mark.usefixtures("way")
def test_a_conflict_is_named_and_nothing_is_overwritten(here):
    result = sm.run("open('in.txt', 'w').write('theirs')", workspace=".")
    (here / "in.txt").write_text("mine")
    with pytest.raises(NotApplied, match="nothing was applied"):
        result.changes.apply("in.txt")
    assert (here / "in.txt").read_text() == "mine"


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("case", ["fs-git-hooks", "fs-missing-protected"])
def test_what_runs_by_itself_later_is_left_out(here, case):
    before = listing(here)
    result = sm.run(CASES[case], workspace=".")
    assert "wrote" in result.stdout
    applied = result.changes.apply()
    assert listing(here) == before, applied
    assert len(applied.left) >= 1


# What a program of the folder runs by itself, and a program that does; pandas looks for bottleneck.
BY_ITSELF = {
    "notebooks/colorsys.py": "import colorsys",
    "notebooks/wsgiref/__init__.py": "import wsgiref",
    "notebooks/bottleneck.py": "import pandas",
    "notebooks/evil-1.0.dist-info/entry_points.txt": (
        "import importlib.metadata as m\nif m.entry_points(group='pytest11', name='evil'): print('theirs')"
    ),
}


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("name", BY_ITSELF)
def test_a_program_started_in_a_sub_folder_does_not_run_what_is_new_there(here, name):
    """Unless it was applied by its exact name."""
    (here / "notebooks").mkdir()
    (here / "notebooks/n.ipynb").write_text("{}")
    text = "[pytest11]\nevil = evil\n" if name.endswith(".txt") else "print('theirs')\n"
    code = f"import os\nos.makedirs(os.path.dirname({name!r}), exist_ok=True)\nopen({name!r}, 'w').write({text!r})"
    changes = sm.run(code, workspace=".").changes
    command = [sys.executable, "-W", "ignore", "-c", BY_ITSELF[name]]
    for chosen, said in (((), ""), ((name,), "theirs\n")):
        changes.apply(*chosen)
        done = subprocess.run(command, cwd=here / "notebooks", capture_output=True, text=True, check=False)
        assert done.stdout.startswith(said)
        assert bool(done.stdout) == bool(said), done.stderr


def test_links_out_are_not_followed(here, canary):
    result = sm.run(CASES["out-symlink-passwd"].replace("@CANARY@", str(canary)), save="*")
    assert all(change.refused.startswith("symlink skipped") for change in result.changes)
    assert len(result.changes) == 3
    assert sum("symlink skipped" in note for note in result.notes) == 3
    assert listing(here) == ["in.txt", "protected", "protected/secret.txt"]


def test_special_files_are_skipped(here):
    sm.run(CASES["out-fifo"], save="*")
    result = sm.run(CASES["out-special"], save="*")
    assert "Saved: ok.txt." in result.notes
    assert listing(here) == ["in.txt", "ok.txt", "protected", "protected/secret.txt"]


def test_a_sum_of_sparse_files_counts_with_its_apparent_size(here):
    result = sm.run(CASES["out-sparse-sum"], save="*", disk="64M")
    assert result.ok
    assert (here / "a.bin").stat().st_size == 40 << 20
    assert not (here / "b.bin").exists()
    assert any("b.bin" in note and "more than there was room for" in note for note in result.notes)


def test_a_fan_of_links_costs_nothing(here):
    result = sm.run(CASES["out-symlink-fan"], save="*")
    assert result.ok
    assert (here / "blob").stat().st_size == 8 << 20
    assert len(listing(here)) == 4


def test_bad_names_are_shown_escaped(here):
    result = sm.run(CASES["out-badname"], save="*")
    assert (here / "ok.txt").exists()
    assert "\x1b" not in repr(result.changes) + "".join(result.notes)
    assert "\n" not in "".join(result.notes)


def test_hidden_files_come_only_when_named(here):
    assert sm.run(CASES["out-hidden"], save="*").changes[0].path == "vis.txt"
    assert not (here / ".env").exists()
    sm.run(CASES["out-hidden"], save=[".env", "_tmp/x.txt"])
    assert (here / ".env").exists()
    assert (here / "_tmp" / "x.txt").exists()


def test_what_is_there_is_not_replaced(here):
    result = sm.run("open('in.txt', 'w').write('theirs')", save="*.txt")
    assert any(note.startswith("Nothing was saved: ") for note in result.notes)
    assert (here / "in.txt").read_text() == "given"
    for text in ("one", "two"):  # but what we saved ourselves is
        sm.run(f"open('out.txt', 'w').write({text!r})", save="*.txt")
    assert (here / "out.txt").read_text() == "two"


def test_files_of_a_failed_cell_come_out_and_those_of_a_stopped_one_do_not(here):
    assert "Saved: log.txt." in sm.run("open('log.txt', 'w')\n1 / 0", save="*").notes
    result = sm.run("open('late.txt', 'w')\nwhile True: pass", save="*", timeout=0.3)
    assert any("because the code did not end by itself" in note for note in result.notes)
    assert not (here / "late.txt").exists()


@pytest.mark.usefixtures("here", "way")
def test_the_working_directory_can_not_be_swapped(canary):
    """What stands under its name at the end is not looked at; the directory that it was is."""
    code = f"import os\nos.chdir('..')\nos.rename('workspace', 'w')\nos.symlink({str(canary.parent)!r}, 'workspace')"
    assert kinds(sm.run(code, workspace=".").changes) == {}


@only_copied
@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("what", [".", "protected"])
def test_what_is_swapped_for_a_link_is_not_copied(here, monkeypatch, what):
    """By somebody who may write there, between the look and the copy; the link leads to a file of the same name."""
    secret = here.parent / "secret"
    (secret / "protected").mkdir(parents=True)
    for name in ("in.txt", "secret.txt", "protected/secret.txt"):
        (secret / name).write_text("ESCAPED")
    look, place = snapshot.look, here / what

    def and_swap(*words, **more):
        found = look(*words, **more)
        place.rename(here.parent / "away")
        place.symlink_to(secret)
        return found

    monkeypatch.setattr(snapshot, "look", and_swap)
    with pytest.raises(PolicyError, match="can't be read"):
        sm.run("print(open('protected/secret.txt').read())", workspace=here)


@only_copied
@pytest.mark.usefixtures("way")
def test_a_workspace_that_does_not_fit_is_refused(here):
    (here / "big").write_bytes(bytes(2**20))
    with pytest.raises(PolicyError, match="no overlay: this test says so") as refused:
        sm.run("print('ran')", workspace=".", disk="1M")
    assert refused.value.remedy.startswith("option disk")


@only_copied
@pytest.mark.usefixtures("way")
def test_what_the_workspace_takes_is_the_codes_memory(here):
    (here / "big").write_bytes(os.urandom(40 * 2**20))
    result = sm.run("import time; time.sleep(0.1)", workspace=".", disk="128M")
    if result.isolation["memory"].strength == "enforced":
        assert result.usage.peak_memory_bytes >= 40 * 2**20


def test_save_and_workspace_are_one_or_the_other(here):
    with pytest.raises(PolicyError, match="save"):
        sm.run("1", workspace=".", save="*")
