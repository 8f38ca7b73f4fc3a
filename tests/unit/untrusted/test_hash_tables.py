"""The places of CPython's tables, foretold: a set's order is that of its places, and sizes tell when it grows."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_magic.untrusted import hash_tables
from sandbox_magic.untrusted.hash_tables import TooManyProbes, probes

NUMBERS = {
    "random": np.random.default_rng(0).integers(0, 2**60, 70_000).tolist(),
    "range": list(range(70_000)),
    "a common factor": [number << 12 for number in range(20_000)],
    "one run": [number * 5 % 2**14 for number in range(7_000)] + [2**14 + number for number in range(2_000)],
}


def counted(numbers, kind, most=10**9):
    return probes(list(map(hash, numbers)), kind, most=most, check=lambda: None)


def in_order_of_places(numbers):
    """Return the numbers in the order that a set of them has by our reckoning."""
    table = hash_tables.Table(list(map(hash, numbers)), set, lambda: None)
    order, bits, done, full = np.arange(0), 3, 0, False
    while done < len(numbers):
        done = min(len(numbers), hash_tables.capacity(set, bits))
        order = np.concatenate([order, np.arange(len(order), done)])
        order = order[np.argsort(table.fill(order, bits, 10**9)[1])]
        full = done == hash_tables.capacity(set, bits)
        bits = hash_tables.next_bits(set, bits, done)
    if full:
        order = order[np.argsort(table.fill(order, bits, 10**9)[1])]
    return [numbers[number] for number in order]


@pytest.mark.parametrize("numbers", NUMBERS.values(), ids=NUMBERS)
def test_a_set_has_the_order_that_was_foretold(numbers):
    for count in (1, 4, 5, 19, 20, 77, 78, 500, len(numbers)):
        assert list(set(numbers[:count])) == in_order_of_places(numbers[:count])


@given(st.lists(st.integers(0, 2**61 - 2), unique=True, max_size=400))
def test_a_set_of_any_numbers_has_the_order_that_was_foretold(numbers):
    assert list(set(numbers)) == in_order_of_places(numbers)


@pytest.mark.parametrize("kind", [dict, set])
def test_a_table_grows_when_it_was_foretold(kind):
    grown, built, size = [], kind(), None
    for number in range(200_000):
        built.setdefault(number) if kind is dict else built.add(number)
        if size not in (None, sys.getsizeof(built)):
            grown.append(number + 1)
        size = sys.getsizeof(built)
    bits, foretold = 3, []
    while (capacity := hash_tables.capacity(kind, bits)) < 200_000:
        foretold.append(capacity + (kind is dict))  # a dict grows for the key that has no room, a set behind the last
        bits = hash_tables.next_bits(kind, bits, capacity)
    assert grown == foretold


def walked(hashes, bits):
    """Count the places that a dict of fixed size looks at, by putting one key after the other."""
    taken, count, mask = set(), 0, (1 << bits) - 1
    for number in hashes:
        place, perturb = number & mask, number
        count += 1
        while place in taken:
            perturb >>= 5
            place = (5 * place + perturb + 1) & mask
            count += 1
        taken.add(place)
    return count


@given(st.lists(st.integers(0, 2**63 - 1), max_size=300, unique=True), st.sampled_from([9, 10, 12]))
def test_the_rounds_count_what_one_key_after_the_other_counts(hashes, bits):
    table = hash_tables.Table(hashes, dict, lambda: None)
    assert table.fill(np.arange(len(hashes)), bits, 10**9)[0] == walked(hashes, bits)


@pytest.mark.parametrize("kind", [dict, set])
def test_a_run_is_given_up_when_it_is_too_long(kind):
    numbers = NUMBERS["one run"]
    needed = counted(numbers, kind)
    assert counted(numbers, kind, most=needed) == needed
    with pytest.raises(TooManyProbes):
        counted(numbers, kind, most=needed - 1)
