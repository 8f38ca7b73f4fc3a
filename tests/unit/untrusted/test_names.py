"""Names as a person sees them: nothing of them acts, and two that differ look different."""

import pytest

from sandbox_magic.untrusted.names import shown

ALIKE = [
    ("ada.py", "ada.py\x1b[31m", "\x1b]0;title\x07ada.py", "ada\u200b.py", "ada.py\u202e", "ada.py\ufe0f", "ada.py\n"),
    ("a b", "a  b", "a   b", "a\tb", "a\nb", "a\u00a0b", " a b", "a b ", "a\\x20 b"),
    ("a" + "\u0301" * 3, "a" + "\u0301" * 4, "a" + "\u0301" * 200),
    ("\udcff", "\\xff", "\u00ff", "\\\\xff"),
    ("\u2800", "\u3164", "\ud800", ""),
    ("x" * 127 + "a" + "x" * 127, "x" * 127 + "b" + "x" * 127),
]


@pytest.mark.parametrize("names", ALIKE)
def test_no_two_look_the_same_and_all_is_visible(names):
    seen = [shown(name, 300) for name in names]
    assert len(set(seen)) == len(names)
    for text in seen:
        assert text.isprintable()
        assert " ".join(text.split()) == text  # as a page shows it
        assert "\u0301" * 4 not in text


def test_an_ordinary_name_stands_there_as_it_is_and_one_that_is_too_long_with_both_ends():
    for name in ("ada.py", "\u00fcml\u00e4ut \u4e2d\u6587.py", "<b>.py", "\U0001f600"):
        assert shown(name, 300) == name
    assert shown("a" * 50 + "b" * 50, 20) == "a" * 10 + "\u2026" + "b" * 10
