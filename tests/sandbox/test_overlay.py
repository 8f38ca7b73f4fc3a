"""A workspace below a layer: read where it is, however large; what is written is bounded and comes out."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress

import pytest

import sandbox_magic as sm
from sandbox_magic import PolicyError, SandboxUnavailable
from sandbox_magic.execution import files
from sandbox_magic.jail import teardown
from sandbox_magic.jail.sandbox import Sandbox
from sandbox_magic.jail.view import identity, overlay
from sandbox_magic.jail.view.overlay import Lower
from sandbox_magic.jail.view.run_directory import RunDirectory
from sandbox_magic.untrusted.workspace import snapshot
from sandbox_magic.untrusted.workspace.apply import NotApplied


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


def whole(changes):
    """Apply all, what replaces and removes included: each by its name."""
    return changes.apply(*(change.path for change in changes))


def test_everything_that_can_happen_to_a_file_is_told(here):
    """And applied, after which the directory is as the code saw it; until then it is as it was."""
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
    whole(result.changes)
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
    whole(result.changes)
    assert sorted(contents(here / "sub")) == ["deep", "deep/five"]


def test_a_file_put_for_a_directory_and_back(here):
    code = "import os, shutil\nshutil.rmtree('sub')\nopen('sub', 'w').write('x')\nos.remove('one')\nos.mkdir('one')"
    result = run(code, here)
    assert ("sub", "changed", "file") in changes(result)
    assert ("one", "changed", "directory") in changes(result)
    whole(result.changes)
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
    code = f"open({place + '/big'!r}, 'wb').write(bytes(2**24))"
    result = run(code, here, disk="8M")
    assert "No space left on device" in result.stderr


def test_all_writes_together_have_one_size(here):
    code = "open('a', 'wb').write(bytes(2**22))\nopen('../b', 'wb').write(bytes(2**23))"
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
        whole(result.changes)
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
        whole(events.result.changes)


@pytest.mark.parametrize("when", ["before", "while it runs"])
def test_nothing_special_in_it_can_be_used(here, monkeypatch, when):
    """Neither a server of the host's, nor what waits at a FIFO, nor under another name."""
    monkeypatch.chdir(here)
    with socket.socket(socket.AF_UNIX) as server, ExitStack() as opened:

        def make():
            os.mkfifo("fifo")
            os.chmod("fifo", 0o666)
            fifo = os.open("fifo", os.O_RDWR | os.O_NONBLOCK)
            opened.callback(os.close, fifo)
            os.write(fifo, b"the host's own")
            server.bind("sub/socket")
            server.listen()
            os.chmod("sub/socket", 0o777)
            open("made", "x").close()
            return fifo

        fifo = make() if when == "before" else -1
        code = """
import os, socket, time
print("ready", flush=True)
while "made" not in os.listdir():  # to ask for it would be to remember that it is not there
    time.sleep(0.01)
pipe = os.open("fifo", os.O_RDWR | os.O_NONBLOCK)
os.write(pipe, b"ESCAPED")
print(os.read(pipe, 100))
for name in ("sub/socket", "sub/linked", "sub/renamed"):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        try:
            socket.socket(socket.AF_UNIX, kind).connect(name)
        except OSError as error:
            print(error.strerror)
    if name == "sub/socket":
        os.link("sub/socket", "sub/linked")
    if name == "sub/linked":
        os.rename("sub/socket", "sub/renamed")
"""
        with sm.stream(code, workspace=here) as events:
            for event in events:
                if isinstance(event, sm.Text) and fifo < 0:
                    fifo = make()
        result = events.result
        assert result.isolation["workspace"].mechanism.startswith("copy-on-write")
        assert result.stdout == "ready\nb'ESCAPED'\n" + "Connection refused\n" * 6, result.stderr
        assert os.read(fifo, 100) == b"the host's own"
    assert all(change.refused.startswith("skipped: neither") for change in result.changes)


def test_a_socket_that_goes_before_the_start_does_no_harm(here, monkeypatch):
    """A mask for it was one more file, which could not be told from the code's; for a link it was made elsewhere."""
    os.mkfifo(here / "sub" / "fifo")
    look = snapshot.look

    def and_remove(*words, **more):
        found = look(*words, **more)
        (here / "sub" / "fifo").unlink()
        (here / "sub" / "fifo").symlink_to(f"/oldroot{here}/made")
        return found

    monkeypatch.setattr(snapshot, "look", and_remove)
    assert changes(run("open('sub/new', 'w')", here)) == {("sub/new", "added", "file")}
    assert not (here / "made").exists()


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


def test_what_is_mounted_below_it_is_what_the_code_sees(here):
    """A layer lies over what the mount hides: the code would not see its files, which then counted as removed."""
    (here.parent / "other").mkdir()
    (here.parent / "other" / "precious").write_text("p")
    (here / "data").mkdir()
    program = """
import os, sys
import sandbox_magic as sm
result = sm.run("import os; print(os.listdir('data')); open('data/new', 'w')", workspace=sys.argv[1])
print(result.stdout, result.changes, "\\n", result.isolation["workspace"].mechanism, sep="")
"""
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    script = 'mount --bind "$1" "$2/data" && exec "$3" -c "$4" "$2"'
    words = ("/bin/sh", "-c", script, "sh", here.parent / "other", here, sys.executable, program)
    command = ("unshare", *user, "--mount", "--propagation", "private", *words)
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert told.stdout == (
        "['precious']\n+ data/new  0 B\na copy in the sized tmpfs; no overlay: another file system is mounted in it\n"
    ), told.stderr


def test_another_overlays_mark_is_no_change(here):
    """It is there to be listed and not to be opened; a mask for it was one more file of the code's."""
    os.mknod(here / "sub" / "three~", stat.S_IFCHR, os.makedev(0, 0))
    assert changes(run("open('sub/new', 'w')", here)) == {("sub/new", "added", "file")}


def test_names_too_long_to_be_told_are_not_told(here):
    os.makedirs(here / "k" / "/".join("x" * 70))
    (here / "k" / "file").write_text("f")
    result = run("import shutil\nshutil.rmtree('k')\nopen('z', 'w')", here)
    assert {("z", "added", "file"), ("k/file", "removed", "file")} <= changes(result)


def test_what_you_may_not_read_is_not_given(here):
    """The code owns it inside, and could open it; root may read everything."""
    (here / "two").chmod(0)
    code = (
        "import os\ntry:\n    os.chmod('two', 0o600)\n    print(open('two').read())\nexcept OSError:\n    print('held')"
    )
    result = sm.run(code, workspace=here)
    assert result.stdout == ("two\n" if os.geteuid() == 0 else "held\n")


def test_a_directory_that_is_shut_to_its_owner(here):
    """Root may read it, so its code gets a copy, for it could not even enter the directory itself."""
    here.chmod(0o600)
    if os.geteuid() != 0:
        with pytest.raises(PolicyError, match="can't be read"):
            sm.run("1", workspace=here)
        return
    assert sm.run("print(open('one').read())", workspace=here).stdout == "one\n"


def test_what_is_in_a_bind_is_not_looked_at(here, monkeypatch):
    monkeypatch.setattr(files, "MOST_LOOKED_AT", 10)
    (here.parent / "other").mkdir()
    for number in range(40):
        (here.parent / "other" / str(number)).touch()
    result = run("import os\nos.remove('two')", here, bind=f"{here.parent}/other:data")
    assert result.changes.complete
    assert changes(result) == {("two", "removed", "file")}


def test_a_directory_put_in_its_place_is_not_shown(here, monkeypatch):
    """Somebody who may write above the workspace swaps it for a link to what only its user may read."""
    secret = here.parent / "secret"
    secret.mkdir(mode=0o700)
    (secret / "key").write_text("ESCAPED")
    run("1", here)
    look = snapshot.look

    def and_swap(*words, **more):
        found = look(*words, **more)
        here.rename(here.parent / "away")
        here.symlink_to(secret)
        return found

    monkeypatch.setattr(snapshot, "look", and_swap)
    with pytest.raises(SandboxUnavailable, match="no longer the directory that was listed"):
        sm.run("print(open('key').read())", workspace=here)


def test_a_directory_swapped_while_it_is_looked_at_is_not_gone_into(here, monkeypatch):
    (here.parent / "secret" / "deep").mkdir(parents=True)
    (here.parent / "secret" / "deep" / "ESCAPED").touch()
    access = os.access

    def and_swap(name, *words, **more):
        if name == "deep" and not (here / "sub").is_symlink():
            (here / "sub").rename(here.parent / "away")
            (here / "sub").symlink_to(here.parent / "secret")
        return access(name, *words, **more)

    monkeypatch.setattr(os, "access", and_swap)
    with pytest.raises(PolicyError, match="can't be read"):
        snapshot.look(here, most_files=100)
    assert (here / "sub").is_symlink()


def test_a_renamed_directory_comes_out_whole(here):
    """Some kernels write down by default only where it was: then it is empty in the layer."""
    code = "import os, shutil\ntry:\n    os.rename('sub', 'moved')\nexcept OSError:\n    shutil.move('sub', 'moved')"
    whole(run(code, here).changes)
    assert contents(here / "moved") == {"three": "sub/three", "deep": "directory", "deep/four": "sub/deep/four"}
    assert not (here / "sub").exists()


def test_a_directory_that_can_not_be_renamed_is_explained(here):
    result = run("import os\nos.rename('sub', 'moved')", here)
    assert "cross-device" in result.stderr
    assert "can't be renamed, only copied: shutil.move and mv do that." in " ".join(result.notes)
    assert not result.changes


def test_two_names_of_one_file_are_two_files(here):
    """As some kernels' index of them does not have it, which changes both and tells of one."""
    os.link(here / "one", here / "same")
    result = run("open('one', 'w').write('1')\nprint(open('same').read())", here)
    assert result.stdout == "one\n"
    assert changes(result) == {("one", "changed", "file")}


def test_the_sandboxs_user_can_not_write_the_original_in_any_mount(here):
    """The program that starts bwrap still sees the directory by itself; as that user it may only read it."""
    who = identity.choose()
    directory = RunDirectory(who.uid)
    try:
        status = here.stat()
        lower = Lower(path=str(here), device=status.st_dev, inode=status.st_ino, owner=(status.st_uid, status.st_gid))
        layer = overlay.choose(lower, directory, 2**20, who)
        places = [layer.merged, f"{layer.place}/mapped"]
        how = identity.launch(who, places)
        script = 'cat "$0/one"; true > "$0/new" && echo written; true > "$1/ESCAPED"; cat "$0/ESCAPED"'
        words = ("/bin/sh", "-c", script, *(how.sources.get(path, path) for path in places))
        command = (*layer.prefix, *how.prefix, *words)
        told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    finally:
        directory.remove()
    assert told.stdout == "onewritten\n", told.stderr
    assert not (here / "ESCAPED").exists()


def test_empty_files_are_bounded_too(here):
    """Each takes a kilobyte of the kernel's memory, and none of the layer's size."""
    result = run("import os\nprint(os.statvfs('..').f_files)", here, disk="64M")
    assert 100_000 < int(result.stdout) < 200_000


def test_a_refusal_does_not_hold_for_ever(here, monkeypatch):
    monkeypatch.setattr(overlay, "_known", {})
    with monkeypatch.context() as short:
        short.setattr(overlay, "_refusal", lambda _: "no memory for the moment")
        assert sm.run("1", workspace=here).isolation["workspace"].mechanism.endswith("no memory for the moment")
    assert sm.run("1", workspace=here).isolation["workspace"].mechanism.endswith("no memory for the moment")
    monkeypatch.setattr(overlay, "_FRESH_SECONDS", 0.0)
    run("1", here)


def test_the_result_does_not_wait_for_the_layer_to_be_taken_down(here):
    """A million files take seconds, in which bwrap, too, does not end: here it is held still instead."""
    found = snapshot.look(here, most_files=100)
    status = found.here
    lower = Lower(path=found.path, device=status.st_dev, inode=status.st_ino, owner=(status.st_uid, status.st_gid))
    sandbox = Sandbox.park(sm.Policy(workspace=str(here)), lower=lower)
    bwrap = sandbox._process.pid
    os.kill(bwrap, signal.SIGSTOP)
    later = threading.Timer(40, os.kill, (bwrap, signal.SIGCONT))
    later.start()
    began = time.monotonic()
    sandbox.close_behind()
    took = time.monotonic() - began
    later.cancel()
    with suppress(ProcessLookupError):
        os.kill(bwrap, signal.SIGCONT)
    teardown.pending.wait()
    assert took < 30


def test_an_interrupt_while_it_is_left_behind_leaves_nothing(footprint, monkeypatch):
    sm.run("1")
    before = footprint()
    sandbox = Sandbox.park(sm.Policy())

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as just_then:
        just_then.setattr(teardown.pending, "add", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sandbox.close_behind()
    assert footprint() == before
