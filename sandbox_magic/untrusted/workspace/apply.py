"""Applying changes to a directory: first every change is checked, then every change is made."""

from __future__ import annotations

import fnmatch
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox_magic.model.errors import SandboxError
from sandbox_magic.untrusted.workspace import file_names, openat
from sandbox_magic.untrusted.workspace.openat import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sandbox_magic.untrusted.workspace.change import Change
    from sandbox_magic.untrusted.workspace.snapshot import Snapshot

_MOST_NAMED = 20
_MOST_EXAMPLE = 60  # characters of a name
_BY_NAME = {"added": "", "changed": "it would replace what you have", "removed": "it would remove what you have"}


class NotApplied(SandboxError):  # noqa: N818 - says what was not done, like the others of its base
    """Changes were not applied; says which of them prevented it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What was applied.

    Attributes:
        done: The names that are now as the cell left them.
        left: The names that were not applied, each with the reason.
        by_name: Those of them that are applied by their exact names.
    """

    done: tuple[str, ...] = ()
    left: tuple[tuple[str, str], ...] = ()
    by_name: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return one line, and one for each name that was not applied."""
        left = [f"not applied: {file_names.shown(path)}: {why}" for path, why in self.left[:_MOST_NAMED]]
        if len(self.left) > _MOST_NAMED:
            left.append(f"... and {len(self.left) - _MOST_NAMED} more not applied")
        if self.by_name:
            left.append(f"To apply one of these all the same, name it: apply({example(self.by_name)})")
        return "\n".join([f"<Applied: {len(self.done)} applied, {len(self.left)} not applied>", *left])


def apply(
    changes: Sequence[Change], before: Snapshot | None, chosen: Sequence[str], to: str | os.PathLike[str] | None
) -> Applied:
    """See `Changes.apply`; ``before`` is what the original directory held when the run began."""
    wanted, left = _choose(changes, chosen, saving=to is not None)
    place = to if to is not None else before.path if before else None
    if place is None:
        msg = "there is no directory to apply the changes to"
        raise NotApplied(msg, remedy="apply(to=DIRECTORY)")
    states = before.states if before and to is None else {}
    done = _apply(states, wanted, place, saving=to is not None)
    by_name = tuple(
        path for path, (change, _) in left.items() if needs_name(change) and (to is None or change.left_out)
    )
    return Applied(done=done, left=tuple((path, why) for path, (_, why) in left.items()), by_name=by_name)


def needs_name(change: Change) -> bool:
    """Return whether a change is applied to the original directory only if it is asked for by its exact name."""
    return not change.refused and bool(change.left_out or _BY_NAME[change.kind])


def example(names: Iterable[str]) -> str:
    """Return the first name that is a plain one, as Python writes it."""
    return next((repr(path) for path in names if path.isprintable() and len(path) <= _MOST_EXAMPLE), "NAME")


def _apply(
    before: Mapping[str, State], wanted: list[Change], place: str | os.PathLike[str], *, saving: bool
) -> tuple[str, ...]:
    try:
        if saving:
            os.makedirs(place, exist_ok=True)
        with openat.directory(place) as root:
            return _Application(root, before, wanted, saving=saving).run()
    except OSError as error:
        msg = f"the changes can't be applied to {file_names.shown(os.fspath(place))}"
        raise NotApplied(msg, seen=file_names.shown(str(error)), remedy="a directory that you may write") from error


def save(changes: Sequence[Change], patterns: Iterable[str], to: str | os.PathLike[str]) -> Applied:
    """Save the files that patterns name exactly, and of those that match a pattern what may be saved by default.

    Raises:
        NotApplied: One of them can't be saved, so nothing was.
    """
    exact = set(patterns)
    wanted = [change for change in changes if not change.refused and (change.path in exact or not change.left_out)]
    taken = {change.path for change in wanted}
    left = tuple((each.path, each.refused or each.left_out) for each in changes if each.path not in taken)
    return Applied(done=_apply({}, wanted, to, saving=True) if wanted else (), left=left)


def _choose(
    changes: Sequence[Change], chosen: Sequence[str], *, saving: bool
) -> tuple[list[Change], dict[str, tuple[Change, str]]]:
    """Return the changes to apply, and the others that were asked for, by name, with the reason.

    Raises:
        NotApplied: A name that was asked for is not among them, or can't be.
    """
    selection = Selection(changes, chosen)
    wanted: list[Change] = []
    left: dict[str, tuple[Change, str]] = {}
    for change in selection:
        why = _why_not(change, exact=change.path in selection.exact, saving=saving)
        if not why and any(above in left and left[above][0].kind == "changed" for above in _above(change.path)):
            why = "what is above it is not applied"
        if why and change.path in chosen:
            raise NotApplied(f"{file_names.shown(change.path)}: {why}", remedy="other names")
        if why:
            left[change.path] = change, why
        else:
            wanted.append(change)
    return wanted, left


def _why_not(change: Change, *, exact: bool, saving: bool) -> str:
    """Return why a change is not applied; empty if it is."""
    if change.kind == "removed" and saving:
        return "removed, so there is nothing to save"
    if change.refused or exact:
        return change.refused
    return change.left_out or ("" if saving else _BY_NAME[change.kind])


class Selection:
    """The changes that somebody names, by exact names or patterns; without any, all of them.

    Attributes:
        exact: The names that were asked for exactly. With a directory that is gone goes what was in it.

    Raises:
        NotApplied: A name is not among them.
    """

    def __init__(self, changes: Sequence[Change], chosen: Sequence[str]) -> None:
        names = frozenset(chosen)
        gone = {each.path for each in changes if each.path in names and each.kind != "added"}
        self.exact: frozenset[str] = names | {
            each.path for each in changes if each.kind == "removed" and gone.intersection(_above(each.path))
        }
        patterns = [each for each in names if any(sign in each for sign in "*?[")]
        self._found = [
            each
            for each in changes
            if not chosen
            or each.path in self.exact
            or any(fnmatch.fnmatchcase(each.path, pattern) for pattern in patterns)
        ]
        found = {each.path for each in self._found}
        for name in chosen:
            if name not in found and not fnmatch.filter(found, name):
                msg = f"no change is named {file_names.shown(name)}"
                raise NotApplied(msg, remedy="one of the names in the list of changes, or a pattern such as *.csv")

    def __iter__(self) -> Iterator[Change]:
        return iter(self._found)


def _above(path: str) -> Iterator[str]:
    """Yield the directories above a name, the nearest first."""
    while path := path.rpartition("/")[0]:
        yield path


class _Application:
    """One application of changes below an open directory."""

    def __init__(self, root: int, before: Mapping[str, State], wanted: list[Change], *, saving: bool) -> None:
        self._root = root
        self._before = before
        self._wanted = wanted
        self._saving = saving
        self._made = {change.path for change in wanted if change.kind != "removed"}

    def run(self) -> tuple[str, ...]:
        problems = [(change, why) for change in self._wanted if (why := self._problem(change))]
        if problems:
            lines = [f"{file_names.shown(change.path)}: {why}" for change, why in problems[:_MOST_NAMED]]
            msg = f"nothing was applied: {len(problems)} of {len(self._wanted)} changes can't be"
            remedy = "apply(NAME, ...) with other names, or apply(to=DIRECTORY)"
            raise NotApplied(msg, seen="; ".join(lines), remedy=remedy)
        done: list[str] = []
        for change in self._in_order():
            try:
                self._do(change)
            except OSError as error:
                msg = f"{file_names.shown(change.path)} could not be applied; {len(done)} others already were"
                before = ", ".join(map(file_names.shown, done)) or "none"
                seen = f"{error.strerror or 'it is not what it was'}; done: {before}"
                raise NotApplied(
                    msg, seen=seen, remedy="apply() again: what is applied already is no conflict"
                ) from error
            done.append(change.path)
        return tuple(change.path for change in self._wanted)

    def _in_order(self) -> list[Change]:
        """Remove first, the deepest first; then directories and files; links last."""
        removed = [change for change in self._wanted if change.kind == "removed"]
        made = [change for change in self._wanted if change.kind != "removed"]
        deepest = sorted(removed, key=lambda change: change.path.split("/"), reverse=True)
        return deepest + sorted(made, key=lambda change: (change.type == "link", change.path.split("/")))

    def _problem(self, change: Change) -> str:
        """Return why a change can't be applied now; empty if it can."""
        if not file_names.is_good(change.path):
            return "its name leads out of the directory"
        try:
            now = self._now(change)
        except NotADirectoryError:
            return "what is above it here is a link, or no directory"
        if change.type == "link" and change.kind != "removed" and self._through_link(change):
            return "a link that leads through a link"
        return self._conflict(change, now)

    def _now(self, change: Change) -> State | None:
        before = self._before.get(change.path)
        try:
            return openat.state(self._root, change.path, max(change.size, before.size if before else 0))
        except NotADirectoryError:
            above = change.path.split("/")
            if any("/".join(above[:depth]) in self._made for depth in range(1, len(above))):
                return None  # what is above it is, or will be, another thing by one of these changes
            raise

    def _conflict(self, change: Change, now: State | None) -> str:
        before = self._before.get(change.path)
        if now in (before, goal_of(change)):
            return ""
        if now is None:
            return "it has been removed here since"
        if before is not None:
            return "it has been changed here since"
        if self._saving and now.kind == "file" and openat.is_ours(self._root, change.path, now):
            return ""
        return "something of that name is here already"

    def _through_link(self, change: Change) -> bool:
        """Return whether a link leads through another, which may lead anywhere."""
        steps = change.path.split("/")[:-1]
        for step in change.target.split("/"):
            steps = steps[:-1] if step == ".." else [*steps, step]
            try:
                now = openat.state(self._root, "/".join(steps), 0) if steps else None
            except NotADirectoryError:
                return True
            if now is not None and now.kind == "link":
                return True
        return False

    def _do(self, change: Change) -> None:
        """Do one change, if it still is no conflict."""
        now, goal = self._now(change), goal_of(change)
        if self._conflict(change, now):
            raise OSError
        if now == goal:
            return
        if now is not None and (goal is None or now.kind != goal.kind or goal.kind == "link"):
            openat.remove(self._root, change.path, now.kind)
            now = None
        if goal is None:
            return
        if goal.kind == "directory":
            openat.make_directory(self._root, change.path)
        elif goal.kind == "link":
            openat.link(self._root, change.path, change.target)
        else:
            self._write(change, replace=now is not None)

    def _write(self, change: Change, *, replace: bool) -> None:
        data = change.data or b""
        run = change.executable
        openat.write(self._root, change.path, data, executable=run, replace=replace, mark=self._saving)


def goal_of(change: Change) -> State | None:
    """Return what a name will be once the change is applied; None where it will be gone."""
    if change.kind == "removed":
        return None
    if change.type == "directory":
        return State(kind="directory")
    if change.type == "link":
        return openat.of_link(change.target)
    return openat.of_data(change.data or b"", executable=change.executable)
