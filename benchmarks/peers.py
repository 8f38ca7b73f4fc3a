"""Other sandboxes with the same cell, beside ours: those that ``make bench-peers`` fetched, or that are installed.

Each runs the system's Python on the cell's file, in what it takes for a sandbox by its own defaults; so they differ in
what they keep off, and the table says only what they take. Ratios are to the result of ``python3``. What can't be had
or does not run here has a row that says why.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING

from benchmarks.measure import Row, Way, alternate, rows, timed
from benchmarks.start import CELL, command, ours, plain_python, warm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FETCHED = Path("build/peers").absolute()
_PYTHON = "/usr/bin/python3"
_TRY_SECONDS = 20.0
_EMPTY: Mapping[str, str] = MappingProxyType({})
# Answers to a line on its standard input with a run of the cell, so that its own start does not count.
_SANDLOCK = """import sys, sandlock
shown = [path for path in ("/usr", "/lib", "/lib64", "/bin", "/etc", sys.argv[2]) if __import__("os").path.exists(path)]
for _ in sys.stdin:
    found = sandlock.Sandbox(fs_readable=shown, clean_env=True).run([sys.argv[1], sys.argv[2]])
    print(found.success, found.stdout.strip() or found.error, flush=True)"""
_KERN = """import sys, time, kern_sandbox
with kern_sandbox.Sandbox(sys.argv[1], prewarm=2) as box:
    for _ in sys.stdin:
        found = box.run_code("print(1)")
        print(found.success, found.stdout.strip() or found.stderr, flush=True)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing(Exception):  # noqa: N818 - it is no fault
    """A peer can't be measured here; says why."""

    why: str


def measured() -> list[Row]:
    """Return the rows of this subject."""
    with TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        (directory / "cell.py").write_text(CELL)
        python = plain_python(directory)
        ways = {
            "python3": Way(run=lambda: command(python, str(directory / "cell.py"))),
            "cold": Way(run=lambda: ours(warm=False)),
            "warm": warm(),
        }
        without: list[Row] = []
        for peer, prepare in PEERS.items():
            try:
                ways[peer] = _tried(prepare(directory))
            except (Missing, OSError, AssertionError, subprocess.SubprocessError) as error:
                why = error.why if isinstance(error, Missing) else str(error)
                without.append(Row(subject="peers", what=peer, note=f"not measured: {why}"))
        found = alternate(ways, usual=30)
    return [*rows("peers", found, unit="ms", base=("python3", "result")), *without]


def _tried(way: Way) -> Way:
    way.prepare()
    way.run()
    return way


def _program(name: str, where: str) -> str:
    found = shutil.which(name, path=f"{FETCHED}/env/bin:{os.environ['PATH']}")
    if not found:
        raise Missing(why=f"{name} is not here; {where}")
    return found


def _command(words: list[str], env: Mapping[str, str] = _EMPTY) -> Way:
    """Return what runs this command, which works here."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=_TRY_SECONDS, check=False, env=env, cwd="/")
    if done.stdout.strip() != "1":
        said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        raise Missing(why=said[-1][:150])
    return Way(run=lambda: command(*words))


def nsjail(directory: Path) -> Way:
    """Return Google's nsjail, with the system's directories bound read-only."""
    program = _program("nsjail", "make bench-peers")
    real = next(iter(FETCHED.glob("env/lib/python*/site-packages/nsjail/bin/nsjail")), program)
    binds = [word for path in _system() for word in ("-R", path)]
    user = ["--user", "65534", "--group", "65534"]
    return _command([str(real), "-Mo", "--really_quiet", *binds, "-R", str(directory), *user, "--", *_cell(directory)])


def firejail(directory: Path) -> Way:
    """Return firejail, which is setuid and has its configuration in /etc, so it is not fetched to another place."""
    program = _program("firejail", "as root: apt-get install firejail (it can't run from a directory of its own)")
    return _command([program, "--quiet", "--noprofile", "--net=none", "--private-dev", *_cell(directory)])


def kern_fresh(directory: Path) -> Way:
    """Return kern-sandbox's program, in a root directory that consists of the system's /usr."""
    program = _program("kern", "make bench-peers")
    root = directory / "root"
    for name in ("usr", "tmp", "proc", "dev", "etc"):
        (root / name).mkdir(parents=True)
    for name in ("bin", "lib", "lib64", "sbin"):
        (root / name).symlink_to(f"usr/{name}")
    shutil.copy(directory / "cell.py", root / "cell.py")
    names = itertools.count(os.getpid() * 1000)
    options = ["--rm", "--rootfs", str(root), "-v", "/usr:/usr:ro", "--", _PYTHON, "/cell.py"]
    home = {"HOME": str(directory / "home")}  # without one, its own files would lie in the box's way
    _command([program, "box", f"bench-{next(names)}", *options], home)
    return Way(run=lambda: command(program, "box", f"bench-{next(names)}", *options, env=home))


def kern_prewarmed(_directory: Path) -> Way:
    """Return kern-sandbox's interpreter that was started before, which needs an image with Python in its cache."""
    _program("kern", "make bench-peers")
    image = os.environ.get("KERN_IMAGE")
    if not image:
        raise Missing(why="it needs an image with Python: KERN_IMAGE=NAME, one that `kern images` lists")
    return _served(_KERN, image)


def sandlock(directory: Path) -> Way:
    """Return sandlock, through its API."""
    return _served(_SANDLOCK, _PYTHON, str(directory / "cell.py"))


def _served(source: str, *words: str) -> Way:
    """Start what answers each line with a run, and return what asks it."""
    python = FETCHED / "env/bin/python"
    if not python.exists():
        raise Missing(why="make bench-peers")
    server = subprocess.Popen(
        [python, "-c", source, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )

    def ask() -> None:
        assert server.stdin is not None
        assert server.stdout is not None
        print("run", file=server.stdin, flush=True)
        said = server.stdout.readline().strip()
        if said not in ("True 1", "True b'1'"):
            server.kill()
            _, words = server.communicate()
            raise Missing(why=(said or words.strip().rpartition("\n")[2] or "it said nothing")[:150])

    return Way(run=lambda: timed(ask))


def _system() -> list[str]:
    return [path for path in ("/usr", "/lib", "/lib64", "/bin") if Path(path).exists()]


def _cell(directory: Path) -> list[str]:
    return [_PYTHON, str(directory / "cell.py")]


PEERS: dict[str, Callable[[Path], Way]] = {
    "nsjail": nsjail,
    "sandlock": sandlock,
    "kern-sandbox, fresh": kern_fresh,
    "kern-sandbox, prewarmed": kern_prewarmed,
    "firejail": firejail,
}
