"""Untrusted text: it can colour itself and nothing else, and a bound holds whatever is written."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_magic.untrusted.text import Cleaner, HeadTail, clean, dropped_line, label

settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")

SAFE = re.compile(r"(?:[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\x1b\[[0-9;:]*m)*")

# Text made of what escape sequences are made of, so that whole, broken and nested ones come up often.
PARTS = st.sampled_from((
    "\x1b", "\x1b[", "\x1b]", "\x1bP", "\x1bX", "\x1b^", "\x1b_", "\x1b\\", "\x1b(", "\x07", "\b", "\r", "\n", "\t",
    "\0", "\x90", "\x98", "\x9b", "\x9c", "\x9d", "\x9e", "\x9f", "\x85", "\x7f", "0", "8", "31", "38;5;8", ";", ":",
    "38:2::1:2:8", "58;5;8", "4:3",
    "?", "m", "H", "2J", "c", "B", " ", "$", "0;title", "é", "𝄞", "abc",
))  # fmt: skip
HOSTILE = st.lists(st.one_of(PARTS, st.characters()), max_size=40).map("".join)
HOSTILE_BYTES = st.one_of(st.binary(max_size=80), HOSTILE.map(lambda text: text.encode("utf-8", "surrogatepass")))


def split(data, cuts):
    ends = sorted(cut % (len(data) + 1) for cut in cuts)
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


def cleaned(pieces):
    cleaner = Cleaner()
    return "".join([cleaner.feed(piece) for piece in pieces]) + cleaner.feed(b"", last=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain é 𝄞\t\r\n", "plain é 𝄞\t\r\n"),
        ("a\x1b[31mred\x1b[0m", "a\x1b[31mred\x1b[0m"),
        ("a\x9b31mred", "a31mred"),
        ("\x1b[2J\x1b[H\x1b[?1049h\x1b[6n", ""),
        ("\x1b[1;5H\x1b[ q\x1b[!p\x1b[>0c", ""),
        ("a\x1b]0;title\x07b\x1b]52;c;aGk=\x1b\\c\x1b]0;title\x9cd", "abcd"),
        ("a\x1bPq#0\x1b\\b\x1bPq\x9cc\x1b_apc\x07d\x1b^pm\x1b\\e\x1bXsos\x1b\\f", "abcdef"),
        ("\xe2\x80\x9chello\xe2\x80\x9d said\xc2\x90 he\x9c, \x9band\x9f bye", "âhelloâ saidÂ he, and bye"),
        ("\x1bc\x1b7\x1b(0\x1b#8\x1b=", ""),
        ("a\x1b]0;never closed", "a]0;never closed"),
        ("\x1b\0[2J", "[2J"),
        ("nul\0 bell\a back\b del\x7f nel\x85 ff\f", "nul bell back del nel ff"),
    ],
)
def test_controls_go_and_text_colours_tabs_and_line_ends_stay(text, expected):
    assert clean(text) == expected
    assert cleaned([text.encode()]) == expected


@pytest.mark.parametrize(
    ("codes", "kept"),
    [
        ("8", None),
        ("08", None),
        ("1;8;31", "1;31"),
        ("38;5;8", "38;5;8"),
        ("48;2;8;8;8;8", "48;2;8;8;8"),
        ("38;5;1;8", "38;5;1"),
        ("28", "28"),
        ("", ""),
    ],
)
def test_text_can_not_be_hidden_but_colour_8_can_be_used(codes, kept):
    assert clean(f"\x1b[{codes}m") == ("" if kept is None else f"\x1b[{kept}m")


def test_conceal_can_not_hide_behind_a_kind_of_colour_that_does_not_exist():
    """A terminal that skips only the unknown kind after 38 takes the 8 for itself."""
    assert "8" not in re.findall(r"\d+", clean("\x1b[38;9;8m"))


@pytest.mark.parametrize(
    ("codes", "kept"),
    [
        ("8:38", None),  # VTE looks at what stands before the first colon
        ("8:0", None),
        ("008:", None),
        (":8", None),
        ("1:8", None),
        ("31;8:38;1", "31;1"),
        ("4:3", "4:3"),  # a line of waves
        ("4:8", None),
        ("4:3:8", None),
        ("38:5:8", "38:5:8"),
        ("48:2:1:2:8", "48:2:1:2:8"),
        ("38:2::1:2:3", "38:2::1:2:3"),
        ("38:2::1:2:8", None),  # with semicolons the 8 would be one too many
        ("38:2::1:2:3:8", None),
        ("38:5;8", None),
        ("38;5:8", None),
        ("38;5;1:8", None),
        ("38;2;1;8:8;3;8", None),
        ("58:5:1", "58:5:1"),
        ("58;5;1;4", "58;5;1;4"),
        ("58:5:8", None),  # xterm does not know 58, and reads what follows by itself
        ("58;5;8;1", "1"),
        ("58;2;8;1;1;1", "1"),
        ("038;5;38;5;8", "038;5;38;5"),
        ("38;5;256;8", None),
        ("31;" * 200, None),  # longer than any that a program means
        ("4294967304", None),  # 2 ** 32 + 8
        ("65544;264;31", "31"),
        ("58;2;1;1;38;5;38;5;8", "5;38;5;8"),  # without 58, the 38 in it takes the 5 and the 38
        ("38:2::1:2:38;5;38;5;8", "5;38;5;8"),  # with semicolons, likewise
    ],
)
def test_a_colon_or_a_large_number_hides_nothing_either(codes, kept):
    assert clean(f"\x1b[{codes}m") == ("" if kept is None else f"\x1b[{kept}m")


NUMBERS = st.one_of(st.sampled_from(("", "0", "2", "4", "5", "8", "08", "31", "264")), st.text("0189", max_size=5))
PIECES = st.sampled_from((
    "5", "8", "38", "48", "58", "038", "38;5", "38;5;8", "58;5", "58;5;8", "58;2;1;1;38", "38;2;1;2", "38;5;8:8",
    "38:5", "38:5:8", "38:2::1:2:8", "48:2::1:2:38", "58:5:8", "4:8", "8:38", "1:8", "264",
))  # fmt: skip
GROUPS = st.one_of(PIECES, PIECES, NUMBERS, st.lists(NUMBERS, min_size=2, max_size=7).map(":".join))
PARAMETERS = st.lists(GROUPS, max_size=8).map(";".join)
READINGS = ("by the standard", "colons as semicolons", "what stands before the colon", "38 and 48 only")


def conceals(sequence, reading, bits):
    """Return whether a terminal that reads in one of these ways, in numbers of so many bits, hides what follows."""
    parameters = sequence.removeprefix("\x1b[").removesuffix("m")
    if reading == "colons as semicolons":
        parameters = parameters.replace(":", ";")
    groups = [[int(each or "0") % 2**bits for each in group.split(":")] for group in parameters.split(";")]
    known = (38, 48) if reading == "38 and 48 only" else (38, 48, 58)
    hidden = False
    while groups:
        code, *below = groups.pop(0)
        if below and reading != "what stands before the colon":
            continue  # a colour, a kind of line, or unknown: it ends with its group
        if code in known and not below:
            del groups[: {5: 2, 2: 4}.get(groups[0][0], 1) if groups else 0]
        hidden = code == 8 or (hidden and code not in (0, 28))
    return hidden


@settings(max_examples=2000)
@given(PARAMETERS)
def test_no_terminal_hides_what_follows_however_it_reads(parameters):
    cleaned = clean(f"\x1b[{parameters}m")
    assert [(way, bits) for way in READINGS for bits in (8, 16, 32, 64) if conceals(cleaned, way, bits)] == []


@pytest.mark.parametrize("reading", READINGS)
def test_each_of_these_readings_finds_the_attacks_on_it(reading):
    attack = {"colons as semicolons": "1:8", "what stands before the colon": "8:38", "38 and 48 only": "58;5;8"}
    assert conceals(f"\x1b[{attack.get(reading, '8')}m", reading, 64)
    assert conceals("\x1b[264m", reading, 8)
    assert not conceals("\x1b[38;5;8;48;2;8;8;8m", reading, 64)


@given(HOSTILE)
def test_nothing_but_text_and_colours_survives(text):
    assert SAFE.fullmatch(clean(text))


@given(HOSTILE)
def test_cleaning_clean_text_changes_nothing(text):
    assert clean(clean(text)) == clean(text)


@given(HOSTILE_BYTES, st.lists(st.integers(0, 200), max_size=8))
def test_however_bytes_arrive_the_text_is_the_same(data, cuts):
    assert cleaned(split(data, cuts)) == Cleaner().feed(data, last=True)


@given(HOSTILE_BYTES, st.lists(st.integers(0, 200), max_size=8))
def test_no_piece_that_is_given_out_can_drive_a_terminal(data, cuts):
    cleaner = Cleaner()
    assert all(SAFE.fullmatch(cleaner.feed(piece)) for piece in split(data, cuts))


@pytest.mark.parametrize("start", ["\x1b]0;", "\x1bP", "\x9d", "\x1b["])
def test_a_sequence_that_never_ends_is_not_waited_for_without_end(start):
    cleaner = Cleaner()
    shown = "".join(cleaner.feed(piece.encode()) for piece in (start, *["1" * 1000] * 10))
    assert SAFE.fullmatch(shown)
    assert len(shown) > 5000


@pytest.mark.parametrize(
    "start", ["\x90", "\x9d\x9b", "\x1bP", "\x9b", "\x1b]", "\x1b", "\x1b[1;", "\x90\x1b", "\x90\x07"]
)
def test_the_time_to_clean_grows_with_the_text_and_not_with_its_square(start):
    """A quarter of a megabyte is one read of a pipe; its cleaning must not hold up the kernel."""
    took = []
    for _ in range(3):  # a virtual machine counts the time that it is held up as the process's
        began = time.process_time()
        assert SAFE.fullmatch(clean(start * 8000))
        took.append(time.process_time() - began)
    assert min(took) < 0.15


@given(st.binary(max_size=300), st.integers(0, 60), st.lists(st.integers(0, 300), max_size=10))
def test_a_bound_keeps_exactly_the_head_and_the_tail(data, most, cuts):
    kept = HeadTail(most)
    for piece in split(data, cuts):
        kept.feed(piece)
    head, tail = most - most // 2, most // 2
    assert kept.data == (data if len(data) <= most else data[:head] + data[len(data) - tail :])
    assert (kept.total, kept.dropped) == (len(data), len(data) - len(kept.data))
    beyond = data[head:]
    for count in (0, 1, 7, 1000):
        assert kept.tail(count) == beyond[max(0, len(beyond) - min(count, tail)) :]
    assert len(kept._head) + len(kept._tail) <= head + 2 * tail + max(map(len, split(data, cuts)))


@given(HOSTILE_BYTES, st.integers(0, 60))
def test_kept_text_is_clean_and_says_how_much_is_missing(data, most):
    kept = HeadTail(most)
    kept.feed(data)
    assert SAFE.fullmatch(kept.text)
    assert (dropped_line(kept.dropped) in kept.text) == (len(data) > most)
    if len(data) <= most:
        assert kept.text == Cleaner().feed(data, last=True)


@given(st.text("aé€𝄞", min_size=1, max_size=60), st.integers(0, 60))
def test_a_cut_inside_a_character_leaves_no_broken_character(text, most):
    kept = HeadTail(most)
    kept.feed(text.encode())
    assert "\ufffd" not in kept.text


UNSEEN = "\u00ad\u034f\u115f\u180e\u200b\u202e\u2800\u3164\ufe0f\uffa0\ue000\U000e0100\U000e0041"


@pytest.mark.parametrize("sign", UNSEEN)
def test_nothing_invisible_stands_in_a_line_of_ours(sign):
    assert label(f"a{sign}b", 80) == f"a\\u{ord(sign):04x}b"


def test_marks_do_not_pile_up_over_the_lines_around():
    assert label("e\u0301" + "o" + "\u0301" * 60, 80) == "e\u0301o" + "\u0301" * 3


def test_the_line_for_what_is_missing_can_be_read():
    assert dropped_line(1234567) == "[sandbox: 1,234,567 bytes of output dropped here]"
