"""What bwrap says when it can't start -> what it means, and what fixes it."""

import pytest

from sandbox_magic import SandboxUnavailable
from sandbox_magic.jail.bwrap_errors import unavailable
from sandbox_magic.jail.namespaces import why_refused

# The messages are those of bubblewrap 0.8.0 (Debian's) and 0.11.0, as in the programs themselves.
PROC = ("masks parts of /proc", "systempaths=unconfined")
APPARMOR = ("AppArmor", "apparmor_restrict_unprivileged_userns=0")
PYTHON = ("the Python inside can't be started", "--python system")
LIKELY = "likely because the kernel does not allow non-privileged user namespaces."
KNOWN = {
    "Can't mount proc on /newroot/proc: Operation not permitted": PROC,
    "setting up uid map: Permission denied": APPARMOR,
    "loopback: Failed RTM_NEWADDR: Operation not permitted": APPARMOR,
    "Unknown option --size": ("this bubblewrap is too old", "0.8 or later"),
    "Can't find source path /root/venv: Permission denied": (
        "can't read a path",
        "another path, which every user can read",
    ),
    "execvp /opt/venv/bin/python: No such file or directory": PYTHON,
    "execvp /opt/venv/bin/python: Permission denied": PYTHON,
    "Unable to set up system call filtering as requested: prctl(PR_SET_SECCOMP) reported EINVAL. (Hint: this "
    "requires a kernel configured with CONFIG_SECCOMP and CONFIG_SECCOMP_FILTER.)": (
        "no system-call filters",
        "CONFIG_SECCOMP_FILTER",
    ),
}

NO_NAMESPACE = (
    f"No permissions to create new namespace, {LIKELY} See <https://deb.li/bubblewrap> or <file:///usr>.",
    f"No permissions to create a new namespace, {LIKELY}",
    f"No permissions to creating new namespace, {LIKELY} On e.g. debian this can be enabled with 'sysctl kernel'.",
    "Creating new namespace failed: Operation not permitted",
    "Creating new namespace failed: No space left on device",
    "Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces exceeded (ENOSPC)",
    "Creating new namespace failed, likely because the kernel does not support user namespaces.  bwrap must be",
    "unshare: unshare failed: Operation not permitted",
)


@pytest.mark.parametrize("words", NO_NAMESPACE)
def test_a_refused_namespace_has_the_cause_that_the_kernel_shows(words):
    what, remedy = why_refused(words)
    error = unavailable(f"bwrap: {words}\n")
    assert (error.what, error.remedy) == (f"no sandbox could be started: {what}", remedy)


@pytest.mark.parametrize(("words", "meaning", "remedy"), [(words, *told) for words, told in KNOWN.items()])
def test_a_known_refusal_is_explained_and_comes_with_its_remedy(words, meaning, remedy):
    error = unavailable(f"bwrap: {words}\n")
    assert isinstance(error, SandboxUnavailable)
    assert meaning in error.what
    assert remedy in error.remedy
    assert error.seen == f"bwrap: {words}"
    assert error.what.startswith("no sandbox could be started: ")


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        ("bwrap: something new", "bwrap: something new"),
        ("", "bwrap ended without a word"),
        (" \n", "bwrap ended without a word"),
        ("bwrap: Can't find source path /x: No such file or directory", "/x: No such file or directory"),
    ],
)
def test_an_unknown_refusal_is_shown_and_leads_to_the_doctor(words, seen):
    error = unavailable(words)
    assert seen in error.seen
    assert error.what == "no sandbox could be started, so nothing was run"
    assert error.remedy == "%sandbox doctor in a notebook, sandbox-magic doctor in a terminal"


def test_what_is_shown_of_a_long_answer_is_its_end():
    error = unavailable("x" * 10_000 + "bwrap: Unknown option --perms")
    assert len(error.seen) == 2000
    assert "too old" in error.what
