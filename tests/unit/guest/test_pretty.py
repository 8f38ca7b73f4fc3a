"""A value as text, as the guest writes it: as Python does, bounded, long containers one item a line."""

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_magic.guest import wire

_spec = importlib.util.spec_from_file_location("pretty", Path(wire.__file__).with_name("pretty.py"))
plain = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(plain)

VALUES = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(max_size=8), st.binary(max_size=8), st.booleans()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.tuples(inner, inner),
        st.tuples(inner),
        st.dictionaries(st.text(max_size=5), inner),
    ),
    max_leaves=60,
)


@given(VALUES)
def test_the_text_of_plain_containers_evaluates_to_the_same(value):
    assert eval(plain.text(value)) == value


@pytest.mark.parametrize("value", [{1, 2}, frozenset({3}), set(), frozenset(), (1,), (), [], {}, {1: {2: [3]}}, "a'b"])
def test_what_is_short_is_written_as_python_writes_it(value):
    assert plain.text(value) == repr(value)


def test_what_is_long_has_one_item_a_line():
    assert plain.text(list(range(100, 140))).splitlines()[:2] == ["[100,", " 101,"]
    assert plain.text({"key": ["x" * 50, "y" * 50]}) == "{'key': ['" + "x" * 50 + "',\n         '" + "y" * 50 + "']}"


def test_what_is_endless_or_huge_is_cut():
    loop = [1]
    loop.append(loop)
    assert plain.text(loop) == "[1, [...]]"
    assert plain.text(range(5)) == "range(0, 5)"
    many = plain.text(list(range(10**5))).splitlines()
    assert (len(many), many[-1]) == (1001, " ...]")
    assert len(plain.text([["x" * 10**5] * 1000] * 1000)) < 2 * plain.MOST_CHARACTERS
    assert len(plain.text("x" * 10**6)) == plain.MOST_CHARACTERS + 1
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RecursionError):
        repr(deep)


def test_subclasses_write_themselves():
    class Own(list):
        def __repr__(self):
            return "own"

    assert plain.text([Own([1])]) == "[own]"
