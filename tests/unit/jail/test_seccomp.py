"""The compiled filter, evaluated: what it allows, what it answers, and that it is the table's.

A classic-BPF interpreter runs the very bytes that bwrap loads.  `seccomp_reachable_MACHINE.txt` lists
what is reachable, for a person to review in a diff; `python tests/unit/jail/test_seccomp.py` rewrites it.
"""

from __future__ import annotations

import errno
import importlib.util
import itertools
import re
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox_magic.jail import seccomp, seccomp_calls
from sandbox_magic.model.errors import SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

HERE = Path(__file__).resolve().parent
TOOL = HERE.parents[2] / "tools" / "compile_seccomp.py"
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
I386, ARM, X32_BIT = 0x40000003, 0x40000028, 0x40000000
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
EPERM, ENOSYS = ERRNO | errno.EPERM, ERRNO | errno.ENOSYS
MOST_REACHABLE = 230
JUNK = 0xDEAD_BEEF << 32  # what a caller can put above an int argument

Arguments = tuple[int, ...]
Program = list[tuple[int, int, int, int]]


def program_of(machine: str) -> Program:
    """Decode the committed bytes."""
    return list(struct.iter_unpack("<HBBI", seccomp.load(machine)))


def outcomes(program: Program, number: int, architecture: int, arguments: Arguments | None = None) -> set[int]:
    """Run the filter; with unknown arguments, follow both sides of every jump that looks at one.

    Returns:
        The return values that can be reached: exactly one if the arguments are given.
    """
    known = {0: number, 4: architecture}
    if arguments is not None:
        for position, value in enumerate(arguments):
            known[16 + 8 * position], known[20 + 8 * position] = value & 0xFFFFFFFF, value >> 32
    found: set[int] = set()
    todo: set[tuple[int, int | None]] = {(0, 0)}
    done: set[tuple[int, int | None]] = set()
    while todo:
        state = todo.pop()
        done.add(state)
        at, a = state
        code, if_true, if_false, k = program[at]
        following: list[tuple[int, int | None]]
        if code == 0x06:  # return
            found.add(k)
            continue
        if code == 0x20:  # load a word of seccomp_data
            following = [(at + 1, known.get(k))]
        elif code == 0x54:  # and
            following = [(at + 1, None if a is None else a & k)]
        elif code == 0x05:  # jump
            following = [(at + 1 + k, a)]
        else:
            test = {0x15: int.__eq__, 0x25: int.__gt__, 0x35: int.__ge__, 0x45: has_bits}[code]
            both = (True, False) if a is None else (test(a, k),)
            following = [(at + 1 + (if_true if holds else if_false), a) for holds in both]
        todo.update(state for state in following if state not in done)
    return found


def has_bits(value: int, bits: int) -> bool:
    """Return whether a value has any of these bits."""
    return value & bits != 0


def answer(program: Program, number: int, architecture: int, arguments: Arguments = (0,) * 6) -> int:
    """Run the filter on one concrete call: what `outcomes` does, many times as fast."""
    data = {0: number, 4: architecture}
    for position, value in enumerate(arguments):
        data[16 + 8 * position], data[20 + 8 * position] = value & 0xFFFFFFFF, value >> 32
    at = a = 0
    while True:
        code, if_true, if_false, k = program[at]
        at += 1
        if code == 0x15:
            at += if_true if a == k else if_false
        elif code == 0x35:
            at += if_true if a >= k else if_false
        elif code == 0x25:
            at += if_true if a > k else if_false
        elif code == 0x45:
            at += if_true if a & k else if_false
        elif code == 0x05:
            at += k
        elif code == 0x20:
            a = data[k]
        elif code == 0x54:
            a &= k
        else:
            assert code == 0x06
            return k


def reachable(machine: str) -> dict[int, bool]:
    """Return the numbers that some arguments get through, and whether all arguments do."""
    program, architecture = program_of(machine), ARCHITECTURES[machine]
    every = {number: outcomes(program, number, architecture) for number in range(1024)}
    return {number: found == {ALLOW} for number, found in every.items() if ALLOW in found}


def golden(machine: str) -> dict[int, tuple[str, bool]]:
    """Read the golden file: number -> (name, whether any arguments do)."""
    text = (HERE / f"seccomp_reachable_{machine}.txt").read_text()
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {int(number): (name, not rest) for number, name, *rest in lines}


def numbers(machine: str) -> dict[str, int]:
    """Return the number of every reachable call by its name."""
    return {name: number for number, (name, _) in golden(machine).items()}


def by_table(machine: str, name: str, arguments: Arguments) -> int:
    """Return what the filter must answer, as the table says."""
    refusal = seccomp_calls.answer(machine, name, arguments)
    return ERRNO | refusal if refusal else ALLOW


def choices(name: str) -> list[seccomp.Choice]:
    """Return the choices of a call, in their order."""
    return [choice for choice in seccomp_calls.CHOICES if name in choice.calls]


def generator() -> ModuleType:
    """Import the tool from its file; without libseccomp skip (under SANDBOX_MUST_WORK=1 that fails)."""
    spec = importlib.util.spec_from_file_location("compile_seccomp", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        module.library()
    except OSError as error:
        pytest.skip(f"{error} (Debian: apt-get install libseccomp2)")
    return module


@pytest.fixture(params=seccomp.MACHINES)
def machine(request: pytest.FixtureRequest) -> str:
    """Each architecture in turn; a filter can be evaluated anywhere."""
    return str(request.param)


def test_the_bytes_are_those_of_the_table(machine: str) -> None:
    """Compiling the table again gives the committed file, byte for byte."""
    assert generator().compiled(machine) == seccomp.load(machine)


def test_reachable_calls_are_the_reviewed_ones(machine: str) -> None:
    """What gets through, of 1024 numbers, is what the golden file says and nothing else."""
    assert reachable(machine) == {number: free for number, (_, free) in golden(machine).items()}


def test_golden_names_are_right(machine: str) -> None:
    """Each number in the golden file carries the name that libseccomp has for it."""
    tool = generator()
    lib = tool.library()
    assert {name: tool.number(lib, machine, name) for name in numbers(machine)} == numbers(machine)


def test_few_calls_are_reachable(machine: str) -> None:
    """At most 230 calls are reachable, those counted that only some arguments reach."""
    assert 150 < len(reachable(machine)) <= MOST_REACHABLE


def test_the_table_names_no_call_twice_and_nothing_that_x86_64_lacks() -> None:
    """Every entry of the table counts: no duplicates, no call both allowed and absent."""
    allowed = [call for group in seccomp_calls.ALLOWED for call in group.calls] + list(seccomp_calls.RULES)
    assert len(allowed) == len(set(allowed))
    assert not set(allowed) & {call for group in seccomp_calls.ANSWERED.values() for call in group.calls}
    assert set(allowed) == set(numbers("x86_64"))
    assert set(numbers("aarch64")) < set(allowed)


def test_every_answer_is_allow_or_an_error(machine: str) -> None:
    """The filter never kills, traps, traces or logs, whatever the number and the architecture."""
    program = program_of(machine)
    values = {instruction[3] for instruction in program if instruction[0] == 0x06}
    others = {choice.otherwise for choice in seccomp_calls.CHOICES}
    assert values == {ALLOW, EPERM, *(ERRNO | each for each in {*others, *seccomp_calls.ANSWERED})}


def test_unknown_numbers_are_absent(machine: str) -> None:
    """A number without a call, or newer than the table, answers ENOSYS so that libc falls back."""
    program, architecture = program_of(machine), ARCHITECTURES[machine]
    gaps = [range(first, last + 1) for first, last in seccomp_calls.UNUSED[machine]]
    newer = [seccomp_calls.LAST_NUMBER + 1, 452, 462, 1023, 0x3FFFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
    for number in itertools.chain(*gaps, newer):
        assert outcomes(program, number, architecture) == {ENOSYS}, number


def test_x32_calls_are_refused() -> None:
    """The x32 interface, the same architecture with a bit in the number, reaches nothing."""
    program = program_of("x86_64")
    for number in range(1024):
        assert outcomes(program, X32_BIT + number, ARCHITECTURES["x86_64"]) == {ENOSYS}


@pytest.mark.parametrize(("machine", "other"), [("x86_64", I386), ("x86_64", 0xC00000B7), ("aarch64", ARM)])
def test_another_architecture_is_refused(machine: str, other: int) -> None:
    """`int 0x80` (i386) and 32-bit ARM reach nothing, and are answered, not killed."""
    program = program_of(machine)
    for number in itertools.chain(range(1024), (X32_BIT, 0x0F0002, 0xFFFFFFFF)):
        assert outcomes(program, number, other) == {ENOSYS}


def tried(choice: seccomp.Choice) -> Iterator[int]:
    """Yield values to try in an argument: every small number, every bit, all that is known and what is beside it."""
    known = [number for each in choice.values for _, numbers in each.named for number in (numbers[0], numbers[-1])]
    yield from range(16 if choice.flags else 4097)
    yield from (1 << bit for bit in range(64))
    yield from (number + beside & 0xFFFFFFFF for number in known for beside in (-1, 0, 1))
    yield from (number | JUNK for number in known)
    yield from (0xFFFFFFFF, 0xFFFFFFFF_FFFFFFFF)
    if choice.flags:  # each beside all that are allowed
        every = sum({numbers[0] for each in choice.values if not each.answer for _, numbers in each.named})
        yield from (every & 0xFFFFFFFF | 1 << bit for bit in range(64))


def satisfied(choice: seccomp.Choice) -> list[int]:
    """Return arguments with which the choice is looked at."""
    arguments = [0] * 6
    if choice.only:
        arguments[choice.only.argument] = choice.only.value
    return arguments


@pytest.mark.parametrize(
    ("machine", "call"), [(machine, call) for machine in seccomp.MACHINES for call in numbers(machine) if choices(call)]
)
def test_every_small_number_is_judged_as_the_table_says(machine: str, call: str) -> None:
    """In each argument that chooses, what is listed goes on, and all else has the answer that the table says."""
    program, architecture, number = program_of(machine), ARCHITECTURES[machine], numbers(machine)[call]
    for choice in choices(call):
        arguments = satisfied(choice)
        for value in tried(choice):
            arguments[choice.argument] = value
            given = tuple(arguments)
            assert answer(program, number, architecture, given) == by_table(machine, call, given), (choice, given)


def test_arguments_are_judged_as_the_table_says(machine: str) -> None:
    """For every call with a rule, the argument values around each of its conditions give what the table says."""
    program, architecture = program_of(machine), ARCHITECTURES[machine]
    for name, number in numbers(machine).items():
        conditions = set(itertools.chain(*seccomp_calls.RULES.get(name, ())))
        interesting: list[set[int]] = [{0, JUNK}, {0}, {0}, {0}]
        for bits in conditions:
            flips = [1 << bit for bit in range(32) if bits.mask >> bit & 1]
            near = {bits.value, bits.value ^ 1, bits.value | ~bits.mask & 0xFFFFFFFF}
            near |= {bits.value ^ flip for flip in flips} if len(conditions) < 3 else set()
            interesting[bits.argument] |= near | {value | JUNK for value in near}
        for few in itertools.product(*interesting):
            arguments = (*few, 0, 0)
            assert answer(program, number, architecture, arguments) == by_table(machine, name, arguments), arguments


def test_both_ways_of_running_the_filter_agree(machine: str) -> None:
    """The fast interpreter and the one that follows every path give the same answers."""
    program, architecture = program_of(machine), ARCHITECTURES[machine]
    for number in range(500):
        for arguments in itertools.product((0, 5, 0x5401, JUNK), repeat=3):
            given = (*arguments, 0, 0, 0)
            assert outcomes(program, number, architecture, given) == {answer(program, number, architecture, given)}


def test_every_allowed_call_has_its_choices_or_a_reason_to_have_none() -> None:
    """Whoever allows a call must say by what it can be asked for something else."""
    chosen = {name for choice in seccomp_calls.CHOICES for name in choice.calls}
    plain = [name for group in seccomp_calls.PLAIN for name in group.calls]
    allowed = {name for group in seccomp_calls.ALLOWED for name in group.calls} | set(seccomp_calls.RULES)
    assert len(plain) == len(set(plain))
    assert not chosen & set(plain)
    assert chosen | set(plain) | set(seccomp_calls.RULES) == allowed


@pytest.mark.parametrize("choice", seccomp_calls.CHOICES, ids=lambda choice: f"{choice.calls[0]}-{choice.argument}")
def test_every_value_has_a_name_and_a_reason(choice: seccomp.Choice) -> None:
    """Each value is named once, each number stands once, and each group has a sentence that says why."""
    for machine in seccomp.MACHINES:
        named = [pair for each in choice.values if each.machine in {"", machine} for pair in each.named]
        names = [name for name, _ in named]
        values = [number for _, numbers in named for number in {numbers[0], numbers[-1]}]
        assert len(names) == len(set(names))
        assert len(values) == len(set(values))
        assert all(0 <= value & choice.mask == value for value in values)
    for each in choice.values:
        assert re.fullmatch(r".{5,}\.", each.why, re.DOTALL), each.why
        assert each.named


NEWER = {
    "prctl(PR_FUTEX_HASH), 6.16": ("prctl", (78, 1, 1 << 24), errno.EPERM),
    "prctl(PR_FUTEX_HASH) with high bits": ("prctl", (78 | JUNK, 1, 1 << 24), errno.EPERM),
    "prctl(PR_RSEQ_SLICE_EXTENSION), 7.0": ("prctl", (79,), errno.EINVAL),
    "prctl(PR_TIMER_CREATE_RESTORE_IDS), 6.15": ("prctl", (77,), errno.EINVAL),
    "fcntl(F_GETDELEG), 6.19": ("fcntl", (0, 1039), errno.EINVAL),
    "fcntl(F_SETDELEG), 6.19": ("fcntl", (0, 1040), errno.EINVAL),
    "fcntl(F_SETLEASE), which it resembles": ("fcntl", (0, 1024), errno.EPERM),
    "madvise(MADV_GUARD_INSTALL), 6.13": ("madvise", (0, 0, 102), errno.EINVAL),
    "pwritev2(RWF_DONTCACHE), 6.14": ("pwritev2", (0, 0, 0, 0, 0, 0x80), errno.EOPNOTSUPP),
    "fallocate(FALLOC_FL_WRITE_ZEROES), 6.17": ("fallocate", (0, 0x80), errno.EOPNOTSUPP),
    "setsockopt(SO_PASSRIGHTS), 6.16": ("setsockopt", (0, 1, 83), errno.ENOPROTOOPT),
    "setsockopt of MPTCP": ("setsockopt", (0, 284, 1), errno.ENOPROTOOPT),
    "setsockopt(TCP_ULP)": ("setsockopt", (0, 6, 31), errno.ENOPROTOOPT),
    "clock_gettime(CLOCK_AUX), 6.17": ("clock_gettime", (16,), errno.EINVAL),
    "ioctl(PIDFD_GET_NET_NAMESPACE), 6.11": ("ioctl", (0, 0xFF04), errno.ENOTTY),
    "ioctl(SIOCGIFBR), which loads a module": ("ioctl", (0, 0x8940), errno.ENOTTY),
    "ioctl(SIOCGIFVLAN), which loads a module": ("ioctl", (0, 0x8982), errno.ENOTTY),
    "open with a flag of the future": ("openat", (0, 0, 1 << 26), errno.EINVAL),
    "mmap with a flag of the future": ("mmap", (0, 0, 3, 0x22 | 1 << 24), errno.EINVAL),
    "mmap with a flag above 32 bits": ("mmap", (0, 0, 3, 0x22 | 1 << 32), errno.EINVAL),
    "mmap of a type of the future": ("mmap", (0, 0, 3, 0x24), errno.EINVAL),
    "sendmsg(MSG_ZEROCOPY)": ("sendmsg", (0, 0, 0x4000000), errno.EOPNOTSUPP),
    "futex of the future": ("futex", (0, 14), errno.ENOSYS),
    "socket of Unix, of a type of the future": ("socket", (1, 7, 0), errno.ESOCKTNOSUPPORT),
    "socket of Unix, of a protocol of the future": ("socketpair", (1, 1, 2), errno.EPROTONOSUPPORT),
}


@pytest.mark.parametrize("what", NEWER)
def test_what_a_later_kernel_adds_is_refused(machine: str, what: str) -> None:
    """On any kernel: the filter answers before the kernel is asked."""
    name, arguments, refusal = NEWER[what]
    given = (*arguments, *(0,) * (6 - len(arguments)))
    found = answer(program_of(machine), numbers(machine)[name], ARCHITECTURES[machine], given)
    assert found == ERRNO | refusal


@pytest.mark.parametrize("flag", [1 << bit for bit in (7, 17, 25, 26, 27, 28, 29, 30)])
def test_clone_makes_no_namespace(machine: str, flag: int) -> None:
    """Every CLONE_NEW* flag is refused, alone and beside a thread's; threads and fork are not."""
    program, architecture = program_of(machine), ARCHITECTURES[machine]
    clone = numbers(machine)["clone"]
    thread, fork = 0x3D0F00, 0x1200011
    for flags in (thread, fork):
        assert answer(program, clone, architecture, (flags, 0, 0, 0, 0, 0)) == ALLOW
        assert answer(program, clone, architecture, (flags | flag, 0, 0, 0, 0, 0)) == EPERM


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        pytest.param((1, 1, 0), True, id="unix stream"),
        pytest.param((1, 0x80002, 0), True, id="unix datagram, close-on-exec"),
        pytest.param((2, 0x80801, 6), True, id="tcp, non-blocking, close-on-exec"),
        pytest.param((10, 2, 17), True, id="udp over IPv6"),
        pytest.param((16, 0x80003, 0), True, id="netlink route, raw: getifaddrs"),
        pytest.param((2, 3, 1), False, id="raw ICMP"),
        pytest.param((10, 3, 58), False, id="raw ICMPv6"),
        pytest.param((2, 0x80003, 255), False, id="raw, close-on-exec"),
        pytest.param((2, 1, 132), False, id="SCTP"),
        pytest.param((2, 1, 262), False, id="MPTCP"),
        pytest.param((2, 5, 132), False, id="SCTP, packets"),
        pytest.param((2, 6, 33), False, id="DCCP"),
        pytest.param((2, 10, 0), False, id="SOCK_PACKET"),
        pytest.param((16, 3, 12), False, id="netlink netfilter"),
        pytest.param((16, 2, 15), False, id="netlink uevent"),
        pytest.param((17, 3, 0), False, id="AF_PACKET"),
        pytest.param((38, 5, 0), False, id="AF_ALG"),
        pytest.param((40, 1, 0), False, id="AF_VSOCK"),
        pytest.param((0, 1, 0), False, id="AF_UNSPEC"),
    ],
)
def test_socket_families(machine: str, arguments: Arguments, allowed: bool) -> None:
    """Only UNIX, plain TCP and UDP and the routing netlink; junk above 32 bits changes nothing."""
    program, architecture = program_of(machine), ARCHITECTURES[machine]
    for junk in (0, JUNK):
        given = (*(value | junk for value in arguments), 0, 0, 0)
        found = answer(program, numbers(machine)["socket"], architecture, given)
        assert found == (ALLOW if allowed else EPERM)


@pytest.mark.parametrize("command", [0x5412, 0x541C, 0x5412 | JUNK, 0x541C | 1 << 32, 0x5412 | 1 << 63])
def test_nothing_types_into_a_terminal(machine: str, command: int) -> None:
    """TIOCSTI and TIOCLINUX are refused by their low 32 bits; TIOCGWINSZ and FIONREAD, beside them, are not."""
    program, architecture, ioctl = program_of(machine), ARCHITECTURES[machine], numbers(machine)["ioctl"]
    beside = {0x5412: 0x5413, 0x541C: 0x541B}[command & 0xFFFF] | command & ~0xFFFF
    assert answer(program, ioctl, architecture, (0, command, 0, 0, 0, 0)) == EPERM
    assert answer(program, ioctl, architecture, (0, beside, 0, 0, 0, 0)) == ALLOW


@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        ("prlimit64", [(0, 7), (2, 7), (4, 7), (JUNK, 7), (0xFFFFFFFF, 7)], [(1, 0), (JUNK | 1, 0), (3, 7)]),
        ("sched_setaffinity", [(0,), (2,), (4,)], [(1,), (3,), (JUNK | 3,)]),
        ("sched_setscheduler", [(0,), (2,), (4,)], [(1,), (3,)]),
        ("sched_setparam", [(0,), (2,), (4,)], [(1,), (3,)]),
        ("setpriority", [(0, 0, 19), (0, 2), (0, 4)], [(0, 1), (0, 3), (1, 0), (1, 1), (2, 0), (2, 1000)]),
        ("ioprio_set", [(1, 0, 0x6000), (1, 2, 0x4007)], [(1, 1, 0x6000), (1, 3), (2, 0), (3, 0), (1, 0, 0x4000)]),
        ("personality", [(0,), (0xFFFFFFFF,), ((1 << 64) - 1,)], [(8,), (0x40000,), (0x400000,), (0xFFFFFFFE,)]),
        ("mknodat", [(0, 0, 0o644), (0, 0, 0o100600), (0, 0, 0o10600), (0, 0, 0o140600)], [(0, 0, 0o20666)]),
        ("mknodat", [(0, 0, 0o10600 | 1 << 16)], [(0, 0, 0o60600), (0, 0, 0o60600 | JUNK), (0, 0, 0o40700)]),
        ("socketpair", [(1, 1), (1, 0x80002)], [(2, 1), (16, 1), (0, 1)]),
        ("seccomp", [(1, 0), (1, 1), (0, 0), (2, 0)], [(1, 8), (1, 9), (1, JUNK | 8)]),
        ("mmap", [(0, 0, 3, 0x22)], [(0, 0, 3, 0x40022)]),
        ("sched_setscheduler", [(0, 0), (0, 0x40000005)], [(0, 1), (0, 2), (0, 0x40000001)]),
    ],
)
def test_argument_rules_by_example(machine: str, name: str, allowed: list[Arguments], refused: list[Arguments]) -> None:
    """The rules in plain numbers: its own limits only, no devices, no other personality, no listener."""
    program, architecture, number = program_of(machine), ARCHITECTURES[machine], numbers(machine)[name]
    for arguments in (*allowed, *refused):
        padded = (*arguments, *(0,) * (6 - len(arguments)))
        expected = ALLOW if arguments in allowed else EPERM
        assert answer(program, number, architecture, padded) == expected, arguments


def test_clone3_is_absent(machine: str) -> None:
    """clone3 answers ENOSYS, which makes libc use clone."""
    assert outcomes(program_of(machine), 435, ARCHITECTURES[machine]) == {ENOSYS}


def test_load_names_the_architecture_it_has_no_filter_for() -> None:
    """Another machine gets an error that says which, and which would do."""
    with pytest.raises(SandboxUnavailable, match="riscv64") as caught:
        seccomp.load("riscv64")
    assert "x86_64" in caught.value.remedy


def test_load_refuses_a_cut_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing or damaged filter is an error, never a sandbox without one."""
    monkeypatch.setattr(seccomp, "__file__", str(tmp_path / "seccomp.py"))
    with pytest.raises(SandboxUnavailable, match="cannot be read"):
        seccomp.load.__wrapped__("x86_64")
    (tmp_path / "filters").mkdir()
    for content in (b"", b"1234567"):
        (tmp_path / "filters" / "x86_64.bpf").write_bytes(content)
        with pytest.raises(SandboxUnavailable, match="damaged"):
            seccomp.load.__wrapped__("x86_64")


def rewrite_golden() -> None:
    """Write the golden files anew, for a person to read the difference."""
    tool = generator()
    lib = tool.library()
    named = [call for group in seccomp_calls.ALLOWED for call in group.calls] + list(seccomp_calls.RULES)
    for machine in seccomp.MACHINES:
        names = {tool.number(lib, machine, name): name for name in named}
        found = reachable(machine)
        lines = [f"# {len(found)} system calls reachable on {machine}; `rule`: for some arguments only."]
        lines += [f"{number} {names[number]}{'' if free else ' rule'}" for number, free in found.items()]
        (HERE / f"seccomp_reachable_{machine}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    rewrite_golden()
    sys.exit(0)
