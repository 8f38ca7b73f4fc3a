"""What the kernel shows -> why no user namespace can be made, and what fixes it."""

import pytest

from sandbox_magic.jail.namespaces import why_refused

NOT_PERMITTED = "bwrap: Creating new namespace failed: Operation not permitted"
NO_PERMISSION = "bwrap: Creating new namespace failed: Permission denied"
NO_SPACE = "bwrap: Creating new namespace failed: No space left on device"
FILTERED, UNFILTERED = {"self/status": "Name:\tpython\nSeccomp:\t2\n"}, {"self/status": "Seccomp:\t0\n"}
ON = {"sys/user/max_user_namespaces": "95000\n", "self/ns/user": ""}
OFF = ON | {"sys/user/max_user_namespaces": "0\n"}
DEBIAN_OFF = ON | {"sys/kernel/unprivileged_userns_clone": "0\n"}
UBUNTU = ON | {"sys/kernel/apparmor_restrict_unprivileged_userns": "1\n"}


@pytest.fixture
def proc(tmp_path):
    """Gives a function that makes a proc file system with these files."""

    def make(files):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("files", "seen", "meaning", "remedy"),
    [
        (OFF | FILTERED, NO_SPACE, "switched off (user.max_user_namespaces is 0)", "sysctl -w user.max_user"),
        (DEBIAN_OFF, NOT_PERMITTED, "switched off (kernel.unprivileged_userns_clone is 0)", "userns_clone=1"),
        (ON | FILTERED, NOT_PERMITTED, "a container's seccomp", "--security-opt seccomp=unconfined"),
        (UBUNTU | FILTERED, NOT_PERMITTED, "a container's seccomp", "--security-opt seccomp=unconfined"),
        (UBUNTU | FILTERED, NO_PERMISSION, "AppArmor", "apparmor_restrict_unprivileged_userns=0"),
        (UBUNTU | UNFILTERED, NOT_PERMITTED, "AppArmor", "apparmor_restrict_unprivileged_userns=0"),
        (ON | UNFILTERED, NOT_PERMITTED, "does not let this user", "outside of a chroot"),
        (ON | UNFILTERED, NO_SPACE, "is used up", "user.max_user_namespaces=15000"),
        ({"self/status": "Seccomp:\t2\n"}, NOT_PERMITTED, "this kernel has no user namespaces", "CONFIG_USER_NS"),
    ],
)
def test_each_cause_has_its_own_remedy(proc, files, seen, meaning, remedy):
    what, fix = why_refused(seen, proc(files))
    assert meaning in what
    assert remedy in fix
