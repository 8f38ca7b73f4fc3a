"""The two filters of a watched run, evaluated together: they refuse exactly what the one of any other run refuses."""

from __future__ import annotations

import importlib.util
import itertools
import struct
import sys
from pathlib import Path

import pytest

from sandbox_magic.jail import seccomp
from sandbox_magic.jail.attempts import calls, filters

PLAIN = Path(__file__).with_name("test_seccomp.py")  # has what evaluates a filter


def evaluator():
    """Import it from its file, for no test file is a module of a package."""
    spec = importlib.util.spec_from_file_location("evaluated_filters", PLAIN)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


evaluated = evaluator()
ALLOW, EPERM, JUNK, X32_BIT = evaluated.ALLOW, evaluated.EPERM, evaluated.JUNK, evaluated.X32_BIT
ARCHITECTURES, NOTIFY = evaluated.ARCHITECTURES, filters.NOTIFY
STRENGTH = (0x00050000, NOTIFY, ALLOW)  # the kernel takes the first of these that a filter answers


@pytest.fixture(params=seccomp.MACHINES)
def machine(request: pytest.FixtureRequest) -> str:
    """Each architecture in turn."""
    return str(request.param)


def programs(machine: str):
    """Return what bwrap loads and what the cell's process loads."""
    both = filters.passing(machine, seccomp.load(machine)), filters.watching(machine)
    return [list(struct.iter_unpack("<HBBI", each)) for each in both]


def strongest(*answers: int) -> int:
    """Return which of two filters' answers the kernel takes: an error before a notice before allowed."""
    return min(answers, key=lambda each: STRENGTH.index(each if each in (ALLOW, NOTIFY) else 0x00050000))


def together(both, machine: str, number: int, arguments=(0,) * 6, architecture: int = 0) -> int:
    """Return the filters' answer, and for a notice what it is answered in the end."""
    token = architecture or ARCHITECTURES[machine]
    found = strongest(*(evaluated.answer(program, number, token, arguments) for program in both))
    names = {each: name for name, each in calls.NUMBERS[machine].items()}
    if found == NOTIFY:
        if names[number] in calls.ABSENT:
            return 0x00050000 | calls.ENOSYS
        return ALLOW if names[number] in calls.WATCHED else EPERM
    return found


def alone(machine: str, number: int, arguments=(0,) * 6, architecture: int = 0) -> int:
    """Return the answer of the filter of any other run."""
    return evaluated.answer(evaluated.program_of(machine), number, architecture or ARCHITECTURES[machine], arguments)


ODD = (0, 1, 2, 3, 8, 10, 16, 17, 0x28, 38, 0x5401, 0x800, 0x80000, 0x10000, JUNK, JUNK | 1, JUNK | 8, 0xFFFFFFFF)


def test_together_they_answer_every_number_as_the_one_of_any_other_run(machine):
    """Also those that no call has."""
    both = programs(machine)
    for number in (*range(520), 0x3FFFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, *range(X32_BIT, X32_BIT + 520)):
        for arguments in ((0,) * 6, (1, 8, 0, 0, 0, 0), (2, 3, 0, 0, 1, 0), (17, 3, 3, 0, JUNK, 0), (JUNK,) * 6):
            assert together(both, machine, number, arguments) == alone(machine, number, arguments), (number, arguments)


def test_another_architecture_reaches_nothing(machine):
    """Neither allows or hands on a call of one."""
    both = programs(machine)
    for other in (0x40000003, 0x40000028, *(set(ARCHITECTURES.values()) - {ARCHITECTURES[machine]})):
        assert {together(both, machine, number, architecture=other) for number in range(600)} == {0x00050000 | 38}


@pytest.mark.parametrize("name", ["socket", "seccomp", "sendto"])
def test_calls_that_are_judged_by_their_arguments_are_answered_the_same(machine, name):
    """For every small and odd value of their first three arguments, and of an address."""
    both, number = programs(machine), calls.NUMBERS[machine][name]
    for first, second, third in itertools.product((*range(48), *ODD), ODD, (0, 6)):
        for address in (0, 1 << 32):
            given = (first, second, third, 0, address, 0)
            assert together(both, machine, number, given) == alone(machine, number, given), given


def test_a_new_process_with_namespaces_of_its_own_is_handed_to_the_listener(machine):
    both, number = programs(machine), calls.NUMBERS[machine]["clone"]
    for flags in (0x11, 0x3D0F00, *(1 << bit for bit in range(34)), 0x7E020080, 0x10000011, JUNK, JUNK | 0x20000):
        given = (flags, 0, 0, 0, 0, 0)
        assert together(both, machine, number, given) == alone(machine, number, given), given
        named = bool(flags & 0x7E020080)
        assert (evaluated.answer(both[1], number, ARCHITECTURES[machine], given) == NOTIFY) == named, given


def test_what_the_table_chooses_by_is_answered_as_it_says(machine):
    """Each value of each argument that chooses, through both."""
    both = programs(machine)
    for name, number in evaluated.numbers(machine).items():
        for choice in evaluated.choices(name):
            arguments = evaluated.satisfied(choice)
            for value in itertools.islice(evaluated.tried(choice), 0, None, 41):
                arguments[choice.argument] = value
                given = tuple(arguments)
                assert together(both, machine, number, given) == evaluated.by_table(machine, name, given), (name, given)


def test_what_is_refused_and_named_is_handed_to_the_listener(machine):
    """By A it is not refused, or B's listener would not see it; by B it is a notice."""
    first, second = programs(machine)
    token = ARCHITECTURES[machine]
    for name in calls.REFUSED:
        number = calls.NUMBERS[machine][name]
        assert evaluated.outcomes(first, number, token) == {ALLOW}, name
        assert evaluated.outcomes(second, number, token) == {NOTIFY}, name
        assert evaluated.outcomes(evaluated.program_of(machine), number, token) == {EPERM}, name
    for name in set(calls.WATCHED) & set(calls.NUMBERS[machine]):
        assert NOTIFY in evaluated.outcomes(second, calls.NUMBERS[machine][name], token), name


def test_a_lets_nothing_else_through_than_the_table_of_named_calls(machine):
    """Whatever A allows that the filter of any other run refuses is a call that B takes or refuses."""
    first, second = programs(machine)
    token = ARCHITECTURES[machine]
    named = {calls.NUMBERS[machine][name] for name in (*calls.REFUSED, *calls.ABSENT, "socket", "clone", "seccomp")}
    plain = evaluated.program_of(machine)
    for number in range(1100):
        more = evaluated.outcomes(first, number, token) - evaluated.outcomes(plain, number, token)
        assert not more or number in named
        if number not in named:
            assert evaluated.outcomes(second, number, token) <= {ALLOW, NOTIFY}


def test_a_second_listener_is_refused(machine):
    """A lets the first one be made; B refuses the same call."""
    first, second = programs(machine)
    number, token = calls.NUMBERS[machine]["seccomp"], ARCHITECTURES[machine]
    for flags in filters.LISTENER_FLAGS:
        assert evaluated.answer(first, number, token, (1, flags, 0, 0, 0, 0)) == ALLOW
        assert evaluated.answer(second, number, token, (1, flags, 0, 0, 0, 0)) == EPERM


def test_the_numbers_are_those_of_the_architecture(machine):
    """As libseccomp has them."""
    tool = evaluated.generator()
    lib = tool.library()
    known = dict(calls.NUMBERS[machine])
    assert {name: tool.number(lib, machine, name) for name in known} == known
    absent = {*calls.REFUSED, *calls.WATCHED} - set(known)
    assert {name for name in absent if tool.number(lib, machine, name) is not None} == set()
