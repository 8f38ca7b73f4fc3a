"""Wheels are anybody's: what is wrong in one is refused before anything is written; nothing leaves the directory."""

import io
import os
import stat
import warnings
import zipfile

import pytest

from sandbox_magic.model.errors import PolicyError
from sandbox_magic.packages import wheels

NAME = "demo-1.0-py3-none-any.whl"


def entry(name, kind=0, mode=0o644):
    info = zipfile.ZipInfo("placeholder")
    info.filename = info.orig_filename = name
    info.external_attr = (kind | mode) << 16
    return info


def wheel(*members, compression=zipfile.ZIP_DEFLATED):
    """Return a zip file of members: a name or an entry, and a content."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is there twice
        for member, content in members:
            archive.writestr(entry(member) if isinstance(member, str) else member, content, compression)
    return data.getvalue()


def unpacked(tmp_path, files):
    target = tmp_path / "target"
    target.mkdir()
    wheels.unpack(wheels.look(files), str(target))
    return {path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*") if path.is_file()}


def test_what_is_to_be_imported_comes_out_and_nothing_that_runs_by_itself(tmp_path):
    data = wheel(
        ("demo/__init__.py", b"x = 1"),
        ("demo/data/a b.txt", b"\xff"),
        ("evil.pth", b"import os"),
        ("EVIL.PTH", b"import os"),
        ("demo-1.0.data/purelib/evil2.pth", b"import os"),
        ("demo/kept.pth", b"in a package it is a file"),
        ("demo-1.0.data/purelib/pure.py", b"p"),
        ("demo-1.0.data/platlib/demo/plat.py", b"q"),
        ("demo-1.0.data/scripts/run", b"#!/bin/sh"),
        ("demo-1.0.data/data/etc/passwd", b"root"),
        ("demo-1.0.dist-info/entry_points.txt", b"[console_scripts]"),
        (entry("demo/empty/", stat.S_IFDIR, 0o755), b""),
    )
    assert unpacked(tmp_path, {NAME: data}) == {
        "demo/__init__.py": b"x = 1",
        "demo/data/a b.txt": b"\xff",
        "demo/kept.pth": b"in a package it is a file",
        "pure.py": b"p",
        "demo/plat.py": b"q",
        "demo-1.0.dist-info/entry_points.txt": b"[console_scripts]",
    }


@pytest.mark.parametrize("umask", [0o022, 0o077, 0])
def test_modes_are_ours(tmp_path, umask):
    data = wheel((entry("a/b/suid", stat.S_IFREG, 0o6777), b"x"))
    before = os.umask(umask)
    try:
        unpacked(tmp_path, {NAME: data})
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / "target" / name).stat().st_mode) for name in ("a", "a/b", "a/b/suid")]
    assert modes == [0o755, 0o755, 0o644]


def test_of_two_packages_with_one_file_the_first_keeps_it(tmp_path):
    one, other = wheel(("ns/__init__.py", b"1")), wheel(("ns/__init__.py", b"2"), ("ns/b.py", b"b"))
    files = {"b-1-py3-none-any.whl": other, "a-1-py3-none-any.whl": one}
    assert unpacked(tmp_path, files) == {"ns/__init__.py": b"1", "ns/b.py": b"b"}


OUT = "leads out"
WRONG = {
    "above": ([("../x.py", b"")], OUT),
    "above within": ([("a/../../x.py", b"")], OUT),
    "above from a scheme": ([("demo-1.0.data/purelib/../../x.py", b"")], OUT),
    "absolute": ([("/etc/x.py", b"")], OUT),
    "absolute in a scheme": ([("demo-1.0.data/purelib//etc/x.py", b"")], OUT),
    "a drive": ([("C:x.py", b"")], OUT),
    "a dot": ([("./x.py", b"")], OUT),
    "backslash": ([("..\\x.py", b"")], "character"),
    "line feed": ([("a\nb.py", b"")], "character"),
    "escape": ([("a\x1b[2J.py", b"")], "character"),
    "symlink": ([(entry("a", stat.S_IFLNK, 0o777), b"/etc"), ("a/passwd", b"")], "neither a file nor"),
    "fifo": ([(entry("a", stat.S_IFIFO), b"")], "neither a file nor"),
    "device": ([(entry("a", stat.S_IFCHR), b"")], "neither a file nor"),
    "full directory": ([(entry("a/", stat.S_IFDIR), b"x")], "directory with a content"),
    "twice": ([("a.py", b"1"), ("a.py", b"2")], "twice"),
    "twice by a scheme": ([("a.py", b"1"), ("d-1.data/purelib/a.py", b"2")], "twice"),
    "long part": ([("a" * 256, b"")], "too long"),
    "long part in bytes": ([("é" * 200, b"")], "too long"),
    "deep": ([("a/" * 70 + "b", b"")], "too long"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_no_wheel_has_is_refused_as_a_whole(what, tmp_path):
    members, why = WRONG[what]
    with pytest.raises(PolicyError, match=why):
        unpacked(tmp_path, {NAME: wheel(("good.py", b"x"), *members)})
    assert list((tmp_path / "target").iterdir()) == []


@pytest.mark.parametrize("data", [b"", b"no zip", wheel(("a.py", b"x"))[:-30]], ids=["empty", "text", "cut"])
def test_what_is_no_zip_file_is_refused(data):
    with pytest.raises(PolicyError, match="not a zip file"):
        wheels.look({NAME: data})


def test_a_list_of_files_that_would_fill_the_memory_is_not_read():
    good = wheel(("a.py", b"x"))
    end = bytearray(good[-22:])
    end[12:16] = (2**30).to_bytes(4, "little")
    wide = good[:-22] + b"PK\x06\x07" + bytes(16) + good[-22:]
    for data in (good[:-22] + end, wide, good + b"comment"):
        with pytest.raises(PolicyError, match="not a zip file"):
            wheels.look({NAME: bytes(data)})


def test_wheels_with_very_many_files_are_refused_before_an_object_is_made_of_each(monkeypatch):
    data = wheel(*((str(number), b"") for number in range(20)))
    monkeypatch.setattr(zipfile, "ZipFile", None)  # not even asked
    with pytest.raises(PolicyError, match="60 files, more than 59"):
        wheels.look({f"a-{number}-py3-none-any.whl": data for number in range(3)}, most_files=59)


@pytest.mark.parametrize("name", ["a.whl", "../a-1-py3-none-any.whl", "a-1-py3-none-any.zip", "a b-1-py3-none-any.whl"])
def test_a_name_that_no_wheel_has_is_refused(name):
    with pytest.raises(PolicyError, match="not that of a wheel"):
        wheels.look({name: wheel(("a.py", b"x"))})


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_another_compression_is_refused(compression):
    with pytest.raises(PolicyError, match="packed in a way"):
        wheels.look({NAME: wheel(("a.py", b"x"), compression=compression)})


def test_a_nul_in_a_name_is_refused():
    data = wheel(("aXb.py", b"x")).replace(b"aXb.py", b"a\0b.py")
    with pytest.raises(PolicyError, match=r"character|not a zip file"):
        wheels.look({NAME: data})


def test_a_file_where_a_directory_must_be_is_refused(tmp_path):
    files = {NAME: wheel(("a", b"x")), "z-1-py3-none-any.whl": wheel(("a/b.py", b"y"))}
    with pytest.raises(PolicyError, match="a file stands where a directory must"):
        unpacked(tmp_path, files)


def test_size_and_number_are_bounded_by_what_is_said():
    data = wheel(("a", bytes(1000)), ("b", bytes(1000)))
    assert wheels.look({NAME: data}, most_files=2, most_bytes=2000)
    with pytest.raises(PolicyError, match="2 files, more than 1"):
        wheels.look({NAME: data}, most_files=1)
    with pytest.raises(PolicyError, match="unpacked, more than"):
        wheels.look({NAME: data}, most_bytes=1999)
    many = {f"a-{number}-py3-none-any.whl": data for number in range(wheels.MOST_WHEELS + 1)}
    with pytest.raises(PolicyError, match="packages are more than"):
        wheels.look(many)


def test_more_than_was_said_does_not_come_out(tmp_path):
    """A bomb says that it is small: its directory has one size, its stream holds another."""
    data = bytearray(wheel(("bomb", bytes(10_000_000))))
    place = data.rindex(b"PK\x01\x02") + 24  # the size unpacked, in the central directory
    data[place : place + 4] = (100).to_bytes(4, "little")
    with pytest.raises(PolicyError, match=r"can't be unpacked|not as large"):
        unpacked(tmp_path, {NAME: bytes(data)})
    assert (tmp_path / "target/bomb").stat().st_size <= 100


def test_a_wrong_content_is_found(tmp_path):
    data = wheel(("a.py", b"hello world"), compression=zipfile.ZIP_STORED).replace(b"hello", b"HELLO")
    with pytest.raises(PolicyError, match="can't be unpacked"):
        unpacked(tmp_path, {NAME: data})
