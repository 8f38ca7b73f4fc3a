"""Compile the table of `sandbox_magic.jail.seccomp` to BPF, with libseccomp, for every architecture.

    python tools/compile_seccomp.py            write sandbox_magic/jail/filters/MACHINE.bpf
    python tools/compile_seccomp.py --check    compare, exit 1 on a difference

A development tool: nothing that is installed needs it.  It speaks to libseccomp.so.2 through ctypes,
because the Python binding on PyPI is stale and Debian's is tied to one interpreter.  The committed
bytes are those of Debian 12's libseccomp 2.5.4.

What libseccomp cannot say stands in front of its program, the way runc does it: `seccomp_prologue.py`.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]  # the checkout this tool lies in, not an installed copy

import seccomp_prologue  # noqa: E402 - found by the path above, as the next

from sandbox_magic.jail import seccomp, seccomp_calls  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKENS = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}  # AUDIT_ARCH_*, linux/audit.h
NATIVE = 0  # SCMP_ARCH_NATIVE
ALLOW = 0x7FFF_0000  # SECCOMP_RET_ALLOW
ERRNO = 0x0005_0000  # SECCOMP_RET_ERRNO
BAD_ARCHITECTURE, OPTIMIZE = 2, 8  # SCMP_FLTATR_ACT_BADARCH, SCMP_FLTATR_CTL_OPTIMIZE
BINARY_TREE = 2
MASKED_EQUAL = 7  # SCMP_CMP_MASKED_EQ


class Comparison(ctypes.Structure):
    """`struct scmp_arg_cmp`."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("mask", ctypes.c_uint64),
        ("value", ctypes.c_uint64),
    )


def library() -> ctypes.CDLL:
    """Load libseccomp; OSError if this machine has none (Debian: `apt-get install libseccomp2`)."""
    lib = ctypes.CDLL("libseccomp.so.2")
    lib.seccomp_init.restype = ctypes.c_void_p
    lib.seccomp_init.argtypes = (ctypes.c_uint32,)
    lib.seccomp_release.argtypes = (ctypes.c_void_p,)
    lib.seccomp_arch_add.argtypes = lib.seccomp_arch_remove.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
    lib.seccomp_arch_native.restype = ctypes.c_uint32
    lib.seccomp_attr_set.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32)
    lib.seccomp_syscall_resolve_name.argtypes = (ctypes.c_char_p,)
    lib.seccomp_syscall_resolve_name_arch.argtypes = (ctypes.c_uint32, ctypes.c_char_p)
    lib.seccomp_rule_add_array.argtypes = (
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(Comparison),
    )
    lib.seccomp_export_bpf.argtypes = (ctypes.c_void_p, ctypes.c_int)
    return lib


def checked(code: int, what: str) -> None:
    """Turn libseccomp's negative errno into an OSError."""
    if code < 0:
        raise OSError(-code, f"{what}: {os.strerror(-code)}")


def number(lib: ctypes.CDLL, machine: str, name: str) -> int | None:
    """Return a call's number, or None if the architecture hasn't got it; a misspelt name is an error."""
    if lib.seccomp_syscall_resolve_name(name.encode()) == -1:
        raise ValueError(f"libseccomp knows no system call {name!r}")
    found: int = lib.seccomp_syscall_resolve_name_arch(TOKENS[machine], name.encode())
    return found if found >= 0 else None


@contextmanager
def new_filter(lib: ctypes.CDLL, machine: str) -> Iterator[int]:
    """Open an empty filter of one architecture that refuses all; release it in the end."""
    context = lib.seccomp_init(ERRNO | errno.EPERM)
    if not context:
        raise MemoryError("seccomp_init")
    try:
        if lib.seccomp_arch_native() != TOKENS[machine]:
            checked(lib.seccomp_arch_add(context, TOKENS[machine]), "seccomp_arch_add")
            checked(lib.seccomp_arch_remove(context, NATIVE), "seccomp_arch_remove")
        checked(lib.seccomp_attr_set(context, BAD_ARCHITECTURE, ERRNO | errno.ENOSYS), "BADARCH")
        checked(lib.seccomp_attr_set(context, OPTIMIZE, BINARY_TREE), "OPTIMIZE")
        yield context
    finally:
        lib.seccomp_release(context)


def body(lib: ctypes.CDLL, machine: str) -> bytes:
    """Compile everything that libseccomp can express."""
    with new_filter(lib, machine) as context:

        def add(action: int, name: str, bits: tuple[seccomp.Bits, ...] = ()) -> None:
            if number(lib, machine, name) is None:
                return
            # Rules are stated in native numbers, or libseccomp's own for a call that isn't native.
            native = lib.seccomp_syscall_resolve_name(name.encode())
            comparisons = [Comparison(b.argument, MASKED_EQUAL, b.mask, b.value) for b in bits]
            array = (Comparison * len(comparisons))(*comparisons)
            checked(lib.seccomp_rule_add_array(context, action, native, len(bits), array), name)

        for group in seccomp_calls.ALLOWED:
            for name in group.calls:
                add(ALLOW, name)
        for name, alternatives in seccomp_calls.RULES.items():
            for bits in alternatives:
                add(ALLOW, name, bits)
        for code, group in seccomp_calls.ANSWERED.items():
            for name in group.calls:
                add(ERRNO | code, name)
        return exported(lib, context)


def exported(lib: ctypes.CDLL, context: int) -> bytes:
    """Read the program out of libseccomp, which can only write it to a descriptor."""
    descriptor = os.memfd_create("seccomp")
    try:
        checked(lib.seccomp_export_bpf(context, descriptor), "seccomp_export_bpf")
        return os.pread(descriptor, 1 << 20, 0)
    finally:
        os.close(descriptor)


def compiled(machine: str) -> bytes:
    """Compile the table for one architecture."""
    lib = library()
    names = {name for choice in seccomp_calls.CHOICES for name in choice.calls}
    numbers = {name: found for name in sorted(names) if (found := number(lib, machine, name)) is not None}
    return seccomp_prologue.compiled(machine, TOKENS[machine], numbers) + body(lib, machine)


def main() -> int:
    """Write the filters, or compare them; 1 if they differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare only, exit 1 on a difference")
    check = parser.parse_args().check
    folder = ROOT / "sandbox_magic" / "jail" / "filters"
    status = 0
    for machine in seccomp.MACHINES:
        path, program = folder / f"{machine}.bpf", compiled(machine)
        same = path.exists() and path.read_bytes() == program
        if not check and not same:
            folder.mkdir(exist_ok=True)
            path.write_bytes(program)
        if check and not same:
            status = 1
        verb = "unchanged" if same else "DIFFERS" if check else "written"
        print(f"{path.relative_to(ROOT)}: {len(program) // 8} instructions, {verb}")
    return status


if __name__ == "__main__":
    sys.exit(main())
