"""The environment variables inside."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from sandbox_magic.jail.view.places import HOME

if TYPE_CHECKING:
    from sandbox_magic.jail.view.host_paths import Host
    from sandbox_magic.jail.view.interpreter import Interpreter
    from sandbox_magic.model.policy import Limits


def environment(interpreter: Interpreter, limits: Limits, machine: Host) -> dict[str, str]:
    """Return the environment inside, which has nothing from the host's."""
    threads = str(_numeric_threads(limits, machine.processors))
    own = os.path.dirname(interpreter.executable)
    places = dict.fromkeys((own, "/usr/local/bin", "/usr/bin", "/bin"))
    values = {
        "PATH": ":".join(places), "HOME": HOME, "USER": "sandbox", "LOGNAME": "sandbox", "SHELL": "/bin/sh",
        "LANG": "C.UTF-8", "TMPDIR": "/tmp", "PYTHONUNBUFFERED": "1",  # noqa: S108 - the sandbox's own /tmp
        "TERM": "xterm-color",  # as in a cell of ipykernel's: colours are shown, and a cursor's moves are left out
        "ASAN_OPTIONS": "detect_leaks=0", "LSAN_OPTIONS": "detect_leaks=0",  # it needs ptrace, and fails every program
        "PIP_RETRIES": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1",  # else it tries for ten seconds what can't succeed
        "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "MKL_NUM_THREADS": threads,
    }  # fmt: skip
    if interpreter.user_base:
        values["PYTHONUSERBASE"] = interpreter.user_base
    return values


def _numeric_threads(limits: Limits, processors: int) -> int:
    """Return how many threads BLAS and OpenMP should start: as many as they may use, and may have."""
    return min(processors, max(1, limits.processes // 4)) if limits.cpus is None else max(1, math.ceil(limits.cpus))
