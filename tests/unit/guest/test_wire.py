"""The frames between guest and host, and what the guest may be written in."""

import os
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_magic.guest import wire

settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")

FIELD = st.binary(max_size=20)
FRAMES = st.lists(st.lists(FIELD, min_size=1, max_size=5), max_size=6)


def split(data, cuts):
    ends = sorted(cut % (len(data) + 1) for cut in cuts)
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


@given(FRAMES, st.lists(st.integers(0, 300), max_size=10))
def test_frames_are_put_together_however_they_arrive(frames, cuts):
    reader = wire.Reader()
    stream = b"".join(wire.pack(*fields) for fields in frames)
    assert [frame for piece in split(stream, cuts) for frame in reader.feed(piece)] == frames
    assert reader._data == b""


def test_a_frame_is_a_length_and_fields_each_behind_its_own():
    assert wire.pack(b"go", b"", b"a\0b") == b"\0\0\0\x11\0\0\0\2go\0\0\0\0\0\0\0\3a\0b"


def test_there_is_no_frame_without_a_field():
    with pytest.raises(ValueError, match="0 bytes"):
        wire.pack()
    with pytest.raises(ValueError, match="0 bytes"):
        wire.Reader().feed(b"\0\0\0\0")


def test_the_bound_holds_for_both_sides_to_the_byte():
    most = b"a" * (wire.MOST_BYTES - 4)
    reader = wire.Reader()
    assert reader.feed(wire.pack(most)) == [[most]]
    with pytest.raises(ValueError, match=f"{wire.MOST_BYTES + 1} bytes"):
        wire.pack(most + b"a")
    with pytest.raises(ValueError, match=f"{wire.MOST_BYTES + 1} bytes"):
        reader.feed((wire.MOST_BYTES + 1).to_bytes(4, "big"))


@pytest.mark.parametrize("length", [2, 5, 2**31, 2**32 - 1])
def test_a_field_that_passes_the_end_of_its_frame_is_refused_and_good_frames_before_it_are_given(length):
    good, bad = wire.pack(b"good"), b"\0\0\0\5" + length.to_bytes(4, "big") + b"x"
    with pytest.raises(ValueError, match="passes the end"):
        wire.Reader().feed(bad)
    reader = wire.Reader()
    assert reader.feed(good + bad + good) == [[b"good"]]
    for _ in range(2):  # nothing after it is believed, nor kept
        with pytest.raises(ValueError, match="passes the end"):
            reader.feed(good)
    assert reader._data == b""


def test_a_large_frame_in_small_pieces_costs_no_more_than_its_length():
    """Sixteen megabytes in a quarter of a million pieces: what is copied at each would be two terabytes."""
    frame = wire.pack(b"a" * (wire.MOST_BYTES - 4))
    reader = wire.Reader()
    began = time.process_time()
    frames = [got for start in range(0, len(frame), 64) for got in reader.feed(frame[start : start + 64])]
    assert time.process_time() - began < 10
    assert [len(field) for field in frames[0]] == [wire.MOST_BYTES - 4]


LIES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([b"\0\0\0\x05", b"\0\0\0\0", b"\0\0\0\x20", b"\0\0\0\x09\0\0\0\x05hello"]),
        st.lists(FIELD, min_size=1, max_size=3).map(lambda fields: wire.pack(*fields)),
    )
)


@given(LIES)
def test_a_liar_can_neither_break_the_reader_nor_fill_its_memory(pieces):
    reader = wire.Reader(32)
    for piece in pieces:
        try:
            frames = reader.feed(piece)
        except ValueError:
            break
        assert all(isinstance(field, bytes) for frame in frames for field in frame)
        assert all(frames)
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
