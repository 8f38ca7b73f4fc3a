"""From the account of a watched run to a list for a person: what each attempt met, and what would allow it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sandbox_magic.execution import attempt_options
from sandbox_magic.execution.secret_names import secret
from sandbox_magic.jail import network
from sandbox_magic.jail.view import places
from sandbox_magic.model.attempts import Attempt, Attempts
from sandbox_magic.model.forwards import LOCALHOST
from sandbox_magic.model.timeline import Mark
from sandbox_magic.untrusted.text import label

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sandbox_magic.jail.view.host_lookup import Outside
    from sandbox_magic.model.attempts import Answer
    from sandbox_magic.model.policy import Policy

_TARGET_CHARACTERS = 4096
_NAME_CHARACTERS = 32
_MOST_LOOKS = 300  # on the host, for what the sandbox does not show
_WRITABLE = (places.HOME, "/tmp", "/var/tmp", "/dev/shm", "/dev", "/proc")  # noqa: S108 - the sandbox's own
_LOOPBACK = ("127.", "0.0.0.0:", "[::1]:", "[::]:")
_KERNELS = ("/proc", "/dev", "/sys")


def listed(account: Mapping[str, Any] | None, outside: Outside, policy: Policy) -> Attempts:
    """Return what was tried.

    Args:
        account: What the watching process told; None if it had ended.
        outside: This machine.
        policy: What the sandbox was given.
    """
    if account is None:
        return Attempts(complete=False)
    judge = _Judge(outside, policy)
    rows = sorted(account["rows"], key=lambda row: row["first"])
    return Attempts(
        rows=tuple(judge.attempt(row) for row in rows),
        ordinary=account["ordinary"],
        more=account["more"],
        complete=account.get("complete", True),
    )


def marks(attempts: Attempts) -> Iterable[Mark]:
    """Yield a mark for the first attempt of each kind that was not allowed."""
    first = {row.kind: row for row in reversed(attempts.refused)}
    for row in sorted(first.values(), key=lambda row: row.first_seconds):
        name = row.target.rpartition("/")[2] or row.target
        yield Mark(f"{row.answer}: {row.kind} {name}" if row.kind != "call" else f"refused: {name}", row.first_seconds)


class _Judge:
    def __init__(self, outside: Outside, policy: Policy) -> None:
        self._outside = outside
        self._policy = policy
        self._looks = 0
        self._places = {place: host for host, place in network.places(policy.net).items() if host != LOCALHOST}

    def attempt(self, row: Mapping[str, Any]) -> Attempt:
        target = row["target"].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        sensitive = "" if row["kind"] in ("call", "look up") else secret(row.get("place") or target)
        answer, option = self._answer(row, target, sensitive)
        return Attempt(
            kind=row["kind"],
            target=label(target, _TARGET_CHARACTERS) or "(an empty name)",
            count=row["count"],
            first_seconds=max(0.0, row["first"]),
            last_seconds=max(0.0, row["last"]),
            answer=answer,
            option=option,
            process=label(row["process"], _NAME_CHARACTERS),
            sensitive=sensitive,
            line=row.get("line"),
        )

    def _answer(self, row: Mapping[str, Any], target: str, sensitive: str) -> tuple[Answer, str]:
        if row["kind"] in ("call", "look up"):
            return self._answer_to_name(row, target)
        if row.get("family", 1) != 1:
            return self._answer_to_address(row["kind"], target)
        place = row.get("place") or ""
        written = [each for each in (row.get("into"), row.get("writes") and place) if each]
        if not all(map(self._is_writable, written)):
            return "refused", ""
        if row.get("writes") or row.get("there") or not place or _within(place, _KERNELS):
            return "allowed", ""
        hidden = "" if sensitive else self._hidden(place)
        return ("not shared", attempt_options.share(hidden)) if hidden or sensitive else ("allowed", "")

    def _answer_to_name(self, row: Mapping[str, Any], name: str) -> tuple[Answer, str]:
        if row["kind"] == "call":
            return "refused", ""
        if name in attempt_options.OWN_NAMES or name.lower() in {forward.host for forward in self._policy.net}:
            return "allowed", ""
        options = [attempt_options.reach(name, port) for port in row.get("ports", ()) or (None,)]
        return "no network", " ".join(filter(None, options))

    def _answer_to_address(self, kind: str, target: str) -> tuple[Answer, str]:
        """Return what an address met: the loopback is its own, and what ``net`` names has addresses there."""
        address, _, port = target.rpartition(":")
        number = int(port) if port.isdigit() else None
        host = self._places.get(address)
        if host is not None:
            allowed = any((forward.host, forward.port) == (host, number) for forward in self._policy.net)
            return ("allowed", "") if allowed else ("no network", attempt_options.reach(host, number, typed=True))
        if target.startswith(_LOOPBACK):
            return "allowed", ""
        return "no network", attempt_options.reach(address, number) if kind == "connect" and number else ""

    def _is_writable(self, place: str) -> bool:
        start = places.working_directory(workspace=bool(self._policy.workspace))
        bound = [os.path.join(start, mount.name) for mount in self._policy.binds]
        return _within(place, _WRITABLE) and not _within(place, bound)

    def _hidden(self, place: str) -> str:
        """Return where on the host something is that the code looked for in vain; empty if nothing is, or not known."""
        start = places.working_directory(workspace=bool(self._policy.workspace))
        names = [place]
        if _within(place, (start,)):
            names = [os.path.relpath(place, start)]  # beside the notebook
        if _within(place, (places.HOME,)):
            names.append(os.path.join(os.path.expanduser("~"), os.path.relpath(place, places.HOME)))
        for name in names:
            self._looks += 1
            if self._looks <= _MOST_LOOKS and name != "." and self._outside.hidden(name):
                return name
        return ""


def _within(path: str, above: Iterable[str]) -> bool:
    return any(path == each or path.startswith(f"{each}/") for each in above)
