"""The way of the output: streams read from real pipes, joined into few events, nothing lost or torn."""

import os
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_magic import Text
from sandbox_magic.execution import relay
from sandbox_magic.execution.relay import COALESCE_SECONDS, PARTIAL_SECONDS, Coalescer, Relay, Stream
from sandbox_magic.untrusted.text import dropped_line

settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")

NAMES = ("stdout", "stderr")
PIECES = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(["", "a", "bc", "\n", "d\n", "e\nf", "g\nh\n"])))


@pytest.fixture
def clock(monkeypatch):
    """The coalescer's clock, moved by hand."""
    faked = SimpleNamespace(now=1000.0, monotonic=lambda: faked.now)
    monkeypatch.setattr(relay, "time", faked)
    return faked


def joined(*pieces):
    coalescer = Coalescer()
    for name, text in pieces:
        coalescer.add(name, text)
    return coalescer.flush()


@given(PIECES)
def test_nothing_is_lost_or_reordered_within_a_stream(pieces):
    events = joined(*pieces)
    for stream in NAMES:
        written = "".join(text for name, text in pieces if name == stream)
        assert "".join(event.text for event in events if event.stream == stream) == written
    assert all(event.text for event in events)


@given(PIECES)
def test_only_the_last_line_of_a_stream_can_be_unfinished(pieces):
    events = joined(*pieces)
    for stream in NAMES:
        assert all(event.text.endswith("\n") for event in [e for e in events if e.stream == stream][:-1])


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(["d\n", "g\nh\n"]))))
def test_whole_lines_of_both_streams_keep_their_order_and_neighbours_are_joined(pieces):
    events = joined(*pieces)
    assert all(one.stream != other.stream for one, other in pairwise(events))
    written = [(name, line) for name, text in pieces for line in text.splitlines()]
    assert [(event.stream, line) for event in events for line in event.text.splitlines()] == written


def test_a_line_written_in_two_pieces_is_not_torn_by_the_other_stream():
    events = joined(("stdout", "wor"), ("stderr", "warning\n"), ("stdout", "ld\n"), ("stderr", "again\n"))
    assert events == [Text("stdout", "world\n"), Text("stderr", "warning\nagain\n")]


def test_the_first_whole_line_is_due_at_once_and_a_part_of_one_a_little_later(clock):
    coalescer = Coalescer()
    assert coalescer.due() is None
    coalescer.add("stdout", "a")
    assert coalescer.due() == clock.now + PARTIAL_SECONDS
    coalescer.add("stdout", "\n")
    assert coalescer.due() == clock.now


def test_what_follows_a_flush_waits_so_that_events_stay_few(clock):
    coalescer = Coalescer()
    coalescer.add("stdout", "a\n")
    coalescer.flush()
    assert coalescer.due() is None
    clock.now += 0.03
    coalescer.add("stdout", "b\n")
    assert coalescer.due() == pytest.approx(clock.now - 0.03 + COALESCE_SECONDS)


class Pipe:
    """A pipe with a `Stream` at its end."""

    def __init__(self, most):
        read, self.write_end = os.pipe()
        os.set_blocking(read, False)
        self.stream = Stream("stdout", read, most)

    def shown(self, *pieces):
        """Write pieces, each read as it comes; return what is shown live and what at the end."""
        live = ""
        for piece in pieces:
            if os.write(self.write_end, piece):
                live += self.stream.read()
        return live, self.stream.rest()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.stream.descriptor)
        os.close(self.write_end)


def shown(most, *pieces):
    with Pipe(most) as pipe:
        return pipe.shown(*pieces)


def test_an_open_pipe_with_nothing_in_it_is_not_its_end():
    with Pipe(10) as pipe:
        with pytest.raises(BlockingIOError):
            pipe.stream.read()
        os.write(pipe.write_end, b"last")
        os.close(pipe.write_end)
        assert (pipe.stream.read(), pipe.stream.read()) == ("last", None)
        pipe.write_end = os.dup(pipe.stream.descriptor)


@given(st.lists(st.sampled_from([b"abc", b"\n", "é€𝄞".encode(), b"\xe2\x82", b"\x1b[3", b"1m"]), max_size=12))
def test_output_within_the_limit_is_shown_whole(pieces):
    data = b"".join(pieces)
    assert "".join(shown(len(data), *pieces)) == "".join(shown(len(data), data))
    assert "".join(shown(1000, data)) == "".join(shown(len(data), data))


@given(st.integers(1, 30), st.integers(0, 30), st.integers(1, 60))
def test_live_is_the_first_of_it_and_at_the_end_come_the_gap_and_the_tail(step, most, total):
    data = bytes(ord("a") + n % 26 for n in range(total))
    live, rest = shown(most, *(data[n : n + step] for n in range(0, total, step)))
    text, tail = data.decode(), max(0, min(most // 2, total - most))
    gap = max(0, total - most - tail)
    missing = f"\n{dropped_line(gap)}\n" if gap else ""
    assert live == text[:most]
    assert rest == missing + text[total - tail :]


def test_a_character_across_the_limit_is_shown_if_all_of_it_was_kept():
    assert "".join(shown(4, "abcé".encode())) == "abcé"


def test_bytes_are_kept_however_they_are_shown():
    with Pipe(1000) as pipe:
        pipe.shown(b"\x1b[2Ja\0\xff")
        assert pipe.stream.kept.data == b"\x1b[2Ja\0\xff"


HARD = st.sampled_from(
    [b"a", b"\n", b"\x1b[", b"31m", b"\x1b]0;x", b"\x07", b"\0", b"\xc2", b"\x9b", b"\xe2\x82", b"\xac"]
)


@given(st.lists(HARD, max_size=12), st.integers(min_value=0, max_value=20))
def test_what_is_kept_is_as_text_what_it_would_be_at_once(pieces, most):
    """However it came in pieces: that nothing had to be cleaned meanwhile only saves looking again."""
    with Pipe(most) as pipe:
        for piece in pieces:
            pipe.shown(piece)
        assert pipe.stream.whole() == (pipe.stream.kept.data, pipe.stream.kept.text)


def test_what_was_written_to_standard_output_before_an_error_comes_before_it():
    """Of standard error no more is read than was there before standard output is looked at."""
    (out, to_out), (error, to_error) = os.pipe(), os.pipe()
    relay = Relay(out, error, 1000)
    stdout, stderr = relay.streams
    os.set_blocking(out, False)
    os.write(to_error, b"error\n")
    os.write(to_out, b"before\n")
    (first, most), (second, there) = relay.in_order([stderr])  # that standard output has something came later
    os.write(to_error, b"later\n")
    assert (first, second, there) == (stdout, stderr, 6)
    assert all([relay.read(first, most), relay.read(second, there)])
    os.close(to_out)
    relay.read(stdout)
    assert relay.in_order([stderr, stdout]) == [(stderr, 6)]
    os.close(to_error)
    assert relay.finish() == [Text("stdout", "before\n"), Text("stderr", "error\nlater\n")]
    assert relay.in_order([]) == []
    for descriptor in (out, error):
        os.close(descriptor)
