"""One submission with one input: what is sent to whoever runs it, and the key under which a journal knows it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox_magic.batch.graded import Graded
from sandbox_magic.execution.api import prepare
from sandbox_magic.execution.drive import View, drive
from sandbox_magic.execution.stopping import NotStarted
from sandbox_magic.guest.codec import codec
from sandbox_magic.guest.variables import MOST_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox_magic.batch.checker import Checker
    from sandbox_magic.execution.run import Run
    from sandbox_magic.execution.source import Source
    from sandbox_magic.model.policy import Policy
    from sandbox_magic.model.result import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A submission, one input, and everything that decides what comes of it.

    Attributes:
        name: The submission's.
        case: The number of the input, where there are several.
        source: The submission.
        policy: What it may see, use and do.
        options: The options of its run on top of that.
        files: Files for its working directory.
        checker: What judges it.
        key: What a journal knows it by; empty without one.
    """

    name: str
    case: int | None = None
    source: Source
    policy: Policy | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] | None = None
    checker: Checker | None = None
    key: str = ""

    def hashed(self, times: int) -> str:
        """Return a hash of it all, the same in every process.

        Args:
            times: How many of the same there were in the batch, with it.
        """
        checker = self.checker
        judged = None if checker is None else [checker.source.text, repr(checker.policy)]
        options = dict(sorted(self.options.items()))
        parts = [self.name, self.case, self.source.text, repr(self.policy), options, self.files, judged]
        return _digest([*parts, times]).hex()

    def run(self, drive: Callable[[Run], Result]) -> Graded:
        """Run it, and have it judged; what can't be run is a row too.

        Args:
            drive: Runs it to its end.

        Raises:
            NotStarted: It was to be stopped before.
        """
        try:
            run = prepare(
                self.source, self.options, self.policy, files=self.files, last_value=False, writes=False
            )  # what one submission saves must not be in the place of another's
            result = drive(run)
            if self.checker is None:
                return Graded(name=self.name, case=self.case, result=result)
            score, why = self.checker.judge(result, self._as_found(), drive)
        except NotStarted:
            raise
        except Exception as error:  # noqa: BLE001 - one that can't be run must not end the batch
            return Graded(name=self.name, case=self.case, why=f"{type(error).__name__}: {error}")
        return Graded(name=self.name, case=self.case, result=result, score=score, why=why)

    def _as_found(self) -> dict[str, object]:
        """Return what the checker finds of the submission itself; its source is text, whatever its bytes are."""
        inputs, stdin = self.options.get("inputs") or self.options.get("input") or {}, self.options.get("stdin", "")
        return {
            "name": self.name,
            "source": self.source.text.decode("utf-8", "replace"),
            "inputs": dict(inputs),
            "stdin": stdin.decode("utf-8", "replace") if isinstance(stdin, bytes) else stdin,
        }


def work(task: Task, _once: str = "") -> bytes:
    """Run a task where an executor's worker is; return its row in our own form, for nothing untrusted is pickled.

    Args:
        task: The task.
        _once: Another word each time: Dask takes the same function of the same arguments for the same work, done once.
    """
    from sandbox_magic.batch import rows

    return rows.pack(task.run(lambda run: drive(run, View())))


def _digest(value: object) -> bytes:
    """Return a hash that tells types apart and knows no order of a set's."""
    whole = hashlib.sha256(type(value).__name__.encode())
    if isinstance(value, Mapping):
        for key, each in value.items():
            whole.update(_digest(key) + _digest(each))
    elif isinstance(value, AbstractSet):
        for part in sorted(map(_digest, value)):
            whole.update(part)
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
        for each in value:
            whole.update(_digest(each))
    else:
        whole.update(_encoded(value))
    return whole.digest()


def _encoded(value: object) -> bytes:
    try:
        return codec.encode(value, most=MOST_BYTES)
    except codec.EncodeError:
        return repr(value).encode("utf-8", "surrogatepass")
