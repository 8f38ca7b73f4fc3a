"""Why a run failed, if the sandbox caused it: one line that says so, and which option would allow it.

The text that is read here is untrusted. The code can make a hint appear, but can't choose its words: they are fixed
here, and true whatever the code wrote. What a hint says of this machine's files has been looked up on the host.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sandbox_magic.execution import hint_packages, hint_paths
from sandbox_magic.model.outcome import Outcome
from sandbox_magic.model.units import limit_size
from sandbox_magic.untrusted.text import Cleaner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox_magic.execution.hint_facts import Facts

MOST_BYTES = 4096
"""Of the end of standard error."""
_LINES = 30  # of a program whose errors have no form that we know
_PYTHON = re.compile(r'^(Traceback \(most recent call last\):|  File ")', re.MULTILINE)
_NO_NAME = re.compile(r"^NameError: name '([^\W\d]\w{0,100})' is not defined")
_NO_THREAD = re.compile(
    "can't start new thread|[Cc]annot fork|fork: retry|fork failed"
    "|pthread_create.{0,99}(?:fail|Resource temporarily unavailable|EAGAIN)"
)
_REFUSED = (
    "A sandbox gives no privileges and refuses some system calls (ptrace, mount, ...) by design; no option allows them."
)
_NOT_RENAMED = "A directory that was in the workspace before can't be renamed, only copied: shutil.move and mv do that."
_NO_AWAIT = (
    "`await`, `async for` and `async with` belong into an `async def`, or to the top level of a cell; in a script "
    "asyncio.run(main()) runs it."
)
_NOT_PYTHON = (
    "Lines that begin with % or ! are IPython's: a cell may have them (a script may not) if IPython is installed for "
    "the Python that runs it, which --python chooses; figures are shown without any, and --lang bash runs a whole cell."
)
_NO_IPYTHON = (
    "get_ipython is there in a cell that has a line of IPython's own, such as %matplotlib inline; figures are shown "
    "without any."
)
_VARIABLE: dict[str, str] = {
    "value": "is a variable of the notebook, not of the sandbox; -i {name} gives the code a copy.",
    "unsupported": "is a variable of the notebook, of a type that can't be passed in: make it in the sandboxed cell, "
    "or pass in what it is made from.",
    "code": "is the notebook's, and no import, function or class is passed in: write it in the sandboxed cell.",
    "earlier value": "was set in an earlier sandboxed cell, and each starts afresh; --session NAME on both keeps "
    "everything, -o {name} there and -i {name} here pass a value, an array or a table on.",
    "earlier code": "was defined in an earlier sandboxed cell, and each starts afresh: --session NAME on both keeps "
    "it.",
}
_OF_NOTHING = re.compile(
    r"^(ValueError|IndexError|EOFError|StopIteration|[\w.]{1,50}JSONDecodeError|[\w.]{1,50}EmptyDataError)\b"
)
_EMPTY_INPUT = "Standard input is empty; --stdin TEXT provides it."
_NO_DEBUGGER = (
    "A debugger (breakpoint() or pdb) ended the code, for it got no command, or `q`: leave it out, or pass its "
    "commands by --stdin, one a line."
)
_NO_INPUT = "The code asked for more input than there is, and nobody could be asked; --stdin TEXT provides it."


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
    hint = hint_packages.nltk_data(text, facts) or next(filter(None, _by_rule(text, facts)), "")
    return () if not hint or any(_option(hint) in each for each in facts.said) else (hint,)


def _by_rule(text: str, facts: Facts) -> Iterator[str]:
    for line in _last_lines(text):
        for rule in _RULES:
            yield rule(line, text, facts)


def _option(hint: str) -> str:
    found = re.search(r"--[a-z-]+", hint)
    return f"{found[0]} " if found else hint


def _last_lines(text: str) -> Iterator[str]:
    """Yield the last lines, the last one first; of a Python traceback its own last line alone."""
    lines = [line for line in text.splitlines() if line.strip()]
    yield from reversed(lines[-1:] if _PYTHON.search(text) else lines[-_LINES:])


def _variable(line: str, _text: str, facts: Facts) -> str:
    match = _NO_NAME.match(line)
    if match is None:
        return ""
    if match[1] == "get_ipython":
        return _NO_IPYTHON
    known = facts.variable(match[1])
    return f"{match[1]} {_VARIABLE[known].format(name=match[1])}" if known else ""


def _syntax(line: str, text: str, _facts: Facts) -> str:
    if not line.startswith("SyntaxError: "):
        return ""
    if "'await' outside function" in line or "outside async function" in line:
        return _NO_AWAIT
    return _NOT_PYTHON if re.search(r"^    [%!]", text, re.MULTILINE) else ""


def _nothing_to_read(line: str, _text: str, facts: Facts) -> str:
    return _EMPTY_INPUT if facts.reads_nothing and _OF_NOTHING.match(line) else ""


def _by_phrase(line: str, text: str, facts: Facts) -> str:
    for pattern, hint in _PHRASES:
        if pattern.search(line):
            return hint(line, text, facts)
    return ""


def _memory(_line: str, _text: str, facts: Facts) -> str:
    bound = limit_size(facts.limits.memory_bytes)
    return f"Each process may use {bound} of memory; --memory allows more." if facts.memory_is_watched else ""


_PHRASES: tuple[tuple[re.Pattern[str], Callable[[str, str, Facts], str]], ...] = (
    (
        re.compile(
            r"[Tt]emporary failure (in name resolution|resolving)|[Nn]ame or service not known|ENOTFOUND|EAI_AGAIN"
            r"|([Nn]etwork|[Hh]ost) is unreachable|[Nn]o route to host|ENETUNREACH|EHOSTUNREACH"
            r"|[Cc]onnection refused|ECONNREFUSED|(Could not|Couldn't|unable to) resolve host|fetch failed"
            r"|Address family not supported by protocol|EAFNOSUPPORT|Couldn't connect to server|:\d+ cannot be opened"
            r"|dial tcp: address \S{1,253}: no suitable address found"
            r"|^(requests\.exceptions\.|urllib3\.exceptions\.)?(ConnectionError|MaxRetryError|NewConnectionError): "
            r"|^(urllib\.error\.URLError|httpx\.ConnectError|aiohttp\.client_exceptions\.ClientConnector\w{0,20}): "
        ),
        lambda _line, text, facts: hint_packages.download(text, facts),
    ),
    (re.compile(r"Read-only file system|EROFS"), lambda _line, _text, _facts: hint_paths.READ_ONLY),
    (re.compile(r"[Pp]ermission denied|EACCES"), lambda line, _text, facts: hint_paths.denied(line, facts)),
    (
        re.compile(r"[Nn]o space left on device|ENOSPC"),
        lambda _line, _text, facts: (
            f"The code may write {limit_size(facts.limits.disk_bytes)} in the working directory, and as much in "
            "/tmp and in /dev/shm; --disk allows more."  # noqa: S108 - the sandbox's own
        ),
    ),
    (re.compile(r"[Cc]ross-device link|EXDEV"), lambda _line, _text, facts: _NOT_RENAMED if facts.layered else ""),
    (
        re.compile(r"Too many open files|EMFILE"),
        lambda _line, _text, facts: (
            f"Each process may have {facts.limits.open_files} files open at once; --open-files allows more."
        ),
    ),
    (re.compile(r"^MemoryError\b|[Cc]annot allocate memory|std::bad_alloc|ENOMEM"), _memory),
    (
        re.compile(r"Operation not permitted|EPERM|Function not implemented|ENOSYS"),
        lambda _line, _text, _facts: _REFUSED,
    ),
    (re.compile(r"^EOFError: EOF when reading a line"), lambda _line, _text, _facts: _NO_INPUT),
    (re.compile(r"^bdb\.BdbQuit$"), lambda _line, _text, _facts: _NO_DEBUGGER),
    (
        re.compile(r"^AttributeError: 'NoneType' object has no attribute 'run_(line_magic|cell_magic|cell)'"),
        lambda _line, _text, _facts: _NO_IPYTHON,
    ),
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


_RULES = (
    hint_packages.install, hint_packages.module, _variable, _nothing_to_read, hint_paths.not_there, _by_phrase, _syntax,
    _processes,
)  # fmt: skip
