"""Hints for what the code wanted to install, to import or to download."""

from __future__ import annotations

import re
import shlex
import sys
from typing import TYPE_CHECKING

from sandbox_magic.execution.hint_facts import is_plain

if TYPE_CHECKING:
    from sandbox_magic.execution.hint_facts import Facts

_MISSING_MODULE = re.compile(r"^ModuleNotFoundError: No module named '([A-Za-z_][A-Za-z0-9_.]{0,100})'")
_INSTALL = re.compile(r"\b(?:pip[\d.]{0,5}|conda|mamba|uv)\b['\", ]{1,4}(?:\w{1,10}['\", ]{1,4})?install\b")
_PIP_FAILED = re.compile(r"^ERROR: (?:No matching distribution|Could not find a version)|: No module named pip$")
_INSTALLED_OUTSIDE = (
    "nothing can be installed in a sandbox, which has no network: install what you trust outside, for the Python that "
    "runs the code (in a notebook: %pip in a cell of its own), or --with PACKAGE for one run."
)
_NO_INSTALL = _INSTALLED_OUTSIDE[0].upper() + _INSTALLED_OUTSIDE[1:]
_NO_MODULE = f"The module is not installed for the Python that ran the code, and {_INSTALLED_OUTSIDE}"
NO_NETWORK = (
    "The sandbox has no network: --net HOST lets the code connect to one host; or fetch the data outside and pass it "
    "in with --bind (or -i)."
)
_NAME = r"[a-z0-9][a-z0-9.-]{0,251}[a-z]"
# How clients name the host that they did not reach: urllib3, aiohttp, curl, Node, Go, pip, libpq, redis-py.
_HOST = re.compile(
    r"(?:\bhost='|Cannot connect to host |[Cc]ould not resolve host: ?|ENOTFOUND |EAI_AGAIN |"
    rf"dial tcp: (?:lookup|address) |[Ff]ailed to resolve (?:host )?'|-2 connecting to )({_NAME})\b"
)
_NLTK = re.compile(r"^LookupError:\s.{0,200}?Resource .{1,100}? not found\.", re.MULTILINE | re.DOTALL)
# It refuses data of another account's, as which those of a root caller are seen.
_NLTK_DATA = (
    "NLTK wanted to download its data, and a sandbox has no network: let it do so outside, once; --bind "
    "~/nltk_data:data passes the data in, and shutil.copytree('data', 'nltk_data') in the code puts it where NLTK "
    "takes it."
)
# What a library downloads it keeps in the home, and the home is the working directory, where --bind shows things.
_KEPT = (
    (re.compile(r'^  File "[^"\n]{1,300}/sklearn/datasets/', re.MULTILINE), "~/scikit_learn_data"),
    (re.compile(r'^  File "[^"\n]{1,300}/seaborn/utils\.py"', re.MULTILINE), "~/.cache/seaborn:.cache/seaborn"),
)


def install(line: str, text: str, _facts: Facts) -> str:
    """Return the hint where a program that installs packages failed, or its command stands in the code as such."""
    if line.startswith("SyntaxError: "):
        shown = re.search(r"^ {4}[%!]?(.{0,200})", text, re.MULTILINE)
        return _NO_INSTALL if shown and _INSTALL.match(shown[1]) else ""
    called = "CalledProcessError: Command " in line and _INSTALL.search(line)
    return _NO_INSTALL if called or _PIP_FAILED.search(line) else ""


def module(line: str, _text: str, facts: Facts) -> str:
    """Return the hint for a module that was not found."""
    match = _MISSING_MODULE.match(line)
    if match is None:
        return ""
    found = facts.module(match[1])
    name = match[1].partition(".")[0]
    if found is None:  # of a submodule the package is there; what belongs to Python itself can't be installed
        return "" if "." in match[1] or name in sys.stdlib_module_names else _NO_MODULE
    path, of_kernel = found
    if of_kernel:
        return (
            f"The module {name} is installed for sandbox_magic's own Python (in a notebook the kernel's), not for the "
            "Python that ran the code; --python kernel uses that."
        )
    if not is_plain(path):
        return ""
    place = shlex.quote(path)
    return f"The module {name} is on this machine, but not in the sandbox; --bind {place} shows it."


def nltk_data(text: str, facts: Facts) -> str:
    """Return the hint for data that NLTK has not; its message is no line but a page."""
    if not _NLTK.search(text):
        return ""
    return _NLTK_DATA if facts.binds_reach_home else no_network(text, facts)


def no_network(text: str, facts: Facts) -> str:
    """Return the hint for a connection that failed: which option opens it, and for which host where that is known."""
    name = facts.sought or (_HOST.findall(text) or [""])[-1]
    if not facts.net:
        return NO_NETWORK.replace("--net HOST", f"--net {name}") if name else NO_NETWORK
    allowed = ", ".join(facts.net)
    if not name or name in facts.net or (not facts.sought and name in map(_host, facts.net)):
        return f"The code may connect to {allowed} alone (a redirect may lead elsewhere); --net HOST allows another."
    other = "port" if _host(name) in map(_host, facts.net) else "host"
    return f"The code may connect to {allowed} alone, and {name} is another {other}; --net {name} allows it too."


def _host(forward: str) -> str:
    return forward.partition(":")[0]


def download(text: str, facts: Facts) -> str:
    """Return the hint where the network is what failed: for a library that keeps what it downloads, where it does."""
    place = next((place for frame, place in _KEPT if frame.search(text)), "")
    return _downloaded(place, facts) if place else no_network(text, facts)


def _downloaded(place: str, facts: Facts) -> str:
    if not facts.binds_reach_home or facts.net:
        return no_network("", facts)
    return (
        "The library wanted to download its data, and a sandbox has no network: let it do so outside, once; "
        f"--bind {place} then shows the data where the library looks."
    )
