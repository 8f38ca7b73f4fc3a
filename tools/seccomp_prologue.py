"""The part of the filter that libseccomp cannot say, in classic BPF: it refuses, or goes on to libseccomp's part.

That is: a number of calls above which all is ENOSYS, and for an argument "none but these", with an errno of its
own.  A mistake in here can't open anything, for what libseccomp's part refuses stays refused.

A call, and a command among many, is found by binary search.  A call without a choice reads no argument here, so
that the kernel's own cache of the calls that are always allowed (Linux 5.11) still holds it.
"""

from __future__ import annotations

import errno
import functools
import itertools
import operator
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox_magic.jail import seccomp, seccomp_calls

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Classic BPF, linux/bpf_common.h, and the layout of struct seccomp_data.
LOAD, AND, RETURN = 0x20, 0x54, 0x06
JUMP, JUMP_EQUAL, JUMP_ABOVE, JUMP_FROM, JUMP_BITS = 0x05, 0x15, 0x25, 0x35, 0x45
NUMBER_OFFSET, ARCHITECTURE_OFFSET, ARGUMENTS_OFFSET = 0, 4, 16
ERRNO = 0x0005_0000  # SECCOMP_RET_ERRNO

_FEW = 3  # so many values are compared one after the other


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """Where to go on: to choices, made one after the other; to an answer; or, with neither, to libseccomp's part."""

    choices: tuple[seccomp.Choice, ...] = ()
    error: int = 0


GO_ON, ABSENT = Go(), Go(error=errno.ENOSYS)

Code = list[tuple[int, int | Go, int | Go, int]]
"""Instructions as `struct sock_filter` has them: code, jump if true, jump if false (how far, or where), operand."""


def compiled(machine: str, token: int, numbers: Mapping[str, int]) -> bytes:
    """Compile the choices.

    Args:
        machine: The architecture, as `uname -m` names it.
        token: What the kernel calls it (AUDIT_ARCH_*); a call of another goes on, to be refused by libseccomp's part.
        numbers: The calls that have a choice, by name.
    """
    cases = [(range(first, last + 1), ABSENT) for first, last in seccomp_calls.UNUSED[machine]]
    cases += [(range(seccomp_calls.LAST_NUMBER + 1, 1 << 32), ABSENT)]
    blocks: dict[Go, Code] = {GO_ON: [(LOAD, 0, 0, NUMBER_OFFSET)]}
    for error in {errno.ENOSYS, *itertools.chain.from_iterable(map(_answers, seccomp_calls.CHOICES))}:
        blocks[Go(error=error)] = [(RETURN, 0, 0, ERRNO | error)]
    for name, number in numbers.items():
        choices = tuple(choice for choice in seccomp_calls.CHOICES if name in choice.calls)
        cases += [(range(number, number + 1), Go(choices=choices))]
        for n, choice in enumerate(choices):
            blocks[Go(choices=choices[n:])] = _judge(choice, machine, Go(choices=choices[n + 1 :]))
    start: Code = [(LOAD, 0, 0, ARCHITECTURE_OFFSET), (JUMP_EQUAL, 0, GO_ON, token), (LOAD, 0, 0, NUMBER_OFFSET)]
    return _assembled([*start, *_search(cases, GO_ON)], blocks)


def _answers(choice: seccomp.Choice) -> set[int]:
    return {choice.otherwise, *(each.answer for each in choice.values if each.answer)}


def _judge(choice: seccomp.Choice, machine: str, then: Go) -> Code:
    """Compile one choice."""
    code: Code = []
    if choice.only:
        code += [*_load(choice.only.argument, choice.only.mask), (JUMP_EQUAL, 0, then, choice.only.value)]
    if choice.wide:
        code += [*_load(choice.argument, half=4), (JUMP_EQUAL, 0, Go(error=choice.otherwise), 0)]
    code += _load(choice.argument, choice.mask)
    values = [each for each in choice.values if each.machine in {"", machine}]
    return code + (_flags if choice.flags else _command)(values, Go(error=choice.otherwise), then)


def _load(argument: int, mask: int = seccomp.LOW_32_BITS, *, half: int = 0) -> Code:
    """Load half of an argument; both architectures are little-endian, so the low one comes first."""
    masked: Code = [] if mask == seccomp.LOW_32_BITS else [(AND, 0, 0, mask)]
    return [(LOAD, 0, 0, ARGUMENTS_OFFSET + 8 * argument + half), *masked]


def _flags(values: list[seccomp.Values], otherwise: Go, then: Go) -> Code:
    """Compile a word of flags: has it one that is refused, has it one that isn't known?"""
    bits = [functools.reduce(operator.or_, (numbers.start for _, numbers in each.named), 0) for each in values]
    unknown = ~functools.reduce(operator.or_, bits, 0) & seccomp.LOW_32_BITS
    refused: Code = [
        (JUMP_BITS, Go(error=each.answer), 0, word) for each, word in zip(values, bits, strict=True) if each.answer
    ]
    return [*refused, (JUMP_BITS, otherwise, then, unknown)]


def _command(values: list[seccomp.Values], otherwise: Go, then: Go) -> Code:
    """Compile a command: is it one that is known?"""
    cases = [(numbers, Go(error=each.answer) if each.answer else then) for each in values for _, numbers in each.named]
    return _search(cases, otherwise)


def _search(cases: Iterable[tuple[range, Go]], otherwise: Go) -> Code:
    """Compile a search among ranges for what is loaded: where to go if it is in one, and if it is in none."""
    in_order = _merged(sorted(cases, key=lambda case: case[0].start))
    return _halved(in_order, otherwise) or [(JUMP_FROM, otherwise, otherwise, 0)]


def _merged(cases: list[tuple[range, Go]]) -> list[tuple[range, Go]]:
    """Make one of ranges that follow on each other and lead to the same place."""
    found = cases[:1]
    for numbers, then in cases[1:]:
        before, there = found[-1]
        if (before.stop, there) == (numbers.start, then):
            found[-1] = (range(before.start, numbers.stop), then)
        else:
            found.append((numbers, then))
    return found


def _halved(cases: list[tuple[range, Go]], otherwise: Go) -> Code:
    middle = len(cases) // 2
    if middle >= _FEW:
        lower, upper = _halved(cases[:middle], otherwise), _halved(cases[middle:], otherwise)
        return [(JUMP_FROM, len(lower), 0, cases[middle][0].start), *lower, *upper]
    code: Code = []
    for number, (numbers, then) in enumerate(cases, 1):
        following = otherwise if number == len(cases) else 0
        if len(numbers) == 1:
            code += [(JUMP_EQUAL, then, following, numbers.start)]
        else:
            code += [(JUMP_FROM, 0, otherwise, numbers.start), (JUMP_ABOVE, following, then, numbers[-1])]
    return code


def _assembled(start: Code, blocks: dict[Go, Code]) -> bytes:
    """Lay the blocks one after the other; each is followed by the long jumps that its short ones need."""
    # No jump leads back: each is to a block with fewer choices, then to an answer, last to libseccomp's part.
    order = sorted(blocks, key=lambda go: (len(go.choices), go.error), reverse=True)
    code = [start, *map(blocks.__getitem__, order)]
    exits = [
        list(dict.fromkeys(jump for _, *both, _ in block for jump in both if isinstance(jump, Go))) for block in code
    ]
    ends = itertools.accumulate(len(block) + len(far) for block, far in zip(code, exits, strict=True))
    places = dict(zip(order, ends, strict=False))  # where each begins: at the end of the one before
    program: Code = []
    for block, far in zip(code, exits, strict=True):
        for n, (op, *both, k) in enumerate(block, 1):
            true, false = (len(block) - n + far.index(jump) if isinstance(jump, Go) else jump for jump in both)
            program.append((op, true, false, k))
        for go in far:
            program.append((JUMP, 0, 0, places[go] - len(program) - 1))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)
