"""Which tests run in a machine, and which protection or limit each is about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from kinds import Kind

SANDBOX = ("denials", "refusals", "limits", "attacks", "run", "cases", "workspace", "sessions")
REFUSES = "tests/machine/guest/refuses.py"

# What does not run in any machine, and why. Regular expressions over "file.py::test[parameter]".
LEFT_OUT = {
    r"\[no cgroup|without_a_cgroup": "a tier of its own among the machines",
    r"fork_bomb\[the best tier-bash|\[cpu-accuracy\]|\[out-flood\]|\[mem-pagecache\]": (
        "measured in seconds of a machine ten times as fast, and measured again where that fails"
    ),
    r"kinds_of_memory_are_told_apart": "needs a sample within milliseconds that only a fast machine takes",
    r"the_start_is_not_charged": "its bound is below the ticks in which a slow machine counts",
    r"interrupt_keeps_what_was_printed": "the code must do something within the grace of an interrupt, a fixed time",
    r"file_pages_are_marked": "needs a library that nobody has mapped, and pages that hostfs gives back",
    r"unread_data_in_sockets": "its control needs more memory for sockets than so small a machine gives them",
    r"memory_attack\[(?:children|memfds|files)|\[cpu-(?:sleep|regex)|against_the_watch\[(?:i|b|a child|closes)": (
        "has its like among those that run; PID 1's clock is the same on every machine"
    ),
    r"\[mem-(?:ramp|swap)\]|\[res-oom|\[file-|\[pid1-prlimit\]|\[pid-forkbomb\]": (
        "takes 5 to 20 s there, and test_limits.py and test_attacks.py have its like"
    ),
}
# Of test_run.py and of the cases what the machine decides; the rest is about text, the guest's Python, libraries.
_RUN = "four_endings|pid_1_withstands|report_cannot_be_forged|dropped_iterator|code_that_does_not_listen"
_CASES = "fs|priv|pid|pid1|net|tty|side|root|trust|fd|mem|cpu|file|res|out-dead"
_SESSIONS = r"killed_costs_only_itself\[abort|goes_back_before"
_KEEP = (
    r"test_workspace\.py::test_a_workspace_leaves_the_original_as_it_is\[own\]|"  # by what these kernels have
    rf"test_sessions\.py::\w*(?:{_SESSIONS})|"
    rf"test_(?:denials|refusals|limits|attacks)\.py::|test_run\.py::\w*(?:{_RUN})|test_cases\.py::\w+\[(?:{_CASES})-?"
)
# On a machine that is not one of the four: the denials, the limits, and at least one test of each protection.
_CORE = (
    r"test_denials\.py::|test_limits\.py::(?!test_memory_of_the_whole_tree\[(?:h|m|S|/dev))|"
    r"fork_bomb|refusals\.py::test_too_old|"
    r"\[(?:tty-none|priv-clone3|priv-int80|priv-pid1|priv-nnp|fs-cgroup|cpu-affinity|cpu-spin|net-own|out-dead)"
)

# The first match counts.
_ABOUT = (
    (r"refusals\.py|refuses\.py", "refusal"),
    (r"new-mount-api|int80|personality|clone3|seccomp|io_uring|keyring", "system calls"),
    (r"environ|clearenv", "environment"),
    (r"caller's process|pid-count|pid1|PID 1|pid_1|forged|proc-root|fs-kcore|all it can", "processes seen"),
    (r"\[net-|server on|Unix socket|do_not_meet|network", "network"),
    (r"host's name|user namespace|userns|\[side-", "other namespaces"),
    (r"\[tty-|terminal", "terminal"),
    (r"denials\.py::.*(?:a file of|list /etc|Python environment|shadow)|\[fs-(?!cgroup|shocker|mknod)|fd-inherit",
     "files"),
    (r"denials\.py|\[fs-|\[priv-|\[root-", "privileges"),
    (r"workspace\.py", "files"),
    (r"cpu-affinity|cpu_share", "cpus"),
    (r"cpu_by_64\w*\[wall|cpu-(?:spin|sleep|regex|swallow)|against_the_watch|deaf|wall", "timeout"),
    (r"cpu|start_is_not_charged", "cpu-time"),
    (r"shm-sigbus|disk|file-fsize|pagecache", "disk"),
    (r"mem|oom|files_without_end|spike|file_pages", "memory"),
    (r"fork|pid-|process|thread", "processes"),
    (r"fd-|descriptor|inotify|open_files", "open-files"),
    (r"out-|output|flood", "output-limit"),
)  # fmt: skip


def files(kind: Kind, source: Path) -> list[str]:
    """The files of tests for a machine of this kind, of those that there are."""
    if kind.refuses:
        return [REFUSES]
    names = (f"tests/sandbox/test_{name}.py" for name in SANDBOX)
    return [name for name in names if (source / name).exists()]


def question(kind: Kind, source: Path) -> dict[str, object]:
    """What `guest/check.py` is asked."""
    if kind.refuses:
        return {"files": files(kind, source), "keep": "", "leave": "$^"}
    keep = _KEEP if kind.whole else _CORE
    return {"files": files(kind, source), "keep": keep, "leave": "|".join(LEFT_OUT)}


def about(test: str) -> str:
    """The protection or limit that a test is about, by its name; ``the run`` for what is about no one of them."""
    return next((guard for pattern, guard in _ABOUT if re.search(pattern, test)), "the run")
