"""A workspace below a layer: read where it is, however large; what is written is bounded and comes out."""

from __future__ import annotations

import os
import socket
import stat

import pytest

import sandbox_magic as sm
from sandbox_magic.untrusted.applying import NotApplied


@pytest.fixture
def here(own_directory):
    """A directory with a little of everything."""
    place = own_directory / "a, b:c\\d\ne"  # all of which means something in the options of an overlay
    (place / "sub" / "deep").mkdir(parents=True)
    for name in ("one", "two", "sub/three", "sub/deep/four"):
        (place / name).write_text(name)
    (place / "link").symlink_to("one")
    return place


def run(code, place, **options):
    result = sm.run(code, workspace=place, **options)
    assert result.isolation["workspace"].mechanism.startswith("copy-on-write"), result.isolation["workspace"]
    return result


def changes(result):
    return {(change.path, change.kind, change.type) for change in result.changes}


def contents(place):
    return {
        str(path.relative_to(place)): "directory" if path.is_dir() and not path.is_symlink() else path.read_text()
        for path in place.rglob("*")
    }


def test_everything_that_can_happen_to_a_file_is_told(here):
    """And taken over, after which the directory is as the code saw it; until then it is as it was."""
    before = contents(here)
    code = """
import os, shutil
open("one", "a").write("!")
os.remove("two")
shutil.rmtree("sub/deep")
open("sub/deep", "w").write("now a file")
os.mkdir("new")
os.rename("sub/three", "new/moved")
os.remove("link")
os.symlink("new/moved", "link")
"""
    result = run(code, here)
    assert result.ok, result.stderr
    assert contents(here) == before
    assert changes(result) == {
        ("one", "changed", "file"), ("two", "removed", "file"), ("sub/deep", "changed", "file"),
        ("sub/deep/four", "removed", "file"), ("new", "added", "directory"), ("sub/three", "removed", "file"),
        ("new/moved", "added", "file"), ("link", "changed", "link"),
    }  # fmt: skip
    result.changes.apply()
    assert contents(here) == {
        "one": "one!", "sub": "directory", "sub/deep": "now a file", "new": "directory", "new/moved": "sub/three",
        "link": "sub/three",
    }  # fmt: skip


def test_a_directory_made_again_has_lost_what_was_in_it(here):
    code = "import os, shutil\nshutil.rmtree('sub')\nos.makedirs('sub/deep')\nopen('sub/deep/five', 'w').write('5')"
    result = run(code, here)
    assert changes(result) == {
        ("sub/three", "removed", "file"), ("sub/deep/four", "removed", "file"), ("sub/deep/five", "added", "file")
    }  # fmt: skip
    result.changes.apply()
    assert sorted(contents(here / "sub")) == ["deep", "deep/five"]


def test_a_file_put_for_a_directory_and_back(here):
    code = "import os, shutil\nshutil.rmtree('sub')\nopen('sub', 'w').write('x')\nos.remove('one')\nos.mkdir('one')"
    result = run(code, here)
    assert ("sub", "changed", "file") in changes(result)
    assert ("one", "changed", "directory") in changes(result)
    result.changes.apply()
    assert (here / "sub").read_text() == "x"
    assert (here / "one").is_dir()


def test_what_was_only_touched_is_no_change(here):
    code = "import os\nos.utime('one')\nopen('two', 'r+').write('two')\nos.rename('sub/three', 'x')\n"
    code += "os.rename('x', 'sub/three')\nos.chmod('sub/deep/four', 0o755)"
    assert changes(run(code, here)) == {("sub/deep/four", "changed", "file")}


def test_it_may_be_larger_than_what_may_be_written(here):
    with (here / "huge").open("wb") as file:
        file.truncate(2**31)
        file.seek(2**31 - 4)
        file.write(b"here")
    code = "file = open('huge', 'rb')\nfile.seek(-4, 2)\nprint(file.read())\nopen('small', 'w').write('s')"
    result = run(code, here, disk="4M")
    assert result.stdout == "b'here'\n"
    assert changes(result) == {("small", "added", "file")}


def test_a_large_file_that_was_replaced_is_a_change(here):
    with (here / "huge").open("wb") as file:
        file.truncate(2**40)
    result = run("open('huge', 'w').write('small')", here)
    assert changes(result) == {("huge", "changed", "file")}


@pytest.mark.parametrize("place", [".", "..", "/tmp", "/dev/shm"])
def test_what_is_written_has_a_size(here, place):
    code = f"open({place + '/big'!r}, 'wb').write(bytes(2**23))"
    result = run(code, here, disk="8M")
    assert "No space left on device" in result.stderr


def test_all_writes_together_have_one_size(here):
    code = "open('a', 'wb').write(bytes(2**22))\nopen('../b', 'wb').write(bytes(2**22))"
    assert "No space left on device" in run(code, here, disk="8M").stderr


def test_many_files_cost_little(here):
    for number in range(150):
        (here / f"many{number}").mkdir()
        for file in range(100):
            (here / f"many{number}" / str(file)).touch()
    result = run("import os\nos.remove('many7/3')", here)
    assert changes(result) == {("many7/3", "removed", "file")}


def test_a_change_to_the_original_meanwhile_is_a_conflict(here):
    result = run("open('one', 'w').write('theirs')\nopen('two', 'w').write('2')", here)
    (here / "one").write_text("mine")
    with pytest.raises(NotApplied, match="one: it has been changed here since"):
        result.changes.apply()
    assert contents(here)["two"] == "two"
    result.changes.apply("two")
    assert (contents(here)["one"], contents(here)["two"]) == ("mine", "2")


def test_a_change_while_it_runs_is_one_too(here):
    code = "open('one', 'w').write('theirs')\nprint('written')\ninput()"
    with sm.stream(code, workspace=here) as events:
        for event in events:
            if isinstance(event, sm.Text):
                (here / "one").write_text("mine")
    with pytest.raises(NotApplied, match="one: it has been changed here since"):
        events.result.changes.apply()


def test_nothing_special_in_it_can_be_used(here, monkeypatch):
    """Neither a server of the host's, nor what waits at a FIFO."""
    monkeypatch.chdir(here)
    os.mkfifo("fifo", 0o666)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("sub/socket")
        server.listen()
        os.chmod("sub/socket", 0o777)
        code = """
import os, socket, stat
for name in ("fifo", "sub/socket"):
    print(stat.S_ISCHR(os.stat(name).st_mode))
try:
    socket.socket(socket.AF_UNIX).connect("sub/socket")
except OSError as error:
    print(error.strerror)
"""
        result = run(code, here)
    assert result.stdout == "True\nTrue\nConnection refused\n"
    assert changes(result) == set()
    assert "fifo: neither a file nor a directory" in " ".join(result.notes)


def test_the_layer_is_not_written_but_through_the_directory(here):
    code = """
import os
open("one", "w").write("x")
for way in (lambda: open("/sandbox/layer/one", "w"), lambda: os.mkdir("/sandbox/layer/d"),
            lambda: os.setxattr("one", "user.overlay.opaque", b"y"), lambda: os.mknod("two~", 0o020000, 0)):
    try:
        way()
        print("done")
    except OSError as error:
        print("refused")
"""
    result = run(code, here)
    assert result.stdout == "refused\n" * 4
    assert changes(result) == {("one", "changed", "file")}


def test_what_was_shut_comes_out_all_the_same(here):
    code = "import os\nos.makedirs('n/m')\nopen('n/m/f', 'w').write('f')\nos.chmod('n/m/f', 0)\nos.chmod('n/m', 0)\n"
    code += "os.chmod('n', 0)\nopen('sub/deep/six', 'w').write('6')\nos.chmod('sub/deep', 0)\nos.chmod('sub', 0)"
    result = run(code, here)
    assert {("n/m/f", "added", "file"), ("sub/deep/six", "added", "file")} <= changes(result)
    assert next(change.data for change in result.changes if change.path == "n/m/f") == b"f"


def test_a_bind_below_it_is_no_change(here):
    (here.parent / "other").mkdir()
    (here.parent / "other" / "file").write_text("other")
    binds = [f"{here.parent}/other:sub/other", f"{here.parent}/other/file:made/of/it"]
    code = "print(open('sub/other/file').read(), open('made/of/it').read())\nopen('made/mine', 'w')"
    result = run(code, here, bind=binds)
    assert result.stdout == "other other\n", result.stderr
    assert changes(result) == {("made/mine", "added", "file")}


def test_a_copy_is_named_with_its_reason(here):
    """Where something is shown in the place of a file, a layer can't be used."""
    (here.parent / "other").write_text("other")
    result = sm.run("print(open('one').read())", workspace=here, bind=f"{here.parent}/other:one")
    assert result.stdout == "other\n"
    told = result.isolation["workspace"].mechanism
    assert told == "a copy in the sized tmpfs; no overlay: --bind shows something in its place"


def test_a_file_keeps_its_permissions_and_its_owner(here):
    (here / "two").chmod(0o440)
    code = "import os, stat\nprint(oct(os.stat('two').st_mode), os.stat('two').st_uid == os.getuid())\n"
    code += "try:\n    open('two', 'w')\nexcept PermissionError:\n    print('read-only')"
    result = run(code, here)
    assert result.stdout == f"{oct(stat.S_IFREG | 0o440)} True\nread-only\n"


def test_nothing_is_left_of_it_on_the_host(here):
    with open("/proc/self/mountinfo") as file:
        before = file.read()
    run("open('one', 'w').write('x')", here)
    with open("/proc/self/mountinfo") as file:
        assert file.read() == before
