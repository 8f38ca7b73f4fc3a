"""What the code says on its display wire: understood, bounded, and never believed."""

import json
import os
import time
import tracemalloc
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_magic.execution import messages
from sandbox_magic.execution.messages import MessageReader
from sandbox_magic.guest import wire
from sandbox_magic.model.output import Cleared, Display, InputRequest

PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\5"
    b"\0\1\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82"
)


def display(data, *, word=b"display", place="", update=False, metadata=b"{}", left="", number=0):
    pairs = [piece for mime, part in data.items() for piece in (mime.encode(), part)]
    return wire.pack(
        word, b"%d" % number, place.encode(), b"%d" % update, metadata, left.encode(), *pairs
    )  # fmt: skip


def only(said):
    (one,) = said
    return one.what


def test_a_mark_is_a_label_made_safe():
    assert only(MessageReader().feed(wire.pack(b"mark", b"0", "so\x1b[1mr\u202eted\n".encode()))) == "sor\\u202eted"


@pytest.mark.parametrize("password", [False, True])
def test_a_question_has_a_prompt_made_safe_and_bounded(password):
    prompt = "Na\u202eme\x1b]0;x\x07\n?" + "y" * 5000
    (said,) = MessageReader().feed(wire.pack(b"ask", b"7", b"%d" % password, prompt.encode()))
    assert said.number == 7
    assert isinstance(said.what, InputRequest)
    assert said.what.prompt.startswith("Na\\u202eme ?yyy")
    assert len(said.what.prompt) < 1020
    assert said.what.password is password


def test_a_display_is_cleaned_and_keeps_its_kind_and_number():
    frame = display({"text/plain": b"x", "image/png": PNG, "application/javascript": b"1"}, word=b"result", number=3)
    listener = MessageReader()
    (said,) = listener.feed(frame)
    assert said.number == 3
    assert isinstance(said.what, Display)
    assert said.what.kind == "result"
    assert set(said.what.data) == {"text/plain", "image/png"}
    assert "application/javascript" in listener.notes[0]
    assert listener.displays == (said.what,)


def test_places_get_names_of_ours_and_only_the_runs_own_are_updated():
    listener = MessageReader()
    first = only(listener.feed(display({"text/plain": b"1"}, place="mine")))
    assert first.display_id not in (None, "mine")
    second = only(listener.feed(display({"text/plain": b"2"}, place="mine", update=True)))
    assert (second.display_id, second.update) == (first.display_id, True)
    assert only(listener.feed(display({"text/plain": b"3"}, place="sandbox-of-another-cell", update=True))) is None
    assert "Ignored an update to a display that this run did not create." in listener.notes[0]
    assert [(each.data["text/plain"], each.update) for each in listener.displays] == [("2", False)]
    assert only(MessageReader().feed(display({"text/plain": b"1"}, place="mine"))).display_id != first.display_id


def test_displays_are_bounded_in_number_and_in_bytes(monkeypatch):
    monkeypatch.setattr(messages, "MOST_DISPLAYS", 3)
    listener = MessageReader()
    shown = [only(listener.feed(display({"text/plain": b"x"}))) for _ in range(5)]
    assert [each is not None for each in shown] == [True] * 3 + [False] * 2
    assert len(listener.notes) == 1
    monkeypatch.setattr(messages, "MOST_BYTES", 1000)
    listener = MessageReader()
    shown = [only(listener.feed(display({"text/plain": b"x" * 400}, place="p", update=n > 0))) for n in range(4)]
    assert [each is not None for each in shown] == [True, True, False, False]
    assert "Displays were left out" in listener.notes[0]


def test_updates_and_questions_are_bounded_in_number(monkeypatch):
    monkeypatch.setattr(messages, "MOST_UPDATES", 2)
    monkeypatch.setattr(messages, "MOST_QUESTIONS", 2)
    listener = MessageReader()
    shown = [only(listener.feed(display({"text/plain": b"x"}, place="p", update=n > 0))) for n in range(5)]
    assert [each is not None for each in shown] == [True] * 3 + [False] * 2
    asked = [only(listener.feed(wire.pack(b"ask", b"1", b"0", b""))) for _ in range(4)]
    assert [each is not None for each in asked] == [True] * 2 + [False] * 2
    assert len(listener.notes) == 2


def test_what_was_too_large_to_send_is_said_once():
    listener = MessageReader()
    for _ in range(3):
        listener.feed(display({"text/plain": b"x"}, left="image/png"))
    assert listener.notes == ("Left out of a display: image/png, which is too large.",)


def test_what_was_cleared_is_no_display_of_the_run(monkeypatch):
    monkeypatch.setattr(messages, "MOST_UPDATES", 5)
    listener = MessageReader()
    for number in range(3):
        assert only(listener.feed(wire.pack(b"clear", b"7", b"1"))) == Cleared(wait=True)
        listener.feed(display({"text/plain": b"%d" % number}, place="p"))
        assert [each.text for each in listener.displays] == [str(number)]
    assert only(listener.feed(wire.pack(b"clear", b"7", b"0"))) is None, "there are as many as updates, at most"
    assert [each.text for each in listener.displays] == ["2"]
    (note,) = listener.notes
    assert "5 updates" in note


def test_a_page_for_a_browser_is_said_in_our_words():
    listener = MessageReader()
    for _ in range(2):
        assert only(listener.feed(wire.pack(b"note", b"0", b"browser"))) is None
    (note,) = listener.notes
    assert "a web browser, which a sandbox has not" in note


def test_notes_are_bounded():
    listener = MessageReader()
    for number in range(100):
        listener.feed(display({f"x/{number}": b"x"}))
    assert len(listener.notes) == messages._MOST_NOTES


@pytest.mark.parametrize(
    "metadata", [b"", b"[]", b"nonsense", b"[" * 60_000, b"9" * 60_000, b"{" + b" " * 70_000 + b"}"]
)
def test_metadata_that_is_none_is_left_out(metadata):
    assert only(MessageReader().feed(display({"text/plain": b"x"}, metadata=metadata))).metadata == {}


def test_a_cleaner_that_fails_lets_nothing_pass(monkeypatch):
    monkeypatch.setattr("sandbox_magic.untrusted.mime.bundle.clean", lambda *_: 1 / 0)
    listener = MessageReader()
    assert only(listener.feed(display({"text/plain": b"x"}))) is None
    assert "could not be sanitized" in listener.notes[0]


@pytest.mark.parametrize(
    "frame", [[b"note", b"0"], [b"note", b"0", b"its own words"], [b"mark"], [b"mark", b"0"],
              [b"mark", b"0", b"a", b"b"], [b"ended", b"0"], [b"clear", b"0"], [b"display", b"0"], [b""],
              [b"display", b"0", b"", b"0", b"{}", b"", b"text/plain"]],
)  # fmt: skip
def test_another_frame_is_an_error(frame):
    with pytest.raises(ValueError):
        MessageReader().feed(wire.pack(*frame))


WORD = st.sampled_from([b"mark", b"ask", b"display", b"result", b"clear", b"note", b"other"])
PART = st.one_of(
    st.binary(max_size=30), st.sampled_from([b"0", b"1", b"text/plain", b"text/html", b"image/png", b"{}", PNG])
)
SAID = st.builds(lambda word, fields: [word, *fields], WORD, st.lists(PART, max_size=9))


@settings(deadline=None)
@given(st.lists(SAID, min_size=1, max_size=10))
def test_whatever_is_said_gives_marks_safe_displays_or_a_refusal(frames):
    listener = MessageReader()
    for frame in frames:
        try:
            said = listener.feed(wire.pack(*frame))
        except ValueError:
            break
        for each in said:
            if isinstance(each.what, Display):
                json.dumps([dict(each.what.data), dict(each.what.metadata)])
                assert set(each.what.data) <= {"text/plain", "text/html", "text/latex", "image/png"}
    assert len(listener.notes) <= messages._MOST_NOTES


def hostile(random):
    """One frame of words and parts that there are, often damaged in a byte, a length, or cut."""
    parts = [b"0", b"1", b"7", b"", b"text/plain", b"text/html", b"image/png", b"{}", b"<b>x</b>", b"\xff\xfe", PNG]
    words = [b"mark", b"ask", b"display", b"result", b"clear", b"note", b"ended"]
    data = bytearray(wire.pack(random.choice(words), *random.choices(parts, k=random.randrange(9))))
    if random.random() < 0.3:
        data[random.randrange(len(data))] = random.randrange(256)
    if random.random() < 0.05:
        del data[random.randrange(len(data)) :]
    return bytes(data)


def test_many_hostile_frames_end_in_a_refusal_at_worst():
    """In pieces, as they may arrive; FUZZ_FRAMES=1000000 (make fuzz) sends a million. The seed is fixed."""
    random = Random(5)
    listener = MessageReader()
    for number in range(int(os.environ.get("FUZZ_FRAMES", "5000"))):
        frame = hostile(random)
        cut = random.randrange(len(frame) + 1)
        try:
            said = listener.feed(frame[:cut]) + listener.feed(frame[cut:])
        except ValueError:
            listener = MessageReader()
            continue
        assert all(isinstance(each.what, str | Display | Cleared | InputRequest) or each.what is None for each in said)
        if number % 200 == 0:
            assert len(listener._reader._data) <= wire.MOST_BYTES + 4
            listener = MessageReader()


WORDS = b"a " * (7 * 2**20)  # as much as fits into a frame


@pytest.mark.parametrize(
    "frame",
    [
        wire.pack(b"mark", b"0", WORDS),
        wire.pack(b"ask", b"0", b"0", WORDS),
        wire.pack(b"display", b"0", b"", b"0", b"{}", WORDS, b"text/plain", b"x"),
        wire.pack(b"display", b"0", b"", b"0", b"{}", b"", WORDS, b"x"),
        wire.pack(b"unfit", b"0", b"x", WORDS, b"", b""),
    ],
    ids=["mark", "ask", "left", "type", "unfit"],
)
def test_a_word_that_is_as_long_as_a_frame_costs_little(frame):
    took = []
    for _ in range(3):  # a virtual machine counts the time that it is held up as the thread's
        listener = MessageReader(["x"])
        began = time.thread_time()
        listener.feed(frame)
        took.append(time.thread_time() - began)
    assert min(took) < 0.5  # seconds where every word of it was looked at


def test_a_frame_of_very_many_fields_is_none_of_our_guests():
    with pytest.raises(ValueError, match="more fields"):
        MessageReader().feed(wire.pack(b"display", b"0", b"", b"0", b"{}", b"", *[b""] * 4000))


def test_updates_of_a_name_that_many_displays_have_cost_no_more_than_others():
    listener = MessageReader()
    for _ in range(messages.MOST_DISPLAYS):
        listener.feed(display({"text/plain": b"first"}, place="p"))
    began = time.thread_time()
    for number in range(2000):
        listener.feed(display({"text/plain": b"%d" % number}, place="p", update=True))
    assert time.thread_time() - began < 2
    assert {each.data["text/plain"] for each in listener.displays} == {"1999"}


def test_names_of_places_are_not_kept_where_nothing_is_shown(monkeypatch):
    """display-place-flood: each left a name of up to 16 MiB with the host."""
    monkeypatch.setattr(messages, "MOST_DISPLAYS", 2)
    listener = MessageReader()
    tracemalloc.start()
    try:
        for number in range(50):
            listener.feed(display({"text/plain": b"x"}, place=f"{number}{'p' * 2**20}"))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2**20


def test_an_exception_is_made_safe_and_bounded():
    listener = MessageReader()
    listener.feed(
        wire.pack(b"error", b"0", b"E\x1b[1m\n" + b"x" * 5000, b"a\x1b[2Jb", b"c\x1b]0;t\x07\xff" * 10**5, b"12")
    )
    error = listener.error
    assert error.name.startswith("E x")
    assert len(error.name) == 200
    assert error.message == "ab"
    assert set(error.traceback) == {"c", "\ufffd"}
    assert len(error.traceback) < 10**5
    assert error.line == 12


@pytest.mark.parametrize("line", [b"", b"-1", b"1.5", b"9" * 5000, "²".encode(), b" 1"])
def test_a_line_of_an_exception_is_a_number_or_unknown(line):
    listener = MessageReader()
    listener.feed(wire.pack(b"error", b"0", b"E", b"", b"", line))
    assert listener.error.line is None


@pytest.mark.parametrize("fields", [(b"error",), (b"error", b"a", b"b", b"c"), (b"finished", b"x")])
def test_an_ending_of_another_form_is_not_our_guests(fields):
    listener = MessageReader()
    with pytest.raises(ValueError, match="our guest"):
        listener.feed(wire.pack(fields[0], b"0", *fields[1:]))
    assert (listener.error, listener.finished) == (None, False)
