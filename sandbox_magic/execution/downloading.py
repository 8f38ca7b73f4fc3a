"""Packages for a run: fetched from the index by a sandbox of their own, unpacked by the host, read-only in the run."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from sandbox_magic.execution.cell import Cell
from sandbox_magic.execution.drive import View, drive
from sandbox_magic.execution.loop import Loop
from sandbox_magic.execution.run import Run
from sandbox_magic.execution.source import Source
from sandbox_magic.jail.lease import Cold
from sandbox_magic.jail.view import interpreter
from sandbox_magic.model.errors import PolicyError, StoppedEarly
from sandbox_magic.model.forwards import LOCALHOST, Forward
from sandbox_magic.model.outcome import Outcome
from sandbox_magic.model.policy import Limits, Policy
from sandbox_magic.model.units import MIB
from sandbox_magic.model.units import size as in_words
from sandbox_magic.net import pinning
from sandbox_magic.net.addresses import is_public
from sandbox_magic.packages import index as _index
from sandbox_magic.packages.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sandbox_magic.model.result import Result
    from sandbox_magic.model.timeline import Sample
    from sandbox_magic.packages.index import Index

MOST_DOWNLOADED = 512 * MIB
DOWNLOAD_SECONDS = 300.0
_CERTIFICATE = "authorities.pem"
_MOST_CERTIFICATE = 8 * MIB
_FORM = "1"  # of what is kept
# It runs where nothing of a package is run: pip takes wheels alone, and unpacks none.
_CODE = """\
import glob, os, runpy, sys
try:
    import pip
except ImportError:
    try:
        import ensurepip
        sys.path.insert(0, glob.glob(os.path.dirname(ensurepip.__file__) + "/_bundled/pip-*.whl")[0])
    except (ImportError, IndexError):
        sys.exit("sandbox: no pip")
sys.argv[0] = "pip"
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""
_SDIST = re.compile(r"No sources permitted for ([A-Za-z0-9._-]{1,100})")
_UNKNOWN = re.compile(r"No matching distribution found for (.{1,200})")
_UNREACHED = re.compile(
    r"Network is unreachable|Name or service not known|Temporary failure in name resolution|Connection refused"
    r"|NewConnectionError|ConnectTimeoutError|ReadTimeoutError|RemoteDisconnected|SSLError|CERTIFICATE_VERIFY_FAILED"
    r"|ConnectionResetError|NameResolutionError"
)


def provide(policy: Policy, goes_on: Callable[[], bool] = lambda: True) -> Policy:
    """Return the policy with the directory of the packages that it names, which are fetched if they are not kept.

    Args:
        policy: The policy.
        goes_on: Asked again and again while they are fetched: whether somebody still wants them.

    Raises:
        PolicyError: They can't be had; says why.
        StoppedEarly: Nobody wants them any more.
        SandboxUnavailable: No sandbox could be started to fetch them.
    """
    index = _index.configured()
    python = _identity(policy.python)
    question = json.dumps([_FORM, sorted(policy.packages), python, index.shown])
    store = _store(_root())
    found = store.find(question)
    return replace(policy, library=found or store.add(question, python, _fetch(policy, index, goes_on)))


@cache
def _store(root: str) -> Store:
    return Store(root)


os.register_at_fork(after_in_child=_store.cache_clear)  # another thread of the parent may have held its lock


def _root() -> str:
    known = os.environ.get("XDG_CACHE_HOME", "")
    return f"{known if os.path.isabs(known) else os.path.expanduser('~/.cache')}/sandbox-magic/packages"


def _identity(which: str) -> str:
    """Return what tells one Python on one machine from another."""
    path = interpreter.choose(which).executable
    status = os.stat(path)
    return json.dumps([path, os.path.realpath(path), status.st_size, status.st_mtime_ns, os.uname().machine])


class _WhileWanted(View):
    """Shows nothing of a run, and ends it when nobody wants it any more, which may be said on another thread."""

    def __init__(self, run: Run, goes_on: Callable[[], bool]) -> None:
        self._run = run
        self._goes_on = goes_on

    def add(self, sample: Sample) -> None:  # noqa: ARG002 - its time is what counts
        """See whether somebody does."""
        if not self._goes_on() and not self._run.interrupted:
            self._run.interrupt()


def _fetch(policy: Policy, index: Index, goes_on: Callable[[], bool]) -> Mapping[str, bytes]:
    """Return the wheels of the packages and of all that they need."""
    disk = MOST_DOWNLOADED + 64 * MIB
    limits = Limits(
        wall_seconds=DOWNLOAD_SECONDS, memory_bytes=2 * disk, disk_bytes=disk, output_bytes=8 * MIB, processes=64
    )
    own = Policy(
        limits=limits, python=policy.python, net=with_typed_addresses(index.forwards), net_bytes=disk, save=("*.whl",)
    )
    authorities = _authorities(index.certificate)
    cell = Cell(
        source=Source(text=_CODE.encode()),
        arguments=_arguments(policy.packages, index, trusts=bool(authorities)),
        files={_CERTIFICATE: authorities} if authorities else {},
        last_value=False,
    )
    loop = Loop(cell, own, Cold())
    loop.files.writes = False
    try:
        run = Run(loop)
        result = drive(run, _WhileWanted(run, goes_on))
    except PolicyError as error:
        raise _unreached(index, error.seen or error.what) from error
    if result.outcome is Outcome.INTERRUPTED:
        raise StoppedEarly
    wheels = {name: data for name, data in result.files.items() if name.endswith(".whl")}
    if result.outcome is not Outcome.COMPLETED or not wheels:
        raise _failed(result, policy.packages, index)
    return wheels


def with_typed_addresses(forwards: Sequence[Forward]) -> tuple[Forward, ...]:
    """Return what the index is reached by, with its addresses typed where they are not public.

    A name that leads to a private address is refused everywhere else. Which index to use the user has told pip, and a
    company's own has such an address: so it is opened here, for the sandbox that downloads, with the same port.
    """
    found = list(forwards)
    for forward in forwards:
        if forward.is_address or forward.host == LOCALHOST:
            continue
        with suppress(OSError):  # the run says what can't be resolved
            addresses = [each for each in pinning.resolve(forward.host) if ":" not in each and not is_public(each)]
            found += [Forward(host=address, port=forward.port) for address in addresses]
    return tuple(dict.fromkeys(found))


def _arguments(packages: Sequence[str], index: Index, *, trusts: bool) -> tuple[str, ...]:
    first, *more = index.urls
    words = ["download", "--isolated", "--no-cache-dir", "--no-input", "--progress-bar", "off", "--retries", "2"]
    words.append("-vv")  # to be told of what it skips
    words += ["--only-binary", ":all:", "--dest", ".", "--index-url", first]
    words += [word for url in more for word in ("--extra-index-url", url)]
    words += [word for host in index.trusted for word in ("--trusted-host", host)]
    words += ["--cert", _CERTIFICATE] if trusts else []
    return (*words, "--", *packages)


def _authorities(path: str) -> bytes:
    if not path:
        return b""
    try:
        with open(path, "rb") as file:
            return file.read(_MOST_CERTIFICATE)
    except OSError as error:
        msg = f"with: the certificates in {path} can't be read, so nothing was run"
        raise PolicyError(msg, seen=str(error), remedy="PIP_CERT=FILE") from error


def _failed(result: Result, packages: Sequence[str], index: Index) -> PolicyError:
    """Return the error that says what to do next; all that pip wrote is another's text, of which little is shown."""
    text = f"{result.stdout}\n{result.stderr}"
    asked = " and ".join(packages)[:200]
    where = " and ".join(index.shown)
    if "sandbox: no pip" in text:
        msg = f"with: the Python of the run has no pip to fetch {asked} with, so nothing was run"
        return PolicyError(msg, remedy="python -m ensurepip, or another Python with --python")
    if result.outcome is not Outcome.COMPLETED and result.outcome is not Outcome.FAILED:
        msg = f"with: {asked} could not be fetched within the bounds, so nothing was run"
        seen = f"{result.outcome.value}; there are {in_words(MOST_DOWNLOADED)} and {DOWNLOAD_SECONDS:g} seconds"
        return PolicyError(msg, seen=seen, remedy="fewer packages, or an environment of its own with --python")
    unknown = _UNKNOWN.search(text)
    name = unknown[1] if unknown else asked
    if unknown and (sdist := _SDIST.search(text)):
        msg = f"with: {name} has no wheel for this Python, so nothing was run"
        seen = f"the index has only source code of {sdist[1]} that fits, which would run its own code to be built"
        return PolicyError(msg, seen=seen, remedy="another version or Python; or pip install it in an environment")
    if _UNREACHED.search(text):
        return _unreached(index, _last_words(text))
    if unknown:
        msg = f"with: there is no {name} at {where} that fits this Python, so nothing was run"
        unused = "".join(f"; --with does not use pip's {each}" for each in index.unused)
        return PolicyError(msg, seen=_last_words(text) + unused, remedy="another name or version")
    msg = f"with: {asked} could not be fetched, so nothing was run"
    return PolicyError(msg, seen=_last_words(text), remedy=f"pip download {asked}")


def _unreached(index: Index, seen: str) -> PolicyError:
    msg = f"with: the index {' and '.join(index.shown)} can't be reached, so nothing was run"
    return PolicyError(msg, seen=seen, remedy="pip config list, which says what index pip uses")


def _last_words(text: str) -> str:
    """Return the last error that pip has written, else its last line."""
    lines = text.strip().splitlines() or [""]
    return ([line for line in lines if line.startswith("ERROR: ")] or lines)[-1].removeprefix("ERROR: ")[:300]
