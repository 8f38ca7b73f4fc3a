"""The frames between guest and host, and what the guest may be written in."""

import ast
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_magic.guest import wire

settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")

FIELD = st.binary(max_size=20).map(lambda data: data.replace(b"\0", b""))
FRAMES = st.lists(st.lists(FIELD, min_size=1, max_size=5), max_size=6)
GUEST = sorted(Path(wire.__file__).parent.glob("*.py"))


def split(data, cuts):
    ends = sorted(cut % (len(data) + 1) for cut in cuts)
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


@given(FRAMES, st.lists(st.integers(0, 300), max_size=10))
def test_frames_are_put_together_however_they_arrive(frames, cuts):
    reader = wire.Reader()
    stream = b"".join(wire.pack(*fields) for fields in frames)
    assert [frame for piece in split(stream, cuts) for frame in reader.feed(piece)] == frames
    assert reader._data == b""


def test_a_frame_is_a_length_and_fields_joined_by_nul():
    assert wire.pack(b"go", b"", b"a b") == b"\0\0\0\x07go\0\0a b"


@pytest.mark.parametrize("fields", [[b"\0"], [b"a", b"b\0"], [b"\0", b""]])
def test_a_field_with_nul_is_refused(fields):
    with pytest.raises(ValueError, match="NUL"):
        wire.pack(*fields)


def test_the_bound_holds_for_both_sides_to_the_byte():
    most = b"a" * wire.MOST_BYTES
    reader = wire.Reader()
    assert reader.feed(wire.pack(most)) == [[most]]
    with pytest.raises(ValueError, match=f"{wire.MOST_BYTES + 1} bytes"):
        wire.pack(most + b"a")
    with pytest.raises(ValueError, match=f"{wire.MOST_BYTES + 1} bytes"):
        reader.feed((wire.MOST_BYTES + 1).to_bytes(4, "big"))


@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([b"\0\0\0\x05", b"\0\0\0\0", b"\0\0\0\x20"]))))
def test_a_liar_can_neither_break_the_reader_nor_fill_its_memory(pieces):
    reader = wire.Reader(32)
    for piece in pieces:
        try:
            frames = reader.feed(piece)
        except ValueError:
            break
        assert all(isinstance(field, bytes) for frame in frames for field in frame)
        assert len(reader._data) < 4 + 32
    assert len(reader._data) <= 4 + 32 + 40


@pytest.mark.parametrize("announced", [wire.MOST_BYTES + 1, 2**31, 2**32 - 1])
def test_a_frame_that_is_too_long_is_refused_before_it_comes(announced):
    with pytest.raises(ValueError, match="announced"):
        wire.Reader().feed(announced.to_bytes(4, "big"))


def test_one_frame_is_read_from_a_descriptor_and_none_at_its_end():
    read, write = os.pipe()
    try:
        os.write(write, wire.pack(b"a", b"b"))
        assert wire.read(read) == [b"a", b"b"]
        os.write(write, b"\0\0\0\x09cut")
        os.close(write)
        assert wire.read(read) is None
    finally:
        os.close(read)


@pytest.fixture(params=GUEST, ids=lambda path: path.name)
def guest(request):
    """The syntax tree of one file of the guest, as Python 3.8 would read it."""
    return ast.parse(request.param.read_text(encoding="utf-8"), feature_version=(3, 8))


def test_the_guest_has_files():
    assert {"init.py", "python.py", "wire.py"} <= {path.name for path in GUEST}


def test_the_guest_imports_only_the_standard_library_and_itself(guest):
    allowed = sys.stdlib_module_names | {path.stem for path in GUEST}
    for node in ast.walk(guest):
        if isinstance(node, ast.Import):
            assert {name.name.partition(".")[0] for name in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            assert node.module.partition(".")[0] in allowed


def test_the_guest_evaluates_no_annotation(guest):
    """`list[bytes] | None` is an error in Python 3.8 unless annotations stay text."""
    annotated = any(
        getattr(node, "returns", None) or getattr(node, "annotation", None)
        for node in ast.walk(guest)
        if isinstance(node, (ast.FunctionDef, ast.arg, ast.AnnAssign))
    )
    futures = [name.name for node in guest.body if isinstance(node, ast.ImportFrom) for name in node.names]
    assert not annotated or "annotations" in futures


def test_the_guest_calls_nothing_newer_than_python_3_8(guest):
    newer = {"removeprefix", "removesuffix", "bit_count", "is_relative_to", "pairwise", "waitstatus_to_exitcode"}
    assert not newer & {node.attr for node in ast.walk(guest) if isinstance(node, ast.Attribute)}
