"""The numbers in the filter's table are those of the system's headers, and of Python's own modules.

A number that is wrong would refuse what is meant to be allowed, and allow what nobody has looked at.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import termios
import time
from typing import TYPE_CHECKING

import pytest

from sandbox_magic.jail import seccomp_calls

if TYPE_CHECKING:
    from pathlib import Path

MACHINE = os.uname().machine
KERNEL = """
    asm/ioctls.h asm/mman.h asm/prctl.h asm/socket.h asm/termbits.h linux/close_range.h
    linux/eventpoll.h linux/falloc.h linux/fcntl.h linux/fs.h linux/futex.h
    linux/in.h linux/in6.h linux/inotify.h linux/ioprio.h linux/membarrier.h linux/memfd.h linux/mman.h
    linux/netlink.h linux/nsfs.h linux/pidfd.h linux/prctl.h linux/random.h linux/resource.h linux/rseq.h linux/sched.h
    linux/seccomp.h linux/sockios.h linux/stat.h linux/tcp.h linux/time.h linux/timerfd.h linux/wait.h
"""
LIBC = """
    fcntl.h netinet/in.h netinet/tcp.h sched.h stdio.h sys/epoll.h sys/eventfd.h sys/file.h sys/mman.h sys/resource.h
    sys/signalfd.h sys/socket.h sys/time.h sys/timerfd.h sys/wait.h time.h unistd.h
"""
NEWER = """
    ARCH_SHSTK_DISABLE ARCH_SHSTK_ENABLE ARCH_SHSTK_LOCK ARCH_SHSTK_SHSTK ARCH_SHSTK_STATUS ARCH_SHSTK_WRSS
    ARCH_XCOMP_TILEDATA AT_EXECVE_CHECK F_CREATED_QUERY F_DUPFD_QUERY F_SEAL_EXEC MADV_GUARD_INSTALL MAP_ABOVE4G
    MAP_DROPPABLE MEMBARRIER_CMD_GET_REGISTRATIONS MFD_EXEC MFD_NOEXEC_SEAL PIDFD_SIGNAL_PROCESS_GROUP
    PIDFD_SIGNAL_THREAD PIDFD_SIGNAL_THREAD_GROUP PIDFD_THREAD PR_FUTEX_HASH PR_GET_AUXV PR_GET_MDWE
    PR_GET_SHADOW_STACK_STATUS PR_LOCK_SHADOW_STACK_STATUS PR_MDWE_NO_INHERIT PR_MDWE_REFUSE_EXEC_GAIN PR_SET_MDWE
    PR_SET_MEMORY_MERGE PR_SET_SHADOW_STACK_STATUS PR_SHADOW_STACK_ENABLE PR_SHADOW_STACK_PUSH
    PR_SHADOW_STACK_WRITE PR_THP_DISABLE_EXCEPT_ADVISED RWF_NOAPPEND SOCK_TYPE SO_PASSPIDFD SO_PEERPIDFD
"""
"""What Linux got after 6.1, whose headers Debian 12 has; SOCK_TYPE it keeps from programs."""


def named() -> dict[str, int]:
    """Return every name of the table that a header can have, with its number on this architecture."""
    return {
        name: numbers.start
        for choice in seccomp_calls.CHOICES
        for each in choice.values
        if each.machine in {"", MACHINE}
        for name, numbers in each.named
        if re.fullmatch(r"_*[A-Z][A-Z0-9_]+", name)
    }


def test_a_name_has_one_number() -> None:
    """Whatever stands twice in the table stands there with the same number."""
    pairs = {
        (name, numbers) for choice in seccomp_calls.CHOICES for each in choice.values for name, numbers in each.named
    }
    assert len(pairs) == len({name for name, _ in pairs})


def test_numbers_are_those_of_python() -> None:
    """Python was compiled with the headers: what its modules know by the same name has the same number."""
    modules = (fcntl, mmap, os, resource, select, signal, socket, termios, time)
    wanted = named()
    known = {name: int(getattr(module, name)) for name in wanted for module in modules if hasattr(module, name)}
    del known["O_LARGEFILE"]  # libc says 0, for the kernel sets it by itself
    assert len(known) > 150
    assert {name: number & 0xFFFFFFFF for name, number in known.items()} == {name: wanted[name] for name in known}


def headers(tmp_path: Path, files: str, names: set[str]) -> dict[str, int]:
    """Return the numbers of those names that these headers have, as the compiler sees them."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler (Debian: apt-get install g++)")
    source, program = tmp_path / "numbers.c", tmp_path / "numbers"
    include = "".join(f"#if __has_include(<{name}>)\n#include <{name}>\n#endif\n" for name in files.split())
    source.write_text(f"#define _GNU_SOURCE\n{include}")
    text = said(compiler, "-E", "-dM", str(source)) + said(compiler, "-E", "-P", str(source))
    found = sorted(names & set(re.findall(r"\w+", text)))
    lines = "".join(f'printf("{name} %u\\n", (unsigned) ({name}));\n' for name in found)
    with source.open("a") as file:
        file.write(f"int printf(const char *, ...);\nint main(void) {{\n{lines}}}\n")
    said(compiler, "-w", str(source), "-o", str(program))
    return {name: int(number) for name, number in map(str.split, said(str(program)).splitlines())}


def said(*command: str) -> str:
    """Run a program that must succeed; return what it printed."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_numbers_are_those_of_the_headers(tmp_path: Path) -> None:
    """Every name is in the kernel's headers or in libc's, with this number, but for what is newer than they."""
    wanted = named()
    kernel = headers(tmp_path, KERNEL, set(wanted))
    found = headers(tmp_path, LIBC, set(wanted) - set(kernel)) | kernel
    assert {name: (number, wanted[name]) for name, number in found.items() if number != wanted[name]} == {}
    assert set(wanted) - set(found) - set(NEWER.split()) == set()
