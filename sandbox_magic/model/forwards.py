"""What the code may connect to: names and ports outside, as ``--net HOST[:PORT]`` asks for them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from sandbox_magic.model.errors import PolicyError

LOCALHOST = "localhost"
TLS_PORT = 443
MOST_FORWARDS = 64
PRESETS: dict[str, tuple[str, ...]] = {
    "pypi": ("pypi.org", "files.pythonhosted.org"),
    "conda": ("conda.anaconda.org", "repo.anaconda.com"),
    "npm": ("registry.npmjs.org",),
    "github": (
        "github.com",
        "api.github.com",
        "codeload.github.com",
        "raw.githubusercontent.com",
        "objects.githubusercontent.com",
    ),
    "huggingface": ("huggingface.co", "cdn-lfs.huggingface.co", "cas-bridge.xethub.hf.co"),
}
"""Words for lists of names, each with port 443."""

_LONGEST_NAME = 253  # RFC 1035
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_LARGEST_PORT = 65535
_WHAT = "HOST or HOST:PORT, such as api.example.org or db.example.org:5432"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """One name and port outside that the code may connect to.

    Attributes:
        host: A name in ASCII and lower case (IDNA), or an IPv4 address; `localhost` for this machine's own loopback.
        port: The port, inside and outside.
    """

    host: str
    port: int = TLS_PORT

    def __post_init__(self) -> None:
        """Refuse what is no name and no address, and addresses that stand for this machine or for no single one."""
        if not 1 <= self.port <= _LARGEST_PORT:
            msg = f"net: the port is {self.port!r}"
            raise PolicyError(msg, remedy=f"from 1 to {_LARGEST_PORT:,}")
        labels = self.host.split(".")
        if len(self.host) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)):
            msg = f"net: {self.host[:80]!r} is not the name of a host"
            raise PolicyError(msg, remedy=_WHAT)
        if _NUMBER.fullmatch(labels[-1]):  # what a resolver may read as an address: 127.1, 0x7f.1, 2130706433
            _check_address(self.host)

    @property
    def is_address(self) -> bool:
        """Whether an address was typed, not a name."""
        return self.host.rpartition(".")[2].isdigit()

    def __str__(self) -> str:
        """Return it as it is typed."""
        return self.host if self.port == TLS_PORT else f"{self.host}:{self.port}"


def _check_address(host: str) -> None:
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError as error:
        msg = f"net: {host!r} is neither a name nor an IPv4 address"
        raise PolicyError(msg, seen=str(error), remedy="four decimal numbers, such as 10.0.0.5:5432") from error
    if address.is_loopback:
        msg = f"net: {host} is this machine's own loopback"
        raise PolicyError(msg, remedy="localhost:PORT, in these words, opens one port of it")
    if address.is_multicast or address.is_reserved or address in ipaddress.IPv4Network("0.0.0.0/8"):
        msg = f"net: {host} is not the address of a host"
        raise PolicyError(msg, remedy=_WHAT)


def read_forwards(value: object) -> tuple[Forward, ...]:
    """Read ``HOST[:PORT]``, the name of a preset, a `Forward`, or several of them; ``none`` is none.

    Raises:
        PolicyError: It is none of these; says what would be right.
    """
    several = (value,) if isinstance(value, (str, Forward)) else value
    if not isinstance(several, Iterable):
        msg = f"{value!r} is not a list of hosts"
        raise PolicyError(msg, remedy=_WHAT)
    found: list[Forward] = []
    for each in several:
        found += (each,) if isinstance(each, Forward) else _read(each)
    return tuple(dict.fromkeys(found))


def _read(text: object) -> tuple[Forward, ...]:
    if not isinstance(text, str):
        msg = f"{text!r} is not the name of a host"
        raise PolicyError(msg, remedy=_WHAT)
    word = text.strip()
    if word == "none":
        return ()
    if word in PRESETS:
        return tuple(Forward(host=host) for host in PRESETS[word])
    _refuse_other_forms(word)
    name, colon, port = word.partition(":")
    if colon and not (port.isascii() and port.isdigit() and len(port) <= len(str(_LARGEST_PORT))):
        msg = f"{word!r} has {port!r} for a port"
        raise PolicyError(msg, remedy=_WHAT)
    host = _in_ascii(name)
    if host == LOCALHOST and not colon:
        msg = "localhost is this machine itself, and needs a port"
        raise PolicyError(msg, remedy="localhost:PORT, the one port that the code may connect to")
    return (Forward(host=host, port=int(port) if colon else TLS_PORT),)


def _refuse_other_forms(word: str) -> None:
    """Refuse what people type for a host that is none, each with its own remedy."""
    remedy = ""
    if "://" in word:
        rest = word.partition("://")[2].partition("/")[0].rpartition("@")[2]
        remedy = f"the host alone: {rest}"
    elif "*" in word:
        remedy = "each name that is needed; a wildcard would open names that nobody has looked at"
    elif word.count(":") > 1 or "[" in word:
        remedy = "its name, or an IPv4 address: inside there is IPv4 alone"
    elif "/" in word:
        remedy = "one host each; there are no ranges and no paths"
    if remedy:
        msg = f"{word[:80]!r} is not HOST or HOST:PORT"
        raise PolicyError(msg, remedy=remedy)


def _in_ascii(name: str) -> str:
    try:
        return name.removesuffix(".").encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        msg = f"{name[:80]!r} is not the name of a host"
        raise PolicyError(msg, seen=str(error), remedy=_WHAT) from error


def presets() -> str:
    """Return the presets as the help lists them."""
    return "; ".join(f"{word} ({', '.join(hosts)})" for word, hosts in PRESETS.items())
