"""What is taken from standard error: frames of the guest's, and an error that has been shown."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_magic.execution.tracebacks import Tracebacks
from sandbox_magic.guest.wire import ERROR_BYTES, ERROR_MARK
from sandbox_magic.jail.view.places import GUEST

OURS = f'  File "{GUEST}/runner.py", line 117 in run\n'.encode()
OURS_WITH_SOURCE = f'  File "{GUEST}/runner.py", line 117, in run\n    exec(code)\n    ^^^^\n'.encode()
CODES = b'  File "/sandbox/cell.py", line 3 in <module>\n'
HEAD = b"Current thread 0x00007f (most recent call first):\n"
PIECES = st.sampled_from(
    (OURS, OURS_WITH_SOURCE, CODES, HEAD, b"text\n", b"  File \n", b"    deep\n", ERROR_MARK, b"x" * 9)
)


def marked(error):
    return b"%s%d;%s" % (ERROR_MARK, len(error), error)


def seen(*pieces):
    tracebacks = Tracebacks()
    return b"".join([*map(tracebacks.feed, pieces), tracebacks.end()])


def test_a_stack_is_the_codes_own_however_its_writes_arrive():
    """Python writes it in pieces, of which the beginning of a line is one, and the file's name the next."""
    text = HEAD + OURS + CODES + OURS + OURS + b"\n"
    pieces = re.split(rb"(?<=File )|(?<=py\")|(?<=line )|(?<=\n)", text)
    assert seen(*pieces) == seen(text) == HEAD + CODES + b"\n"


def test_a_source_line_goes_with_its_frame():
    assert seen(OURS_WITH_SOURCE + CODES + OURS_WITH_SOURCE + b"end\n") == CODES + b"end\n"


@pytest.mark.parametrize(
    "text", [b"", b"  File ", b'  File "/sandbox/lib/other.py", line 1 in x\n', OURS[:-1], b"x" + OURS, OURS[:20] * 400]
)
def test_what_is_no_such_line_stays(text):
    assert seen(text) == seen(*(text[place : place + 1] for place in range(len(text)))) == text


def test_equal_errors_are_shown_once_with_their_count():
    one, other = b"Traceback\nValueError: one\n", b"Traceback\nValueError: other\n"
    pieces = [marked(one), b"text\n", marked(one) + marked(other), marked(one), marked(other)]
    assert seen(*pieces) == (
        one + b"text\n" + other
        + b"[sandbox: 2 more processes ended with the same error: ValueError: one]\n"
        + b"[sandbox: 1 more process ended with the same error: ValueError: other]\n"
    )  # fmt: skip
    assert seen(marked(one)) == one


def test_a_mark_that_is_cut_waits_for_the_rest_and_a_false_one_is_text():
    error = b"ValueError\n"
    assert seen(marked(error)[:-3], marked(error)[-3:], b"end") == error + b"end"
    for false in (ERROR_MARK, ERROR_MARK + b"x;", ERROR_MARK + b"9999;short", ERROR_MARK + b"99999;"):
        assert seen(false, b"end") == false + b"end"


def test_what_is_held_back_is_bounded():
    tracebacks = Tracebacks()
    frame = OURS[:40]
    assert len(tracebacks.feed(frame + b"x" * 9000)) == 40 + 9000
    assert len(tracebacks.feed(b"\n" + ERROR_MARK + b"9999;" + b"x" * 9000)) > 9000 - ERROR_BYTES
    for number in range(1000):
        assert tracebacks.feed(marked(b"%d" % number))
    assert len(tracebacks._again) <= 64


@given(st.lists(PIECES).map(b"".join), st.integers(1, 50))
def test_text_of_others_is_neither_lost_nor_moved(text, step):
    """Whatever is cut where: what is shown is what was written, without some lines."""
    shown = seen(*(text[place : place + step] for place in range(0, len(text), step)))
    rest = iter(text)
    assert all(byte in rest for byte in shown)
    assert shown.count(CODES) == text.count(CODES)
    assert shown.count(b"text\n") == text.count(b"text\n")
