"""Files given as bytes: what can't be in a working directory is refused in words, before anything starts."""

import pytest

import sandbox_magic as sm
from sandbox_magic.execution import given_files
from sandbox_magic.guest.workspace import archive
from sandbox_magic.model.policy import Limits, Mount, Policy


def read(files, **policy):
    return given_files.read(files, Policy(**policy))


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ([("a", b"")], "files is a list"),
        ("a.csv", "files is a str"),
        ({"a": "text"}, "files['a'] is a str"),
        ({"a": None}, "files['a'] is a NoneType"),
        ({"a": 5}, "files['a'] is a int"),
        ({1: b""}, "files has the name 1"),
        ({b"a": b""}, "files has the name b'a'"),
        ({"": b""}, "files has the name "),
        ({"/etc/passwd": b""}, "files has the name /etc/passwd"),
        ({"../a": b""}, "files has the name ../a"),
        ({"a/../b": b""}, "files has the name a/../b"),
        ({"a//b": b""}, "files has the name a//b"),
        ({"a/": b""}, "files has the name a/"),
        ({"a\0": b""}, "files has the name a\\x00"),
        ({"\ud800": b""}, "files has the name \\ud800"),
        ({"é" * 200: b""}, "files has the name éé"),
        ({"a/" * 100 + "b": b""}, "files has the name a/a/"),
        ({"a": b"", "a/b": b""}, "files has a as a file and as a directory"),
        ({"a/b/c": b"", "a/b": b""}, "files has a/b as a file and as a directory"),
    ],
)
def test_what_can_not_be_is_refused_in_words(files, what):
    with pytest.raises(sm.PolicyError) as caught:
        read(files)
    assert caught.value.what.startswith(what)
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["data", "data/in", "data/in/x", "data/in/x/y"])
def test_the_place_of_a_bind_is_taken(name):
    binds = (Mount(source="/etc/hosts", name="data/in"),)
    with pytest.raises(sm.PolicyError, match=rf"files has {name}, where bind shows data/in"):
        read({name: b""}, binds=binds)
    assert read({"data/other": b""}, binds=binds)


def test_a_workspace_has_files_of_its_own():
    with pytest.raises(sm.PolicyError, match="files and workspace"):
        read({"a": b""}, workspace="/home")
    assert read({}, workspace="/home") == {}


def test_what_does_not_fit_is_refused_with_what_would():
    limits = Limits(disk_bytes=2**20)
    assert read({"a": bytes(2**20 - 4096)}, limits=limits)
    with pytest.raises(sm.PolicyError, match="option disk") as caught:
        read({"a": bytes(2**20 - 4095)}, limits=limits)
    assert caught.value.remedy.startswith("option disk: at least 3M")
    with pytest.raises(sm.PolicyError, match="option disk"):
        read({str(n): b"" for n in range(257)}, limits=limits)
    with pytest.raises(sm.PolicyError, match="10,001 files"):
        read({str(n): b"" for n in range(10_001)})


def test_what_was_given_is_taken_as_it_is_now():
    data = bytearray(b"old")
    found = read({"a": data, "b": memoryview(b"view")})
    data[:] = b"new"
    assert found == {"a": b"old", "b": b"view"}


def test_the_guest_fills_a_directory_from_what_is_packed(tmp_path):
    files = {"a.csv": b"1,2\n", "d/e/f": b"\0" * 10_000, "d/π": b"", "with space": b"x"}
    (tmp_path / "packed").write_bytes(given_files.pack(files))
    (tmp_path / "here").mkdir()
    workspace = archive.Workspace(str(tmp_path / "here"))
    workspace.unpack(str(tmp_path / "packed"))
    workspace.close()
    paths = [path for path in (tmp_path / "here").rglob("*") if path.is_file()]
    assert {str(path.relative_to(tmp_path / "here")): path.read_bytes() for path in paths} == files
