"""Files into a sandbox and out of it, in real directories: what a cell did is listed, and applied only when safe."""

import ast
import ctypes
import os
import pickle
import socket
import stat
import threading
import time

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_magic.guest.codec.base import DecodeError
from sandbox_magic.guest.workspace import archive as guest
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.untrusted.workspace import file_names, openat, snapshot
from sandbox_magic.untrusted.workspace.apply import NotApplied, save
from sandbox_magic.untrusted.workspace.change import Change
from sandbox_magic.untrusted.workspace.changes import Changes
from sandbox_magic.untrusted.workspace.receive import Receiver

settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")

MIB = 2**20


class Trip:
    """A directory of the user's, the cell's copy of it, and what comes back."""

    def __init__(self, place):
        self.host, self.cell, self.archive = place / "host", place / "cell", place / "archive"
        self.host.mkdir()
        self.cell.mkdir()

    def start(self, **bounds):
        with self.archive.open("wb") as file:
            bounds = {"most_bytes": 64 * MIB, "most_files": 1000} | bounds
            covered = bounds.pop("covered", ())
            found = snapshot.look(self.host, most_files=bounds["most_files"], covered=covered)
            self.original = snapshot.pack(found, file.write, **bounds)
        self.workspace = guest.Workspace(str(self.cell))
        self.workspace.unpack(str(self.archive))

    def end(self, *patterns, most_bytes=64 * MIB, most_files=1000):
        receiver = Receiver(self.original, most_bytes=most_bytes, most_files=most_files)
        for piece in self.workspace.collect([os.fsencode(each) for each in patterns], most_bytes, most_files):
            receiver.feed(piece)
        return receiver.changes()


@pytest.fixture
def trip(tmp_path):
    trip = Trip(tmp_path)
    yield trip
    trip.workspace.close()


@pytest.fixture
def saved(tmp_path):
    """A private working directory without a copy of anything, as for --save."""
    trip = Trip(tmp_path)
    trip.original = None
    trip.workspace = guest.Workspace(str(trip.cell))
    yield trip
    trip.workspace.close()


def write(path, text="x", mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def tree(root):
    """Return what is below a directory: names, and content, target or nothing."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        found[name] = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
    return found


def listed(changes):
    return {change.path: change.kind for change in changes}


def whole(changes):
    """Apply all that nothing speaks against, what replaces and removes included: each by its name."""
    return changes.apply(*(change.path for change in changes if not change.refused and not change.left_out))


def test_a_copy_is_like_the_original(trip):
    write(trip.host / "a/b/run.sh", "#!/bin/sh\n", 0o755)
    write(trip.host / ".hidden/x", "")
    (trip.host / "a/empty").mkdir()
    (trip.host / "a/up").symlink_to("../a/b/run.sh")
    write(trip.host / "big", "0" * (3 * MIB + 5))
    os.utime(trip.host / "big", ns=(1, 1_500_000_000_123_456_789))
    trip.start()
    assert tree(trip.cell) == tree(trip.host)
    assert os.access(trip.cell / "a/b/run.sh", os.X_OK)
    assert (trip.cell / "big").stat().st_mtime_ns == 1_500_000_000_123_456_789
    assert listed(trip.end()) == {}


def test_what_the_cell_did_is_listed(trip):
    for name in ("same", "touched", "edited", "gone", "dir/gone", "made_executable", "becomes_dir"):
        write(trip.host / name, name)
    trip.start()
    os.utime(trip.cell / "touched")
    write(trip.cell / "same", "same")
    write(trip.cell / "edited", "Edited")
    (trip.cell / "gone").unlink()
    (trip.cell / "dir/gone").unlink()
    (trip.cell / "dir").rmdir()
    (trip.cell / "made_executable").chmod(0o755)
    (trip.cell / "becomes_dir").unlink()
    write(trip.cell / "becomes_dir/new", "")
    assert listed(trip.end()) == {
        "becomes_dir": "changed", "becomes_dir/new": "added", "dir": "removed", "dir/gone": "removed",
        "edited": "changed", "gone": "removed", "made_executable": "changed",
    }  # fmt: skip


def test_a_change_behind_a_set_back_clock_is_found(trip):
    write(trip.host / "a", "one")
    trip.start()
    before = (trip.cell / "a").stat()
    write(trip.cell / "a", "two")
    os.utime(trip.cell / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert listed(trip.end()) == {"a": "changed"}


def test_changes_are_taken_over(trip):
    write(trip.host / "edited", "old", 0o640)
    write(trip.host / "dir/gone")
    write(trip.host / "becomes_dir")
    write(trip.host / "becomes_file/x")
    trip.start()
    write(trip.cell / "edited", "new", 0o755)
    write(trip.cell / "new/deep/er", "1")
    (trip.cell / "link").symlink_to("new/deep/er")
    (trip.cell / "dir/gone").unlink()
    (trip.cell / "dir").rmdir()
    (trip.cell / "becomes_dir").unlink()
    write(trip.cell / "becomes_dir/x", "2")
    (trip.cell / "becomes_file/x").unlink()
    (trip.cell / "becomes_file").rmdir()
    write(trip.cell / "becomes_file", "3")
    changes = trip.end()
    applied = whole(changes)
    assert set(applied.done) == set(listed(changes))
    assert tree(trip.host) == tree(trip.cell)
    assert stat.S_IMODE((trip.host / "edited").stat().st_mode) == 0o750  # who may read it may run it
    assert whole(changes).done == applied.done  # once more changes nothing
    assert tree(trip.host) == tree(trip.cell)


def test_the_original_is_untouched_until_then(trip):
    """out-input-readonly: the cell writes a private copy."""
    write(trip.host / "in.txt", "in")
    trip.start()
    write(trip.cell / "in.txt", "tamper")
    trip.end()
    assert tree(trip.host) == {"in.txt": b"in"}


def test_only_what_is_chosen_is_taken_over(trip):
    trip.start()
    for name in ("a.csv", "sub/b.csv", "c.txt", "[1].txt"):
        write(trip.cell / name)
    changes = trip.end()
    changes.apply("*.csv", "[1].txt")
    assert {name for name, data in tree(trip.host).items() if data} == {"a.csv", "sub/b.csv", "[1].txt"}


@pytest.mark.parametrize("name", ["d.csv", "*.xls", "../a", ""])
def test_a_name_that_is_none_of_them_is_an_error_and_nothing_is_done(trip, name):
    trip.start()
    write(trip.cell / "a.csv")
    with pytest.raises(NotApplied, match="no change is named"):
        trip.end().apply("a.csv", name)
    assert tree(trip.host) == {}


HIDDEN = [
    ".git/hooks/pre-commit",
    ".git/config",
    ".vscode/tasks.json",
    ".bashrc",
    ".envrc",
    "conftest.py",
    "sitecustomize.py",
]
RUNNING = ["sub/CONFTEST.py", "UserCustomize.py", "x.PTH", "__pycache__/a.cpython-311.pyc", "jupyter_server_config.py"]
RUNNING += ["hooks/post-checkout", "HEAD", "jupyter_notebook_config.json", "random.py", "json/__init__.py", "a.pyc"]
RUNNING += ["pytest.py", "hypothesis/__init__.py", "matplotlibrc", "\u017fitecustomize.py"]  # a long s folds to s


@pytest.mark.parametrize("name", HIDDEN + RUNNING)
def test_what_runs_by_itself_is_left_out_unless_chosen_by_its_exact_name(trip, name):
    """fs-git-hooks, fs-missing-protected: also where nothing of that name was there before."""
    trip.start()
    write(trip.cell / name)
    write(trip.cell / "ok.txt")
    changes = trip.end()
    for patterns in ((), ("*",), ("*" + name[1:], "ok.txt")):
        applied = changes.apply(*patterns)
        assert name in dict(applied.left)
        assert [path.name for path in trip.host.rglob("*") if path.is_file()] == ["ok.txt"]
    assert changes.apply(name).done == (name,)
    assert (trip.host / name).read_text() == "x"


def test_what_runs_by_itself_is_neither_changed_nor_removed_by_default(trip):
    write(trip.host / ".git/config", "old")
    write(trip.host / "conftest.py", "old")
    trip.start()
    write(trip.cell / "conftest.py", "new")
    (trip.cell / ".git/config").unlink()
    trip.end().apply()
    assert tree(trip.host) == {".git": None, ".git/config": b"old", "conftest.py": b"old"}


def test_what_replaces_or_removes_is_applied_by_its_exact_name_only(trip):
    """A falsified sales.csv does not come along with the report that was asked for."""
    for name in ("sales.csv", "old.csv", "dir/a", "dir/b/c"):
        write(trip.host / name, "mine")
    trip.start()
    write(trip.cell / "sales.csv", "false")
    write(trip.cell / "report.csv", "new")
    for name in ("old.csv", "dir/a", "dir/b/c"):
        (trip.cell / name).unlink()
    (trip.cell / "dir/b").rmdir()
    (trip.cell / "dir").rmdir()
    changes = trip.end()
    before = tree(trip.host)
    for chosen in ((), ("*",), ("*.csv", "dir*")):
        applied = changes.apply(*chosen)
        assert applied.done == ("report.csv",)
        assert dict(applied.left) == {
            "sales.csv": "it would replace what you have",
            **dict.fromkeys(("old.csv", "dir", "dir/a", "dir/b", "dir/b/c"), "it would remove what you have"),
        }
        assert set(applied.by_name) == set(dict(applied.left))
        assert (
            repr(applied).splitlines()[-1]
            == f"To apply one of these all the same, name it: apply({applied.by_name[0]!r})"
        )
        assert tree(trip.host) == before | {"report.csv": b"new"}
    assert changes.apply("sales.csv", "old.csv").done == ("sales.csv", "old.csv")
    assert set(changes.apply("dir").done) == {"dir", "dir/a", "dir/b", "dir/b/c"}, "with a directory what was in it"
    assert tree(trip.host) == {"report.csv": b"new", "sales.csv": b"false"}


def test_a_file_in_the_place_of_a_directory_takes_what_was_in_it_along(trip):
    write(trip.host / "dir/a", "mine")
    trip.start()
    (trip.cell / "dir/a").unlink()
    (trip.cell / "dir").rmdir()
    write(trip.cell / "dir", "a file")
    assert trip.end().apply().done == ()
    assert tree(trip.host) == {"dir": None, "dir/a": b"mine"}
    trip.end().apply("dir")
    assert tree(trip.host) == {"dir": b"a file"}


def test_what_is_added_below_what_is_not_applied_is_not_applied_either(trip):
    """Else nothing at all could be applied: a file stands where the directory must."""
    write(trip.host / "dir", "mine")
    trip.start()
    (trip.cell / "dir").unlink()
    write(trip.cell / "dir/below", "x")
    write(trip.cell / "other", "x")
    applied = trip.end().apply()
    assert applied.done == ("other",)
    assert dict(applied.left) == {
        "dir": "it would replace what you have",
        "dir/below": "what is above it is not applied",
    }
    with pytest.raises(NotApplied, match="dir/below: what is above it here"):
        trip.end().apply("dir/below")
    trip.end().apply("dir", "dir/below")
    assert tree(trip.host) == {"dir": None, "dir/below": b"x", "other": b"x"}


def test_elsewhere_nothing_is_replaced_so_what_was_changed_comes_along(trip, tmp_path):
    write(trip.host / "sales.csv", "mine")
    write(trip.host / "gone", "mine")
    trip.start()
    write(trip.cell / "sales.csv", "false")
    (trip.cell / "gone").unlink()
    applied = trip.end().apply(to=tmp_path / "to")
    assert (applied.done, dict(applied.left)) == (("sales.csv",), {"gone": "removed, so there is nothing to save"})
    assert applied.by_name == ()
    assert tree(tmp_path / "to") == {"sales.csv": b"false"}
    assert tree(trip.host) == {"sales.csv": b"mine", "gone": b"mine"}


def test_many_names_are_chosen_in_bounded_time(trip):
    trip.start()
    for number in range(900):
        write(trip.cell / f"f{number}", "")
    changes = trip.end()
    names = [change.path for change in changes]
    began = time.process_time()
    assert len(changes.apply(*names).done) == 900
    assert time.process_time() - began < 5


def test_a_module_of_the_users_own_is_theirs_to_change(trip):
    """Only a new one would hide the standard library's."""
    write(trip.host / "types.py", "old")
    trip.start()
    write(trip.cell / "types.py", "new")
    assert trip.end()[0].left_out == ""
    whole(trip.end())
    assert tree(trip.host) == {"types.py": b"new"}


def test_a_link_is_left_out_where_it_would_be_imported_in_place_of_a_module(trip):
    """It leads to a package of a harmless name."""
    trip.start()
    write(trip.cell / "payload/__init__.py")
    (trip.cell / "json").symlink_to("payload")
    (trip.cell / "pytest").symlink_to("payload")
    applied = trip.end().apply()
    assert sorted(dict(applied.left)) == ["json", "pytest"]
    assert tree(trip.host) == {"payload": None, "payload/__init__.py": b"x"}


def test_a_new_file_in_a_package_of_the_users_own_hides_nothing(trip):
    write(trip.host / "pytest/__init__.py")
    trip.start()
    write(trip.cell / "pytest/new.py")
    assert trip.end().apply().done == ("pytest/new.py",)


def test_no_module_is_hidden_from_a_notebook_of_any_folder(trip):
    """A2-06: only the first part of a name was looked at."""
    write(trip.host / "notebooks/n.ipynb")
    write(trip.host / "project/__init__.py")
    trip.start()
    for name in ("notebooks/random.py", "notebooks/json/__init__.py", "project/types.py", "notebooks/new.py"):
        write(trip.cell / name)
    (trip.cell / "notebooks/pytest").symlink_to("../project")
    applied = trip.end().apply()
    assert dict(applied.left) == {
        "notebooks/json/__init__.py": "it would be imported in place of a module of the standard library",
        "notebooks/pytest": "it would be imported in place of an installed module",
        "notebooks/random.py": "it would be imported in place of a module of the standard library",
    }
    assert {"project/types.py", "notebooks/new.py"} <= set(applied.done)


def test_what_was_another_thing_before_is_looked_at_as_if_it_were_new(trip):
    """A file of data becomes a link to a package."""
    write(trip.host / "json")
    write(trip.host / "payload/__init__.py")
    trip.start()
    (trip.cell / "json").unlink()
    (trip.cell / "json").symlink_to("payload")
    assert "in place of a module" in dict(trip.end().apply().left)["json"]


def test_many_names_are_looked_at_in_bounded_time(saved, tmp_path):
    """files-deep-and-wide: each step of each name was matched with each pattern, each saved name with each."""
    deep = saved.cell.joinpath(*"a" * (guest.MOST_STEPS - 1))
    deep.mkdir(parents=True)
    for number in range(5000):
        (deep / f"f{number}").touch()
    began = time.thread_time()
    changes = saved.end("*", most_files=10_000)
    assert len(changes) == 5000
    assert len(save(changes, ("*",), tmp_path / "out").done) == 5000
    assert time.thread_time() - began < 20


def test_names_of_more_steps_than_that_are_not_looked_at(trip):
    trip.start()
    trip.cell.joinpath(*"a" * (guest.MOST_STEPS + 10)).mkdir(parents=True)
    changes = trip.end()
    assert len(changes) == guest.MOST_STEPS
    assert not changes.complete


def test_a_time_that_the_archive_can_not_hold_is_no_error(trip):
    write(trip.host / "later")
    os.utime(trip.host / "later", (10_413_792_000, 10_413_792_000))  # in 2299
    trip.start()
    assert len(trip.end()) == 0


def test_what_a_bind_lies_over_is_neither_in_the_copy_nor_removed(trip):
    write(trip.host / "data/a")
    write(trip.host / "data/b")
    write(trip.host / "file")
    (trip.cell / "data").mkdir()  # as the bind's own place is made
    trip.start(covered=["data/a", "file/x"])
    assert tree(trip.cell) == {"data": None, "data/b": b"x"}
    assert sorted(dict(trip.original.skipped)) == ["data/a", "file"]
    assert len(trip.end()) == 0


def test_links_that_lead_out_are_named_and_never_taken_over(trip):
    """out-symlink-passwd."""
    write(trip.host.parent / "canary", "secret")
    trip.start()
    targets = ["/etc/passwd", "/", "../canary", "sub/../../canary", "./x", "a/..", "sub/..", ".", "..", "x/", "a//b"]
    for number, target in enumerate(targets):
        (trip.cell / f"l{number}").symlink_to(target)
    changes = trip.end()
    assert all("symlink skipped" in str(change) for change in changes)
    assert all(b"secret" not in (change.data or b"") for change in changes)
    assert len(changes.apply().left) == len(targets)
    with pytest.raises(NotApplied, match="it leads out"):
        changes.apply("l0")
    assert tree(trip.host) == {}


def test_links_inside_are_taken_over_but_not_through_links_of_the_users(trip):
    write(trip.host.parent / "big/secret")
    (trip.host / "data").symlink_to("../big")  # the user's own: not in the copy
    write(trip.host / "sub/x")
    trip.start()
    assert dict(trip.original.skipped) == {"data": "a link that leads out"}
    (trip.cell / "sub/up").symlink_to("../good")
    (trip.cell / "bad").symlink_to("data/secret")
    changes = trip.end()
    with pytest.raises(NotApplied, match="bad: a link that leads through a link"):
        changes.apply()
    changes.apply("sub/*")
    assert os.readlink(trip.host / "sub/up") == "../good"


def test_a_link_to_what_runs_by_itself_is_left_out(trip):
    trip.start()
    (trip.cell / "notes").symlink_to(".git/config")
    assert dict(trip.end().apply().left).keys() == {"notes"}


def test_special_files_are_named_and_nothing_waits_for_them(trip):
    """out-fifo, out-special."""
    trip.start()
    os.mkfifo(trip.cell / "out.txt")
    here = os.open(trip.cell, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(f"/proc/self/fd/{here}/sock.txt")
    os.close(here)
    write(trip.cell / "ok.txt", "1")
    changes = trip.end()
    assert [change.path for change in changes if not change.refused] == ["ok.txt"]
    assert "skipped: neither a file nor a directory" in repr(changes)
    assert changes.apply().done == ("ok.txt",)


def test_sparse_files_count_with_the_size_that_they_claim(trip):
    """out-sparse-sum: what does not fit is named, and a later one that fits comes."""
    trip.start()
    for name in ("a.bin", "b.bin"):
        write(trip.cell / name, "")
        os.truncate(trip.cell / name, 40 * MIB)
    write(trip.cell / "c.bin", "small")
    changes = trip.end(most_bytes=64 * MIB)
    assert {change.path: change.refused != "" for change in changes} == {"a.bin": False, "b.bin": True, "c.bin": False}
    assert "b.bin  40.0 MiB  (skipped: 40.0 MiB are more than there was room for)" in repr(changes)
    changes.apply()
    assert (trip.host / "a.bin").stat().st_size == 40 * MIB


def test_many_links_to_a_large_file_cost_nothing(trip):
    """out-symlink-fan."""
    trip.start()
    write(trip.cell / "blob", "x" * 8 * MIB)
    for number in range(200):
        (trip.cell / f"s{number}.bin").symlink_to("blob")
    changes = trip.end(most_bytes=8 * MIB)
    assert sum(len(change.data) for change in changes) == 8 * MIB + 200 * len("blob")


def test_bad_names_are_kept_and_shown_escaped(trip):
    """out-badname."""
    trip.start()
    names = [b"\xc3.txt", b"line\nbreak\x1b[31m.txt", "\u202egnp.exe".encode(), b"back\\slash", "caf\u00e9".encode()]
    for name in names:
        with open(os.fsencode(trip.cell) + b"/" + name, "w") as file:
            file.write("x")
    changes = trip.end()
    lines = repr(changes).splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        "+ back\\\\slash", "+ caf\u00e9", "+ line\\nbreak\\x1b[31m.txt", "+ \\xc3.txt", "+ \\u202egnp.exe",
    ]  # fmt: skip
    assert "\x1b" not in changes._repr_html_()
    changes.apply()
    assert sorted(os.listdir(os.fsencode(trip.host))) == sorted(names)


@pytest.mark.parametrize(
    ("names", "example"),
    [
        (["ok.txt"], None),
        (["ok.txt", ".git/it's"], '".git/it\'s"'),
        ([".\u202e", ".b"], "'.b'"),
        (["." + "x" * 80], "NAME"),
    ],
)
def test_the_list_says_how_to_apply_what_is_not_applied_by_default(trip, names, example):
    trip.start()
    for name in names:
        write(trip.cell / name)
    changes = trip.end()
    last = repr(changes).splitlines()[-1]
    if example is None:
        assert last.startswith("+ ok.txt")
    else:
        assert last.endswith(f"anything else by its exact name: apply({example})")
        chosen = names[-1] if example == "NAME" else ast.literal_eval(example)
        assert changes.apply(chosen).done == (chosen,)


def test_a_name_can_not_be_html(trip):
    trip.start()
    write(trip.cell / "<img src=x onerror=alert(1)>")
    (trip.cell / "a").symlink_to("<img src=x>")
    assert "<img" not in trip.end()._repr_html_()
    assert "<img" not in trip.end().diff()._repr_html_()


def cells(changes):
    """Return the rows of the table as a browser shows them."""
    found = html5lib.parse(changes._repr_html_(), namespaceHTMLElements=False)
    return [["".join(cell.itertext()) for cell in row] for row in found.iter("tr")]


def test_a_notebook_shows_a_table(trip):
    write(trip.host / "sales.csv", "x" * 2048)
    write(trip.host / "gone", "x" * 10)
    trip.start()
    write(trip.cell / "sales.csv", "y" * 10)
    (trip.cell / "gone").unlink()
    write(trip.cell / "run", "x", 0o755)
    write(trip.cell / "conftest.py", "")
    write(trip.cell / "d/x", "x")
    (trip.cell / "link").symlink_to("d/x")
    (trip.cell / "out").symlink_to("/etc")
    changes = trip.end()
    assert cells(changes) == [
        ["", "name", "size", ""],
        ["added", "conftest.py", "0 B", "not applied: other programs may run this file by themselves"],
        ["added", "d/", "", ""],
        ["added", "d/x", "1 B", ""],
        ["added", "link", "", "→ d/x"],
        ["added", "out", "", "→ /etc; symlink skipped: it leads out"],
        ["added", "run", "1 B", "executable"],
        ["changed", "sales.csv", "2.0 KiB → 10 B", ""],
        ["removed", "gone", "10 B", ""],
    ]
    assert changes._remarks()[-1] in html5lib.parse(changes._repr_html_(), namespaceHTMLElements=False)[1].itertext()


def test_a_table_of_nothing_says_so(trip):
    trip.start()
    assert "no changes" in trip.end()._repr_html_()


def test_a_long_table_says_how_much_more_there_is(trip):
    trip.start()
    for number in range(60):
        write(trip.cell / f"f{number}")
    assert len(cells(trip.end())) == 51
    assert "... and 10 more" in trip.end()._repr_html_()


def test_a_directory_put_in_the_place_of_the_workspace_is_not_looked_at(trip):
    write(trip.host.parent / "elsewhere/secret")
    trip.start()
    write(trip.cell / "mine")
    trip.cell.rename(trip.cell.parent / "moved")
    trip.cell.symlink_to("elsewhere")
    assert listed(trip.end()) == {"mine": "added"}


def test_what_the_cell_made_unreadable_comes_out_all_the_same(trip):
    write(trip.host / "a")
    trip.start()
    write(trip.cell / "dir/x", "y", 0)
    (trip.cell / "dir").chmod(0)
    (trip.cell / "a").chmod(0)
    assert listed(trip.end()) == {"dir": "added", "dir/x": "added"}


def test_what_the_cell_shut_whole_comes_out_all_the_same(trip):
    """files-chmod-000-root: PID 1 could not look into it, and died without a report."""
    trip.start()
    write(trip.cell / "new")
    trip.cell.chmod(0)
    assert [change.path for change in trip.end()] == ["new"]


def test_more_files_than_are_looked_at_are_no_removed_ones(trip):
    for number in range(10):
        write(trip.host / f"f{number}")
    trip.start()
    for number in range(10):
        write(trip.cell / f"g{number}")
    changes = trip.end(most_files=12)
    assert not changes.complete
    assert "removed" not in listed(changes).values()
    assert "There were more files" in repr(changes)


def test_a_tree_deeper_than_a_path_can_be_ends(trip):
    trip.start()
    here = os.getcwd()
    os.chdir(trip.cell)
    try:
        for _ in range(30):
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
    finally:
        os.chdir(here)
    changes = trip.end()
    assert not changes.complete
    assert max(len(change.path) for change in changes) <= guest.MOST_NAME


def test_renaming_moves_nothing_out_of_its_rule(trip):
    """fs-rename-bypass: a rename is one name that is gone and one that is new, each under its own rule."""
    write(trip.host / ".protected/secret.txt", "s")
    trip.start()
    (trip.cell / ".protected").rename(trip.cell / "moved")
    write(trip.cell / "moved/secret.txt", "x")
    whole(trip.end())
    assert tree(trip.host)[".protected/secret.txt"] == b"s"


@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [
        (lambda host: write(host / "edited", "by the user"), "edited: it has been changed here since"),
        (lambda host: (host / "edited").unlink(), "edited: it has been removed here since"),
        (lambda host: (host / "edited").chmod(0o755), "edited: it has been changed here since"),
        (lambda host: write(host / "gone", "by the user"), "gone: it has been changed here since"),
        (lambda host: write(host / "new", "by the user"), "new: something of that name is here already"),
        (lambda host: (host / "new").mkdir(), "new: something of that name is here already"),
        (lambda host: os.mkfifo(host / "new"), "new: something of that name is here already"),
        (lambda host: (host / "new").symlink_to("nowhere"), "new: something of that name is here already"),
        (lambda host: (host / "sub").symlink_to("/tmp"), "sub/x: what is above it here is a link, or no directory"),
        (lambda host: write(host / "sub"), "sub/x: what is above it here is a link, or no directory"),
    ],
)
def test_what_was_changed_here_meanwhile_is_a_conflict_and_nothing_is_done(trip, meanwhile, why):
    write(trip.host / "edited", "old")
    write(trip.host / "gone", "old")
    trip.start()
    write(trip.cell / "edited", "new")
    write(trip.cell / "new", "new")
    write(trip.cell / "other", "new")
    write(trip.cell / "sub/x", "new")
    (trip.cell / "gone").unlink()
    changes = Changes(entries=tuple(c for c in trip.end() if c.path != "sub"), _before=trip.original)
    meanwhile(trip.host)
    modes = [path.lstat().st_mode for path in sorted(trip.host.rglob("*"))]
    with pytest.raises(NotApplied, match="nothing was applied: 1 of 5 changes can't be") as caught:
        whole(changes)
    assert why in str(caught.value)
    assert not (trip.host / "other").exists()
    assert modes == [path.lstat().st_mode for path in sorted(trip.host.rglob("*"))]
    changes.apply("other")


def test_a_touched_original_is_no_conflict(trip):
    write(trip.host / "a", "old")
    trip.start()
    write(trip.cell / "a", "new")
    os.utime(trip.host / "a")
    whole(trip.end())
    assert tree(trip.host) == {"a": b"new"}


def test_a_directory_in_which_the_user_has_put_something_stays(trip):
    write(trip.host / "dir/x")
    trip.start()
    (trip.cell / "dir/x").unlink()
    (trip.cell / "dir").rmdir()
    write(trip.host / "dir/mine")
    with pytest.raises(NotApplied, match="dir could not be applied; 1 others already were"):
        whole(trip.end())
    assert tree(trip.host) == {"dir": None, "dir/mine": b"x"}


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "", ".", "a//b", "a/./b", "a\0b"])
def test_a_name_that_leads_out_is_refused_even_if_it_came_this_far(trip, path):
    trip.start()
    changes = Changes(entries=(Change(path=path, kind="added", data=b"x"),), _before=trip.original)
    with pytest.raises(NotApplied, match="its name leads out of the directory"):
        changes.apply()
    assert tree(trip.host) == {}


def test_no_right_of_another_user_is_ever_lent(trip):
    write(trip.host / "a", "old", 0o4755)
    trip.start()
    write(trip.cell / "a", "new", 0o6755)
    write(trip.cell / "b", "new", 0o6755)
    whole(trip.end())
    for name in ("a", "b"):
        assert stat.S_IMODE((trip.host / name).stat().st_mode) & 0o7000 == 0


def test_a_directory_swapped_for_a_link_at_any_moment_leads_nowhere(trip):
    """One thread swaps it all the time, another applies: no file is ever written where the link leads."""
    outside = trip.host.parent / "outside"
    outside.mkdir()
    trip.start()
    write(trip.cell / "dir/x", "x")
    changes = trip.end()
    (trip.host / "dir").mkdir()
    (trip.host / "link").symlink_to(outside)
    over = threading.Event()
    exchange = ctypes.CDLL(None).renameat2
    names = [os.fsencode(trip.host / name) for name in ("dir", "link")]

    def swap():
        while not over.is_set():
            assert exchange(-100, names[0], -100, names[1], 2) == 0  # AT_FDCWD, RENAME_EXCHANGE

    thread = threading.Thread(target=swap)
    thread.start()
    outcomes = set()
    try:
        for attempt in range(100_000):
            try:
                changes.apply()
                outcomes.add("done")
            except NotApplied:
                outcomes.add("refused")
            if attempt >= 300 and len(outcomes) == 2:
                break
    finally:
        over.set()
        thread.join()
    assert outcomes == {"done", "refused"}  # it was seen as both
    assert os.listdir(outside) == []


def test_a_link_in_the_way_is_not_followed_by_any_step(tmp_path):
    outside = tmp_path / "outside"
    write(outside / "file", "secret")
    root = tmp_path / "root"
    root.mkdir()
    (root / "dir").symlink_to(outside)
    (root / "link").symlink_to(outside / "file")
    with openat.directory(root) as here:
        for attempt in (
            lambda: openat.state(here, "dir/file", 100),
            lambda: openat.write(here, "dir/new", b"x", executable=False, replace=True),
            lambda: openat.link(here, "dir/new", "x"),
            lambda: openat.make_directory(here, "dir/new"),
            lambda: openat.remove(here, "dir/file", "file"),
        ):
            with pytest.raises(NotADirectoryError):
                attempt()
        assert openat.state(here, "link", 100) == openat.of_link(str(outside / "file"))
        openat.write(here, "link", b"x", executable=False, replace=True)  # replaces the link itself
    assert tree(outside) == {"file": b"secret"}
    assert (root / "link").read_text() == "x"


def test_a_write_that_must_not_replace_does_not(tmp_path):
    write(tmp_path / "a", "old")
    with openat.directory(tmp_path) as here, pytest.raises(FileExistsError):
        openat.write(here, "a", b"new", executable=False, replace=False)
    assert tree(tmp_path) == {"a": b"old"}


def test_changes_travel_between_processes(trip):
    trip.start()
    write(trip.cell / "a")
    changes = trip.end()
    assert pickle.loads(pickle.dumps(changes)) == changes
    assert (len(changes), changes[0].path, changes[:1]) == (1, "a", (changes[0],))


class TestSave:
    """Files out of a private working directory."""

    def test_only_what_a_pattern_names_comes_out_and_hidden_files_only_for_a_hidden_pattern(self, saved):
        """out-hidden, out-special."""
        for name in (".env", "_tmp/x.txt", "vis.txt", "plots/a.png", "plots/_b.png", "other"):
            write(saved.cell / name)
        (saved.cell / "dir.txt").mkdir()
        assert listed(saved.end("*.txt", "plots")).keys() == {"vis.txt", "plots/a.png"}
        assert listed(saved.end("*")).keys() == {"vis.txt", "plots/a.png", "other"}
        assert listed(saved.end(".env", "_tmp/*")).keys() == {".env", "_tmp/x.txt"}
        assert listed(saved.end("plots/_*")).keys() == {"plots/_b.png"}

    def test_files_are_saved_and_saved_again_but_never_over_another_file(self, saved, tmp_path):
        """A notebook is run again: what we wrote, and nobody changed, may be replaced."""
        to = tmp_path / "made/here"
        write(saved.cell / "plot.png", "one")
        assert save(saved.end("*.png"), ["*.png"], to).done == ("plot.png",)
        write(saved.cell / "plot.png", "two")
        save(saved.end("*.png"), ["*.png"], to)
        assert tree(to) == {"plot.png": b"two"}
        write(to / "plot.png", "mine")
        write(saved.cell / "plot.png", "three")
        with pytest.raises(NotApplied, match=r"plot.png: something of that name is here already"):
            save(saved.end("*.png"), ["*.png"], to)
        assert tree(to) == {"plot.png": b"mine"}

    def test_links_are_not_saved_and_what_runs_by_itself_only_by_its_exact_name(self, saved, tmp_path):
        write(saved.cell / "conftest.py")
        write(saved.cell / ".env")
        (saved.cell / "a.py").symlink_to("conftest.py")
        applied = save(saved.end("*.py", ".env"), ["*.py", ".env"], tmp_path / "to")
        assert applied.done == (".env",)
        assert dict(applied.left) == {
            "a.py": "symlink skipped: only files are saved",
            "conftest.py": "other programs may run this file by themselves",
        }

    def test_nothing_to_save_makes_no_directory(self, saved, tmp_path):
        assert save(saved.end("*.py"), ["*.py"], tmp_path / "to").done == ()
        assert not (tmp_path / "to").exists()

    def test_without_a_directory_there_is_nothing_to_apply_to(self, saved):
        write(saved.cell / "a")
        with pytest.raises(NotApplied, match="there is no directory"):
            saved.end("a").apply()


class TestPack:
    """What goes in, and what is refused before anything runs."""

    def test_too_much_is_refused_with_the_option_that_helps(self, trip):
        write(trip.host / "a", "x" * 3 * MIB)
        trip.workspace = guest.Workspace(str(trip.cell))
        with pytest.raises(PolicyError, match=r"takes 3.00? MiB, more than the 2.0 MiB") as caught:
            trip.start(most_bytes=2 * MIB)
        assert "disk: at least 7M" in str(caught.value)

    def test_small_files_count_with_the_pages_that_they_take(self, trip):
        for number in range(10):
            write(trip.host / str(number))
        trip.workspace = guest.Workspace(str(trip.cell))
        with pytest.raises(PolicyError, match=r"takes 40.0 KiB"):
            trip.start(most_bytes=39 * 1024)

    def test_too_many_and_no_directory_are_refused(self, trip):
        for number in range(11):
            write(trip.host / str(number))
        trip.workspace = guest.Workspace(str(trip.cell))
        with pytest.raises(PolicyError, match="more than 10 files"):
            trip.start(most_files=10)
        for wrong in (trip.host / "1", trip.host / "nothing"):
            with pytest.raises(PolicyError, match="can't be read"):
                snapshot.look(wrong, most_files=10)

    def test_what_is_left_behind_is_named(self, trip):
        os.mkfifo(trip.host / "fifo")
        (trip.host / "out").symlink_to("/etc/passwd")
        trip.start()
        assert dict(trip.original.skipped) == {"fifo": "neither a file nor a directory", "out": "a link that leads out"}
        assert tree(trip.cell) == {}
        write(trip.cell / "out", "mine")
        with pytest.raises(NotApplied, match="out: something of that name is here already"):
            trip.end().apply()

    def test_names_that_are_no_text_go_in_and_come_back(self, trip):
        with open(os.fsencode(trip.host) + b"/\xff\n", "w") as file:
            file.write("x")
        trip.start()
        assert os.listdir(os.fsencode(trip.cell)) == [b"\xff\n"]
        assert listed(trip.end()) == {}

    def test_a_broken_archive_is_an_error(self, trip):
        write(trip.host / "a", "x" * 100)
        trip.start()
        short = trip.archive.read_bytes()[:60]
        trip.archive.write_bytes(short)
        (trip.cell / "a").unlink()
        with pytest.raises(OSError, match="ends too early"):
            guest.Workspace(str(trip.cell)).unpack(str(trip.archive))


NAMES = st.sampled_from(
    [b"a", b"b", b"a/b", b"a/c", b"kept", b"../x", b"/x", b"", b"a//b", b".", b"x" * 300, b"\xff", b"n\0"]
)
KINDS = st.sampled_from([bytes([byte]) for byte in b"fdlrste?"])
ENTRIES = st.lists(
    st.tuples(KINDS, NAMES, st.one_of(st.integers(0, 20), st.sampled_from([2**40, 2**63])), st.binary(max_size=20)),
    max_size=6,
)


@given(ENTRIES, st.lists(st.integers(1, 50), max_size=20))
def test_a_stream_of_lies_gives_changes_or_the_one_error(entries, cuts):
    kept = {"kept": openat.of_data(b"", executable=False)}
    original = snapshot.Snapshot(path="/nowhere", states=kept, summaries={"kept": ("file", 0)})
    stream = b"".join(guest.header(kind, name, size) + data for kind, name, size, data in entries)
    receiver = Receiver(original, most_bytes=1000, most_files=4)
    try:
        for piece in [stream[start : start + 7] for start in range(0, len(stream), 7)]:
            receiver.feed(piece)
            assert len(receiver._buffer) < 10_000
        changes = receiver.changes()
    except DecodeError as error:
        assert str(error).isascii()  # noqa: PT017 - there may be no error
    else:
        assert all(file_names.is_good(change.path) for change in changes)
        assert sum(len(change.data or b"") for change in changes) <= 1000
        assert repr(changes).isprintable() or "\n" in repr(changes)


def stream(*entries):
    return b"".join(guest.header(kind, name, len(data)) + data for kind, name, data in entries)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (stream((b"f", b"a", b"x" * 1001)), "larger than was allowed"),
        (stream((b"f", b"a", b"x" * 600), (b"f", b"b", b"x" * 600)), "larger than was allowed"),
        (guest.header(b"f", b"a", 2**63), "larger than was allowed"),
        (stream((b"f", b"a", b""), (b"f", b"a", b"")), "wrong"),
        (stream(*[(b"d", b"%d" % number, b"") for number in range(5)]), "wrong"),
        (stream((b"r", b"unknown", b"")), "wrong"),
        (stream((b"f", b"../a", b"")), "wrong"),
        (stream((b"?", b"a", b"")), "wrong"),
        (stream((b"e", b"", b"")) + b"x", "follows the end"),
        (stream((b"f", b"a", b"x")), "did not all arrive"),
        (stream((b"f", b"a", b"x"))[:-1], "did not all arrive"),
        (stream((b"f", b"a", b"x"), (b"f", b"a/b", b"x"), (b"e", b"", b"")), "where a directory must"),
    ],
)
def test_a_stream_that_pid_1_does_not_send_is_refused(sent, why):
    with pytest.raises(DecodeError, match=why):
        received(sent)


def received(sent):
    receiver = Receiver(None, most_bytes=1000, most_files=4)
    receiver.feed(sent)
    return receiver.changes()
