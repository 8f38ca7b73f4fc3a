"""Makes the root of a Debian with every language, once, and prints its path: ``root.py SUITE``."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "machine"))

import recipe

PACKAGES = (
    "bubblewrap", "procps", "python3",
    "bash", "dash", "g++", "gawk", "gcc", "golang-go", "libc6-dev", "lua5.4", "nodejs", "perl", "php-cli",
    "r-base-core", "ruby", "rustc", "sqlite3", "julia", recipe.OLD_PYTHON,
)  # fmt: skip
# Julia too is of the old Debian. The library with which it reads its stack must be of its own age: with a later one
# it dies of SIGSEGV at most of its own errors.
_PINS = f"""\
{recipe.OLD_PINS}
Package: libunwind8
Pin: release n={recipe.OLD_SUITE}
Pin-Priority: 1001
"""
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/i18n/*")
_OPTIONS = [
    f"--include={','.join(PACKAGES)}",
    *(f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT),
    recipe.pinned(_PINS),
    '--customize-hook=mkdir -p "$1/srv/source" "$1/opt/packages" "$1/old"',
]


def build(suite: str) -> Path:
    """The root with the languages of a Debian suite (2 minutes, 1.5 GB, the first time).

    Raises:
        MachineError: not root, or mmdebstrap failed.
    """
    key = hashlib.sha256("\n".join(_OPTIONS).encode()).hexdigest()[:12]
    return recipe.make(recipe.default_cache() / f"languages-{suite}-{key}", suite, _OPTIONS, lambda: _sources(suite))


def _sources(suite: str) -> str:
    return "".join(f"deb {recipe.mirror()} {each} main\n" for each in (suite, recipe.OLD_SUITE))


if __name__ == "__main__":
    try:
        print(build(sys.argv[1]))
    except recipe.MachineError as error:
        sys.exit(f"root.py: {error}")
