"""What this machine has of the paths that a sandbox shows or masks."""

from __future__ import annotations

import functools
import glob
import os
import stat
from dataclasses import dataclass

# The few places outside /usr without which programs fail or complain: links, the loader's cache, the time
# zone, certificates, matplotlib's fonts, how many processors there are; names of services and of kinds of file,
# terminals, OpenSSL's and Java's own configuration; what R can't find its packages without, and PHP its extensions
# (of their files in /etc those alone: Rprofile.site, or a server's, may hold a password).
_SMALL = (
    "/etc/alternatives", "/etc/ld.so.cache", "/etc/localtime", "/etc/ssl/certs", "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted", "/etc/ssl/cert.pem", "/etc/fonts", "/sys/devices/system/cpu",
    "/etc/services", "/etc/protocols", "/etc/rpc", "/etc/mime.types", "/etc/magic", "/etc/inputrc", "/etc/terminfo",
    "/etc/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf", "/etc/crypto-policies", "/etc/java", "/etc/java-*",
    "/etc/R/Renviron", "/etc/R/ldpaths", "/etc/R/repositories",
    "/etc/php/*/cli", "/etc/php/*/mods-available", "/etc/php.ini", "/etc/php.d",
)  # fmt: skip
# What /proc tells anybody about the host beyond what a program needs (Docker's masked paths, and
# more). Of these only what an unprivileged user may read is masked: every mount costs 0.2 ms.
_MASKED = (
    "cmdline", "config.gz", "diskstats", "interrupts", "kallsyms", "kcore", "key-users", "keys", "kmsg",
    "latency_stats", "locks", "mdstat", "modules", "partitions", "sched_debug", "swaps", "timer_list", "timer_stats",
    "acpi", "asound", "bus", "driver", "dynamic_debug", "fs", "irq", "scsi", "tty",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What this machine has of the paths that a sandbox shows or masks; gathered once by `host`.

    Attributes:
        links: Links to make, as (target, path): ``("usr/bin", "/bin")``.
        binds: Files and directories to bind.
        masked_files: Files of ``/proc`` to mask.
        masked_directories: Directories of ``/proc`` to mask.
        processors: How many it has.
    """

    links: tuple[tuple[str, str], ...]
    binds: tuple[str, ...]
    masked_files: tuple[str, ...]
    masked_directories: tuple[str, ...]
    processors: int


@functools.lru_cache(maxsize=1)
def host() -> Host:
    """Return what this machine has."""
    small = [path for pattern in _SMALL for path in sorted(glob.glob(pattern))]
    shown = [path for path in ("/usr", "/lib", "/lib64", "/bin", *small) if os.path.exists(path)]
    linked = [path for path in shown if os.path.islink(path) and _lies_in_usr(os.path.realpath(path))]
    masked = [f"/proc/{name}" for name in _MASKED if _readable_by_anybody(f"/proc/{name}")]
    return Host(
        links=tuple((os.readlink(path), path) for path in linked),
        binds=tuple(path for path in shown if path not in linked),
        masked_files=tuple(path for path in masked if not os.path.isdir(path)),
        masked_directories=tuple(path for path in masked if os.path.isdir(path)),
        processors=os.cpu_count() or 1,
    )


def _lies_in_usr(path: str) -> bool:
    return path.startswith("/usr/")


def _readable_by_anybody(path: str) -> bool:
    return os.path.exists(path) and bool(os.stat(path).st_mode & stat.S_IROTH)
