"""Why a run failed, if the sandbox caused it: one line that says so, and which option would allow it.

The text that is read here is untrusted. The code can make a hint appear, but can't choose its words: they are fixed
here, and true whatever the code wrote. What a hint says of this machine's files has been looked up on the host.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox_magic.model.outcome import Outcome
from sandbox_magic.model.units import limit_size
from sandbox_magic.untrusted.text import Cleaner, label

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sandbox_magic.model.policy import Limits

MOST_BYTES = 4096
"""Of the end of standard error."""
_LINES = 30  # of a program whose errors have no form that we know
_LONGEST = 200  # characters of a path
_QUOTED = re.compile(r"""(['"])([^'"]{1,200})\1""")
_RUBY_AND_PHP = re.compile(r"@ \w{1,30} - (.{1,200}) \(Errno::|\w\((.{1,200})\): [Ff]ailed to open stream")
_INSIDE = ("/home/sandbox/workspace/", "/home/sandbox/")
_PYTHON = re.compile(r'^(Traceback \(most recent call last\):|  File ")', re.MULTILINE)
_NOT_THERE = re.compile(r"[Nn]o such file|ENOENT|^FileNotFoundError: |cannot open \"|unable to open database")
_NO_NAME = re.compile(r"^NameError: name '([^\W\d]\w{0,100})' is not defined")
_NO_THREAD = re.compile(
    "can't start new thread|[Cc]annot fork|fork: retry|fork failed"
    "|pthread_create.{0,99}(?:fail|Resource temporarily unavailable|EAGAIN)"
)
_MISSING_MODULE = re.compile(r"^ModuleNotFoundError: No module named '([A-Za-z_][A-Za-z0-9_.]{0,100})'")

_NO_NETWORK = (
    "The sandbox has no network, and no option gives it one: fetch the data outside and pass it in with --bind (or -i)."
)
_READ_ONLY = (
    "Only its working directory and /tmp can be written in a sandbox; --workspace DIR lets the code change a copy of "
    "DIR."
)
_REFUSED = (
    "A sandbox gives no privileges and refuses some system calls (ptrace, mount, ...) by design; no option allows them."
)
_NOT_RENAMED = "A directory that was in the workspace before can't be renamed, only copied: shutil.move and mv do that."
_NO_AWAIT = "No event loop runs at the top level of a sandboxed cell: asyncio.run(main()) starts one."
_NOT_PYTHON = (
    "Lines that begin with % or ! are IPython's, and a sandboxed cell is plain Python: leave magics out; to run a "
    "program use subprocess.run, or --lang bash for the whole cell."
)
_NO_IPYTHON = "get_ipython belongs to the notebook; a sandboxed cell is plain Python."
_BOUND = "What --bind shows is read-only; --workspace DIR lets the code change a copy of DIR."
_NO_INPUT = "The code asked for more input than there is, and nobody could be asked; --stdin TEXT provides it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known besides the text that the code wrote.

    Attributes:
        limits: The limits in force.
        said: The notes that the result has already.
        memory_is_watched: Whether memory is only monitored, so that each process has a limit of its own.
        layered: Whether its workspace is an overlay.
        hidden: Returns whether a path exists on this machine and not at the same place in the sandbox; a relative
            one starts from the directory of the notebook.
        module: Finds a module on this machine that the sandbox does not see: returns its file or directory, and
            whether it belongs to the notebook's Python while the run used another.
        shown_as: Returns the name of an absolute path in the working directory; empty if it is not bound there.
        bound: Returns whether a path in the working directory is a bind.
        variable: Returns whether the notebook has a variable of a name.
    """

    limits: Limits
    said: Sequence[str]
    memory_is_watched: bool
    hidden: Callable[[str], bool]
    module: Callable[[str], tuple[str, bool] | None]
    layered: bool = False
    shown_as: Callable[[str], str] = lambda _: ""
    bound: Callable[[str], bool] = lambda _: False
    variable: Callable[[str], bool] = lambda _: False


def of(outcome: Outcome, stderr_end: bytes, facts: Facts) -> tuple[str, ...]:
    """Return the hint for a run that failed because of the sandbox; none for any other run.

    Args:
        outcome: How it ended.
        stderr_end: The end of its standard error.
        facts: What else is known.
    """
    if outcome is not Outcome.FAILED:
        return ()
    text = re.sub(r"\x1b\[[0-9;:]*m", "", Cleaner().feed(stderr_end[-MOST_BYTES:], last=True))
    for line in _last_lines(text):
        for rule in (_module, _variable, _path, _by_phrase, _syntax, _processes):
            if hint := rule(line, text, facts):
                return () if any(_option(hint) in each for each in facts.said) else (hint,)
    return ()


def _option(hint: str) -> str:
    found = re.search(r"--[a-z-]+", hint)
    return f"{found[0]} " if found else hint


def _last_lines(text: str) -> Iterator[str]:
    """Yield the last lines, the last one first; of a Python traceback its own last line alone."""
    lines = [line for line in text.splitlines() if line.strip()]
    yield from reversed(lines[-1:] if _PYTHON.search(text) else lines[-_LINES:])


def _module(line: str, _text: str, facts: Facts) -> str:
    match = _MISSING_MODULE.match(line)
    found = facts.module(match[1]) if match else None
    if match is None or found is None:
        return ""
    name = match[1].partition(".")[0]
    path, of_kernel = found
    if of_kernel:
        return (
            f"The module {name} is installed for the notebook's Python, not for the Python that ran the code; "
            "--python kernel uses the notebook's."
        )
    if not _is_plain(path):
        return ""
    place = shlex.quote(path)
    return f"The module {name} is on this machine, but not in the sandbox; --bind {place} shows it."


def _variable(line: str, _text: str, facts: Facts) -> str:
    match = _NO_NAME.match(line)
    if match and facts.variable(match[1]):
        return f"{match[1]} is a variable of the notebook, not of the sandbox; -i {match[1]} gives the code a copy."
    return _NO_IPYTHON if match and match[1] == "get_ipython" else ""


def _syntax(line: str, text: str, _facts: Facts) -> str:
    if not line.startswith("SyntaxError: "):
        return ""
    if "'await' outside function" in line or "outside async function" in line:
        return _NO_AWAIT
    return _NOT_PYTHON if re.search(r"^    [%!]", text, re.MULTILINE) else ""


def _path(line: str, _text: str, facts: Facts) -> str:
    if not _NOT_THERE.search(line):
        return ""
    for path in _paths(line):
        parent = os.path.dirname(path)
        if name := facts.shown_as(path):
            return f"{shlex.quote(path)} is in the sandbox as {shlex.quote(name)}, in the working directory: open that."
        for each in (path, parent):  # where it wanted to write, the directory is what it misses
            if each.strip("/.") and facts.hidden(each):
                return _bind(each)
    return ""


def _paths(line: str) -> list[str]:
    """Return what may be the path in a message about a missing file, as the host would write it."""
    found = [match[1] or match[2] for match in _RUBY_AND_PHP.finditer(line)]
    found += [match[2] for match in _QUOTED.finditer(line)]
    before = re.split(r":? \(?(?:[Nn]o such file|[Pp]ermission denied)", line, maxsplit=1)[0]
    found += [before.rpartition(": ")[2].rpartition("open ")[2], line.partition(": ")[2].removesuffix(" not found.")]
    paths = []
    for path in found[:4]:
        for place in _INSIDE:
            path = path.removeprefix(place)  # noqa: PLW2901 - one of the two, or none
        if _is_plain(path):
            paths.append(os.path.normpath(path))
    return paths


def _is_plain(path: str) -> bool:
    """Return whether a path is shown unchanged: one that is cut or escaped can't be copied from the hint."""
    return 0 < len(path) <= _LONGEST and label(path, _LONGEST) == path and path.isprintable()


def _bind(path: str) -> str:
    shown = shlex.quote(path)
    if path.startswith("/etc/") or any(part.startswith(".") and part != ".." for part in path.split("/")):
        return (
            f"{shown} is on this machine, but not in the sandbox: such files often hold secrets. --bind shows a file."
        )
    if path.startswith(("/", "..")):
        name = shlex.quote(os.path.basename(path))
        return (
            f"{shown} is on this machine, but not in the sandbox; --bind {shown} shows it, read-only, as {name} in the "
            "working directory: open that."
        )
    top = shlex.quote(path.partition("/")[0])
    return (
        f"{shown} is on this machine, but not in the sandbox; --bind {top} shows it there, read-only; "
        "--workspace . shows a copy of this whole directory, which the code may change."
    )


def _by_phrase(line: str, _text: str, facts: Facts) -> str:
    for pattern, hint in _PHRASES:
        if pattern.search(line):
            return hint(line, facts)
    return ""


def _denied(line: str, facts: Facts) -> str:
    if any(map(facts.bound, _paths(line))):
        return _BOUND
    return _READ_ONLY if any(path.startswith("/") and not path.startswith("/tmp/") for path in _paths(line)) else ""  # noqa: S108 - inside


def _memory(_line: str, facts: Facts) -> str:
    bound = limit_size(facts.limits.memory_bytes)
    return f"Each process may use {bound} of memory; --memory allows more." if facts.memory_is_watched else ""


_PHRASES: tuple[tuple[re.Pattern[str], Callable[[str, Facts], str]], ...] = (
    (
        re.compile(
            r"[Tt]emporary failure (in name resolution|resolving)|[Nn]ame or service not known|ENOTFOUND|EAI_AGAIN"
            r"|([Nn]etwork|[Hh]ost) is unreachable|[Nn]o route to host|ENETUNREACH|EHOSTUNREACH"
            r"|[Cc]onnection refused|ECONNREFUSED|(Could not|Couldn't|unable to) resolve host|fetch failed"
            r"|Address family not supported by protocol|EAFNOSUPPORT|Couldn't connect to server|:\d+ cannot be opened"
            r"|^(requests\.exceptions\.|urllib3\.exceptions\.)?(ConnectionError|MaxRetryError|NewConnectionError): "
            r"|^(urllib\.error\.URLError|httpx\.ConnectError|aiohttp\.client_exceptions\.ClientConnector\w{0,20}): "
        ),
        lambda _line, _facts: _NO_NETWORK,
    ),
    (re.compile(r"Read-only file system|EROFS"), lambda _line, _facts: _READ_ONLY),
    (re.compile(r"[Pp]ermission denied|EACCES"), _denied),
    (
        re.compile(r"[Nn]o space left on device|ENOSPC"),
        lambda _line, facts: (
            f"The code may write {limit_size(facts.limits.disk_bytes)} in the working directory, and as much in "
            "/tmp and in /dev/shm; --disk allows more."  # noqa: S108 - the sandbox's own
        ),
    ),
    (re.compile(r"[Cc]ross-device link|EXDEV"), lambda _line, facts: _NOT_RENAMED if facts.layered else ""),
    (
        re.compile(r"Too many open files|EMFILE"),
        lambda _line, facts: (
            f"Each process may have {facts.limits.open_files} files open at once; --open-files allows more."
        ),
    ),
    (re.compile(r"^MemoryError\b|[Cc]annot allocate memory|std::bad_alloc|ENOMEM"), _memory),
    (re.compile(r"Operation not permitted|EPERM|Function not implemented|ENOSYS"), lambda _line, _facts: _REFUSED),
    (re.compile(r"^EOFError: EOF when reading a line"), lambda _line, _facts: _NO_INPUT),
)


def _processes(line: str, text: str, facts: Facts) -> str:
    """Return the hint where no process or thread could be started; a socket that is not ready has the same error."""
    thread = _NO_THREAD.search(line)
    fork = re.search(r"Resource temporarily unavailable|EAGAIN", line) and re.search(r"fork|spawn", text[-600:])
    if not thread and not fork:
        return ""
    bound = limit_size(facts.limits.memory_bytes)
    also = f", and each process may use {bound} (--memory allows more)" if facts.memory_is_watched and thread else ""
    return f"The code may have {facts.limits.processes} processes and threads at once (--processes allows more){also}."
