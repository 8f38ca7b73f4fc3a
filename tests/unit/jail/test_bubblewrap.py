"""The arguments of bwrap, as a whole for a person to read, and the facts about their order."""

import pytest

from sandbox_magic import Limits
from sandbox_magic.jail.bubblewrap import arguments
from sandbox_magic.jail.view.host_paths import Host
from sandbox_magic.jail.view.interpreter import Interpreter
from sandbox_magic.jail.view.places import CELL, GUEST, HOME
from sandbox_magic.model.units import MIB

MACHINE = Host(
    links=(("usr/bin", "/bin"), ("usr/lib64", "/lib64")),
    binds=("/usr", "/lib", "/etc/ld.so.cache"),
    masked_files=("/proc/kallsyms",),
    masked_directories=("/proc/fs",),
    processors=2,
)
PYTHON = Interpreter(
    executable="/opt/venv/bin/python",
    prefixes=("/opt/venv", "/usr"),
    search=("/usr/lib/python3", "/opt/venv/lib", "/home/ann/project", "/tmp/extra"),
    user_base="/home/ann/.local",
)
LIMITS = Limits(disk_bytes=64 * MIB, cpus=2)

LISTING = """
--unshare-user
--unshare-ipc
--unshare-pid
--unshare-net
--unshare-uts
--unshare-cgroup
--disable-userns
--uid 1000
--gid 1000
--hostname sandbox
--cap-drop ALL
--new-session
--die-with-parent
--as-pid-1
--clearenv
--setenv PATH /opt/venv/bin:/usr/local/bin:/usr/bin:/bin
--setenv HOME /home/sandbox
--setenv USER sandbox
--setenv LOGNAME sandbox
--setenv SHELL /bin/sh
--setenv LANG C.UTF-8
--setenv TMPDIR /tmp
--setenv PYTHONUNBUFFERED 1
--setenv TERM xterm-color
--setenv ASAN_OPTIONS detect_leaks=0
--setenv LSAN_OPTIONS detect_leaks=0
--setenv PIP_RETRIES 0
--setenv PIP_DISABLE_PIP_VERSION_CHECK 1
--setenv OMP_NUM_THREADS 2
--setenv OPENBLAS_NUM_THREADS 2
--setenv MKL_NUM_THREADS 2
--setenv PYTHONUSERBASE /home/ann/.local
--ro-bind /usr /usr
--ro-bind /lib /lib
--ro-bind /etc/ld.so.cache /etc/ld.so.cache
--symlink usr/bin /bin
--symlink usr/lib64 /lib64
--symlink /sandbox/lib/sandbox_guest/etc/passwd /etc/passwd
--symlink /sandbox/lib/sandbox_guest/etc/group /etc/group
--symlink /sandbox/lib/sandbox_guest/etc/hosts /etc/hosts
--symlink /sandbox/lib/sandbox_guest/etc/nsswitch.conf /etc/nsswitch.conf
--symlink /sandbox/lib/sandbox_guest/etc/gitconfig /etc/gitconfig
--proc /proc
--dev /dev
--dir /sys/class/power_supply
--size 67108864 --perms 1777 --tmpfs /dev/shm
--size 67108864 --perms 1777 --tmpfs /tmp
--symlink ../tmp /var/tmp
--size 67108864 --perms 0755 --tmpfs /home/sandbox
--ro-bind /opt/venv /opt/venv
--ro-bind /tmp/extra /tmp/extra
--ro-bind /home/ann/project /home/ann/project
--ro-bind /run/cell /sandbox
--ro-bind /site/guest /sandbox/lib/sandbox_guest
--ro-bind /site/guest/etc/empty /proc/kallsyms
--ro-bind /run/cell/lib/sandbox_guest /proc/fs
--remount-ro /proc
--remount-ro /dev
--remount-ro /
--chdir /home/sandbox
"""


def operations(limits=LIMITS, interpreter=PYTHON, sources=None):
    """Return the options as rows of words; --size and --perms stand in the row of what they change."""
    rows, row = [], []
    words = arguments(limits, interpreter, MACHINE, guest="/site/guest", cell="/run/cell", sources=sources)
    for word in words:
        if word.startswith("--") and row and row[-2:-1] not in (["--size"], ["--perms"]):
            rows.append(row)
            row = []
        row.append(word)
    return [*rows, row]


def named(rows, *options):
    return [row for row in rows if any(option in row for option in options)]


def test_the_whole_list_can_be_read():
    assert [" ".join(row) for row in operations()] == LISTING.split("\n")[1:-1]


def test_nothing_of_the_host_is_bound_writable_or_as_a_device():
    binds = {word for row in operations() for word in row if "bind" in word}
    assert binds == {"--ro-bind"}


def test_every_namespace_is_unshared_and_none_can_be_made_or_kept():
    flags = {row[0] for row in operations()}
    assert flags >= {f"--unshare-{kind}" for kind in ("user", "ipc", "pid", "net", "uts", "cgroup")}
    assert flags >= {"--disable-userns", "--new-session", "--die-with-parent", "--clearenv", "--as-pid-1"}
    assert ["--cap-drop", "ALL"] in operations()
    assert not {flag for flag in flags if flag.startswith(("--share", "--cap-add")) or flag.endswith("-try")}


@pytest.mark.parametrize("disk", [MIB, 64 * MIB, 64 * MIB + 3])
def test_every_tmpfs_has_a_mode_and_the_disks_size(disk):
    mounts = named(operations(Limits(disk_bytes=disk)), "--tmpfs")
    assert [(row[0], row[2], row[4]) for row in mounts] == [("--size", "--perms", "--tmpfs")] * 3
    assert {int(row[1]) for row in mounts} == {disk}


def test_what_is_mounted_below_another_mount_comes_after_it():
    """A later mount would hide an earlier one below it."""
    rows = named(operations(), "--ro-bind", "--tmpfs", "--proc", "--dev")
    targets = [row[-1] for row in rows]
    for n, target in enumerate(targets):
        above = [m for m, other in enumerate(targets) if target.startswith(f"{other}/")]
        assert all(m < n for m in above), target


def test_read_only_comes_last_and_ends_with_the_root():
    rows = operations()
    assert [row[1] for row in rows[-4:-1]] == ["/proc", "/dev", "/"]
    assert all(row[0] == "--remount-ro" for row in rows[-4:-1])
    assert rows[-1] == ["--chdir", HOME]


def test_no_variable_of_the_host_comes_in(monkeypatch):
    before = operations()
    monkeypatch.setenv("PATH", "/home/ann/bin:/usr/bin")
    monkeypatch.setenv("API_TOKEN", "secret")
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setenv("LD_PRELOAD", "/home/ann/lib.so")
    assert operations() == before
    rows = [row[0] for row in before]
    assert rows.index("--clearenv") < rows.index("--setenv")


def test_a_user_site_that_is_not_in_use_is_not_named():
    bare = Interpreter(executable="/usr/bin/python3", prefixes=("/usr",), search=())
    assert not [row for row in operations(interpreter=bare) if "PYTHONUSERBASE" in row]
    assert ["--setenv", "PATH", "/usr/bin:/usr/local/bin:/bin"] in operations(interpreter=bare)


@pytest.mark.parametrize(
    ("path", "target"), [("/opt/venv", "/opt/venv"), ("/run/cell", CELL), ("/site/guest", GUEST), ("/usr", "/usr")]
)
def test_a_path_out_of_reach_is_bound_from_its_stage_to_the_same_place(path, target):
    rows = operations(sources={path: "/mnt/7"})
    assert ["--ro-bind", "/mnt/7", target] in rows
    assert not [row for row in rows if row[:2] == ["--ro-bind", path]]


def test_an_empty_directory_masks_from_the_stage_too():
    assert ["--ro-bind", "/mnt/7/lib/sandbox_guest", "/proc/fs"] in operations(sources={"/run/cell": "/mnt/7"})
