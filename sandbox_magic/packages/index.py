"""Where packages come from: the index that this machine's pip is configured for. No pip is run to find out."""

from __future__ import annotations

import configparser
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.forwards import LOCALHOST, TLS_PORT, Forward, read_forwards

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT = "https://pypi.org/simple"
_FILES = {"pypi.org": ("files.pythonhosted.org",)}  # an index whose files lie elsewhere
_HTTP_PORT = 80
_LOOPBACK = ("127.0.0.1", "::1")
_CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_YES = ("y", "yes", "t", "true", "on", "1")  # as pip reads them
_SECTIONS = ("global", "download")  # the later one has the last word, as for pip


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Where packages come from.

    Attributes:
        urls: Of the index, then of further ones; with the credentials that are in them.
        certificate: The path of the authorities that are trusted; empty for those that pip knows by itself.
        trusted: Hosts that pip is told to trust without a certificate.
        unused: Where else pip would look: in directories of this machine, and pages of links.
    """

    urls: tuple[str, ...] = (DEFAULT,)
    certificate: str = ""
    trusted: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    @property
    def forwards(self) -> tuple[Forward, ...]:
        """What must be reached: the hosts of the index, and where that of PyPI has its files."""
        found: list[Forward] = []
        for parts in map(urlsplit, self.urls):
            host = parts.hostname or ""
            port = parts.port or (_HTTP_PORT if parts.scheme == "http" else TLS_PORT)
            for each in (host, *_FILES.get(host, ())):
                found += read_forwards(f"{each}:{port}")
        return tuple(dict.fromkeys(found))

    @property
    def shown(self) -> tuple[str, ...]:
        """The URLs without what is secret in them."""
        return tuple(map(_without_credentials, self.urls))


def configured(variables: Mapping[str, str] | None = None) -> Index:
    """Return the index that pip would use: by its variables, then by its files, else PyPI.

    Of what pip can be told only this is used: ``index-url``, ``extra-index-url``, ``no-index``, ``cert`` and
    ``trusted-host``.
    Directories of this machine (``file:``, ``find-links``) are not shown to the sandbox that downloads, and pages of
    links lead to any host.

    Args:
        variables: The environment; this process's own without it.

    Raises:
        PolicyError: It is no index that can be used.
    """
    known = os.environ if variables is None else variables
    values = _of_files(known)
    for name in ("index-url", "extra-index-url", "find-links", "no-index", "cert", "trusted-host"):
        if word := known.get(f"PIP_{name.upper().replace('-', '_')}"):
            values[name] = word
    if values.get("no-index", "").lower() in _YES:
        msg = "with: this machine's pip is told to ask no index (no-index), so nothing was run"
        raise PolicyError(msg, remedy="PIP_NO_INDEX=0; --with does not use directories of packages")
    first = values.get("index-url", DEFAULT).strip()
    more = values.get("extra-index-url", "").split()
    local = [url for url in more if url.startswith("file:")]
    certificates = (values.get("cert", ""), *(known.get(name, "") for name in _CERTIFICATES))
    return Index(
        urls=tuple(_read(url) for url in (first, *(url for url in more if url not in local))),
        certificate=next((os.path.abspath(path) for path in certificates if path and os.path.isfile(path)), ""),
        trusted=tuple(values.get("trusted-host", "").split()),
        unused=(*["find-links"] * bool(values.get("find-links", "").strip()), *local),
    )


def _of_files(variables: Mapping[str, str]) -> dict[str, str]:
    """Return what pip's files of configuration say, those that pip reads last with the last word."""
    own = variables.get("PIP_CONFIG_FILE", "")
    if own == os.devnull:
        return {}
    home = variables.get("HOME", "")
    here = variables.get("XDG_CONFIG_HOME") or f"{home}/.config"
    everybody = (variables.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
    places = [*(f"{each}/pip/pip.conf" for each in everybody), "/etc/pip.conf"]
    if not os.path.exists(own):  # one of one's own stands in the place of the user's
        places += [f"{home}/.pip/pip.conf", f"{here}/pip/pip.conf"]
    places += [f"{sys.prefix}/pip.conf", own]
    found: dict[str, str] = {}
    for place in filter(os.path.isabs, places):
        file = configparser.RawConfigParser()
        try:
            file.read(place, encoding="utf-8")
        except (configparser.Error, UnicodeError, OSError) as error:
            msg = f"with: pip's configuration {place} can't be read"
            raise PolicyError(msg, seen=str(error), remedy="pip config debug") from error
        for section in filter(file.has_section, _SECTIONS):
            found.update({name.replace("_", "-"): value for name, value in file.items(section)})
    return found


def _read(url: str) -> str:
    """Return a URL as the sandbox is told it: this machine's own loopback goes by its one name there."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise _unusable(url, str(error)) from error
    if parts.scheme == "file":
        raise _unusable(url, "it is a directory of this machine, which the sandbox that fetches packages does not see")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _unusable(url, "it is not http:// or https:// and a host")
    if parts.hostname in (LOCALHOST, *_LOOPBACK):
        port = parts.port or (_HTTP_PORT if parts.scheme == "http" else TLS_PORT)
        credentials = parts.netloc.rpartition("@")
        parts = parts._replace(netloc=f"{credentials[0]}{credentials[1]}{LOCALHOST}:{port}")
    elif parts.netloc.rpartition("@")[2].startswith("["):
        raise _unusable(url, "it is an IPv6 address; a name may have one, for inside of a sandbox there is IPv4 alone")
    return urlunsplit(parts)


def _unusable(url: str, why: str) -> PolicyError:
    msg = f"with: pip's index {_without_credentials(url)[:120]!r} can't be used, so nothing was run"
    return PolicyError(msg, seen=why, remedy="PIP_INDEX_URL=https://pypi.org/simple, or the URL of another index")


def _without_credentials(url: str) -> str:
    scheme, found, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{found}{authority.rpartition('@')[2]}{slash}{path}" if found else url.rpartition("@")[2]
