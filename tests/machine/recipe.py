"""The Debian root that every machine boots: its recipe, built once, kept in a cache."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUITE = "bookworm"
# The last Debian that has the oldest Python that may run in a sandbox. What the newer one has is taken from there.
OLD_SUITE, OLD_PYTHON = "bullseye", "python3.9"
OLD_PINS = f"""\
Package: *
Pin: release n={OLD_SUITE}
Pin-Priority: 100
"""
USER = "user"
USER_ID = 1000

INSTALL = ("apt-get", "install", "-y", "--no-install-recommends", "mmdebstrap", "user-mode-linux")
"""What the host needs; `setup` runs it."""

PACKAGES = (
    "bubblewrap",
    "dbus",
    "dbus-user-session",
    "kmod",
    "libpam-systemd",
    "procps",
    "python3",
    "python3-venv",
    OLD_PYTHON,
    "systemd",
    "systemd-sysv",
)

# Units that slow the boot down and that no test needs.
_MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty@.service",
    "serial-getty@.service",
    "systemd-journal-flush.service",
    "systemd-random-seed.service",
    "systemd-update-utmp.service",
)

_SERVICE = f"""\
[Unit]
After=dbus.service systemd-logind.service user@{USER_ID}.service
Wants=user@{USER_ID}.service
SuccessAction=poweroff-immediate
FailureAction=poweroff-immediate
[Service]
Type=oneshot
ExecStart=/usr/bin/python3 -I /machine/commands.py
TasksMax=infinity
"""

# Files that no test reads: a machine boots a copy, so each one costs at every boot.
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/i18n/*")

_UNITS = '"$1/etc/systemd/system"'

# Run by mmdebstrap with the new root as $1.
_HOOKS = (
    f'chroot "$1" useradd --create-home --shell /bin/bash --uid {USER_ID} {USER}',
    f'mkdir -p "$1/var/lib/systemd/linger" && touch "$1/var/lib/systemd/linger/{USER}"',
    f'cd {_UNITS} && for unit in {" ".join(_MASKED)}; do ln -s /dev/null "$unit"; done',
    f"printf '%s' '{_SERVICE}' > {_UNITS}/machine.service",
    f'cp "$1/usr/share/systemd/tmp.mount" {_UNITS}/',
    f"cd {_UNITS} && mkdir -p local-fs.target.wants multi-user.target.wants",
    f"ln -s ../tmp.mount {_UNITS}/local-fs.target.wants/",
    f"ln -s ../machine.service {_UNITS}/multi-user.target.wants/",
    'echo machine > "$1/etc/hostname"',
    'echo "127.0.0.1 localhost machine" > "$1/etc/hosts"',
    'mkdir -p "$1/lib/modules" "$1/machine" "$1/srv/source" "$1/srv/output" "$1/opt/packages"',
    'echo /srv/source > "$1/usr/local/lib/python3.11/dist-packages/machine.pth"',
    'echo /opt/packages >> "$1/usr/local/lib/python3.11/dist-packages/machine.pth"',
)


class MachineError(Exception):
    """A machine could not be built or booted; the message says what to do."""


def default_cache() -> Path:
    """The directory for built roots: ``$XDG_CACHE_HOME/sandbox-magic/machines`` or in ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sandbox-magic" / "machines"


def key() -> str:
    """A name for the recipe: another recipe is another root."""
    recipe = "\n".join((SUITE, *PACKAGES, OLD_PINS, *_LEFT_OUT, *_HOOKS))
    return f"{SUITE}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def setup() -> None:
    """Installs what the host needs, where it is missing.

    Raises:
        MachineError: it is missing and this is not root, or apt failed.
    """
    if shutil.which("mmdebstrap") and shutil.which("linux.uml"):
        return
    command = " ".join(INSTALL)
    if os.geteuid() != 0:
        message = f"mmdebstrap and linux.uml are needed; as root: apt-get update && {command}"
        raise MachineError(message)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (("apt-get", "update"), INSTALL):
        _checked(step, environment=environment)


def build(cache: Path) -> Path:
    """The root of the recipe below `cache`, made by mmdebstrap if it isn't there yet (20 s).

    Nothing may write in it: machines boot copies.

    Raises:
        MachineError: not root, or mmdebstrap failed.
    """
    options = [
        f"--include={','.join(PACKAGES)}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT),
        pinned(OLD_PINS),
        *(f"--customize-hook={hook}" for hook in _HOOKS),
    ]
    return make(cache / key(), SUITE, options, lambda: f"{_debian_sources()}deb {mirror()} {OLD_SUITE} main\n")


def pinned(pins: str) -> str:
    """The option of mmdebstrap by which apt reads these preferences."""
    return f"--setup-hook=mkdir -p $1/etc/apt/preferences.d && printf '%s' '{pins}' > $1/etc/apt/preferences.d/old"


def make(root: Path, suite: str, options: list[str], sources: Callable[[], str]) -> Path:
    """A root of a Debian suite, made by mmdebstrap if it isn't there yet.

    Raises:
        MachineError: not root, or mmdebstrap failed.
    """
    if root.is_dir():
        return root
    if os.geteuid() != 0:
        message = f"a machine's root is made by root (its files have owners): sudo, or copy {root} here"
        raise MachineError(message)
    setup()
    root.parent.mkdir(parents=True, exist_ok=True)
    with _locked(root.parent / "lock"):
        if not root.is_dir():
            unfinished = root.with_suffix(".new")
            shutil.rmtree(unfinished, ignore_errors=True)
            _checked(("mmdebstrap", "--variant=minbase", *options, suite, str(unfinished), "-"), text=sources())
            unfinished.rename(root)
    return root


def mirror() -> str:
    """Where the host's own apt gets Debian from."""
    words = [line.split() for line in _debian_sources().splitlines()]
    return next(uri for _, uri, release, _ in words if release == SUITE)


def _debian_sources() -> str:
    """The host's own apt sources that are Debian's, as lines of a sources.list."""
    line = "$(ORIGIN)|$(CODENAME)|deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
    command = ("apt-get", "indextargets", "--format", line, "Created-By: Packages")
    found = [row.split("|") for row in _checked(command).splitlines()]
    lines = [row[2] for row in found if row[0] == "Debian" and row[1].split("-")[0] == SUITE]
    if not lines:
        message = f"apt knows no Debian {SUITE} here: run apt-get update, or add it to /etc/apt"
        raise MachineError(message)
    return "\n".join(lines) + "\n"


def _checked(command: tuple[str, ...], *, text: str = "", environment: dict[str, str] | None = None) -> str:
    """The command's standard output; MachineError with its last lines if it failed."""
    done = subprocess.run(command, input=text, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        message = f"{command[0]} failed ({done.returncode}): {' '.join(command)}\n{tail}"
        raise MachineError(message)
    return done.stdout


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
