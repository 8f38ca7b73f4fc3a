"""CPython's own tests, inside a sandbox and outside, as the same unprivileged user: ``compare.py SUITE [MODULE ...]``.

A test that passes outside must pass inside, but for those that `allowed.txt` lists, each with its reason. SUITE is a
directory with the package ``test`` of the system's Python in it (tools/test_cpython.sh makes it).
"""

from __future__ import annotations

import fnmatch
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import sandbox_magic as sm
from sandbox_magic.jail.view import identity

SECONDS = 300  # of a module
HERE = Path(__file__).parent
RESULT = "result.xml"
PASSED = "passed"
# UDP-Lite is refused (the filter allows TCP and UDP); at the first such error this version's own runner fails.
COMMAND = f"python3 -m test --junit-xml {RESULT} --timeout {SECONDS} --ignore *UDPLITE* %s"
# Those that ask the system for something, of those that take less than a minute or so.
MODULES = """
    test_bdb test_builtin test_doctest test_epoll test_faulthandler test_fcntl test_file test_fileio test_fork1
    test_genericpath test_getpass test_glob test_grp test_import test_locale test_mimetypes test_mmap
    test_multiprocessing_main_handling test_openpty test_os test_pathlib test_platform test_poll test_popen test_posix
    test_posixpath test_pty test_pwd test_resource test_runpy test_select test_selectors test_shutil test_signal
    test_site test_socket test_subprocess test_support test_sys test_sysconfig test_tempfile
    test_threadsignals test_time test_trace test_uuid test_wait3 test_wait4
""".split()


def outside(module: str, suite: Path, folder: Path) -> dict[str, str]:
    """Run a module outside; return how each test ended."""
    who = identity.choose()
    given = {"user": who.uid, "group": who.uid, "extra_groups": []} if who.dropped else {}
    if who.dropped:
        os.chown(folder, who.uid, who.uid)
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8",
        "USER": "sandbox", "LOGNAME": "sandbox", "TERM": "xterm-color",
        "PYTHONPATH": str(suite), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    command = (COMMAND % module).split()
    subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, timeout=2 * SECONDS, check=False, start_new_session=True, **given,
    )  # fmt: skip
    return ends(folder / RESULT, module)


def inside(module: str, suite: Path, folder: Path) -> dict[str, str]:
    """Run a module in a sandbox; return how each test ended."""
    os.chdir(folder)
    sm.run(
        f"set -f; PYTHONPATH=$HOME/suite exec {COMMAND % module}",
        language="sh", python="system", bind=f"{suite}:suite", save=RESULT, timeout=2 * SECONDS,
        memory="1G", disk="256M", processes=256, open_files=1024,
    )  # fmt: skip
    return ends(folder / RESULT, module)


def ends(file: Path, module: str) -> dict[str, str]:
    """Return how each test of a JUnit file ended: `PASSED`, or what is said of it."""
    try:
        root = ET.parse(file).getroot()
    except (OSError, ET.ParseError):
        return {module: "did not end"}
    return {str(case.get("name")): said(case) for case in root.iter("testcase")}


def said(case: ET.Element) -> str:
    """Return how a test ended."""
    for end in ("error", "failure", "skipped"):
        if (found := case.find(end)) is not None:
            return " ".join([end, found.get("message") or "", *found.itertext()])
    return PASSED


def allowed() -> list[tuple[str, str]]:
    """Return which tests may end otherwise inside: patterns of their names, and what must be said of them then."""
    lines = (HERE / "allowed.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split(" | ") for line in lines if line.strip() and not line.startswith("#")]
    return [(pattern.strip(), words.strip()) for pattern, words, _reason in rows]


def worse(module: str, suite: Path) -> tuple[int, dict[str, str]]:
    """Return how many tests of a module pass outside, and those that inside end otherwise."""
    with tempfile.TemporaryDirectory() as place:
        folders = [Path(place) / name for name in ("outside", "inside")]
        Path(place).chmod(0o755)
        for folder in folders:
            folder.mkdir()
        there, here = outside(module, suite, folders[0]), inside(module, suite, folders[1])
        os.chdir("/")
    passed = [test for test, end in there.items() if end == PASSED]
    return len(passed), {test: here.get(test, "missing") for test in passed if here.get(test) != PASSED}


def main(suite: Path, modules: list[str]) -> int:
    """Compare; return the exit status."""
    rows, unexpected = allowed(), 0
    for module in modules:
        passed, differ = worse(module, suite)
        unnamed = {test: end for test, end in differ.items() if not is_allowed(test, end, rows)}
        for test, end in unnamed.items():
            print(f"    {test}: {' '.join(end.split())[-200:]}")
        print(f"{module}: {passed} pass outside, {len(differ)} of these not inside", flush=True)
        unexpected += len(unnamed) + (not passed)  # a module that shows nothing is no success
    print(f"{unexpected} that allowed.txt does not name")
    return bool(unexpected)


def is_allowed(test: str, end: str, rows: list[tuple[str, str]]) -> bool:
    """Return whether one of the rows is about it."""
    return any(fnmatch.fnmatchcase(test, pattern) and words in end for pattern, words in rows)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:] or MODULES))
