"""`run_many`: sources in, rows out, as they are done."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sandbox_magic.batch import checker as _checker
from sandbox_magic.batch import rows
from sandbox_magic.batch.graded import Graded
from sandbox_magic.batch.hands import Hands
from sandbox_magic.batch.journal import Journal
from sandbox_magic.batch.sources import SCOPES, Tasks, as_cases
from sandbox_magic.batch.submissions import Submissions
from sandbox_magic.model import options as _options
from sandbox_magic.model.closing import Closing
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.outcome import Outcome

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from typing import Unpack

    from sandbox_magic.batch.progress import Progress
    from sandbox_magic.batch.sources import Code, Source
    from sandbox_magic.batch.task import Task
    from sandbox_magic.model.option_types import ManyOptions
    from sandbox_magic.model.policy import Policy

_AHEAD = 2  # tasks for each worker that are given before their turn, so that none waits for us


class Batch(Closing, Iterable[Graded]):
    """The rows of a batch, as they are done; left before its end, it ends what is running and keeps what is done.

    Args:
        tasks: What is to be run, or a row in place of what can't be; may be endless.
        hands: Who runs it.
        journal: Where what is done is kept.
        progress: What shows it.
    """

    def __init__(
        self, tasks: Iterator[Task | Graded], hands: Hands, journal: Journal | None, progress: Progress | None
    ) -> None:
        self._tasks = tasks
        self._hands = hands
        self._journal = journal
        self._progress = progress
        self._ready: deque[Graded] = deque()
        self._exhausted = self._closed = False
        self._seen: Counter[bytes] = Counter()

    def __iter__(self) -> Iterator[Graded]:
        """Yield the rows. Ctrl-C ends what is running also where it comes between two lines of `__next__`."""
        try:
            while (row := next(self, None)) is not None:
                yield row
        except GeneratorExit:  # the loop was left; another may go on
            raise
        except BaseException:
            self.close()
            raise

    def __next__(self) -> Graded:
        """Return the next row; blocks until there is one.

        Raises:
            OSError: The journal can't be written.
            KeyboardInterrupt: Ctrl-C; what was running has ended, what was done is kept.
        """
        if self._closed:
            raise StopIteration
        try:
            while not self._ready:
                self._fill()
                if self._ready or not len(self._hands):
                    break
                self._keep(self._hands.take())
        except BaseException:
            self.close()
            raise
        if not self._ready:
            self.close()
            raise StopIteration
        row = self._ready.popleft()
        if self._progress is not None:
            self._progress.add(row)
        return row

    def _fill(self) -> None:
        """Give out as many tasks as may wait: rows that nobody has taken are among them."""
        most = self._hands.workers * _AHEAD
        while not self._exhausted and len(self._hands) + len(self._ready) < most:
            task = next(self._tasks, None)
            if task is None:
                self._exhausted = True
            elif isinstance(task, Graded):
                self._ready.append(task)
            else:
                self._give(task)

    def _give(self, task: Task) -> None:
        """Have it run, or take the row that the journal has of it."""
        if self._journal is not None:
            first = bytes.fromhex(task.hashed(1))
            self._seen[first] += 1
            times = self._seen[first]
            task = replace(task, key=first.hex() if times == 1 else task.hashed(times))
            if (row := self._journal.read(task.key)) is not None:
                self._ready.append(row)
                return
        self._hands.give(task)

    def _keep(self, done: list[tuple[Task, Graded]]) -> None:
        """Write down what is done; neither what was stopped by the caller nor what could not be run."""
        packed = [(task.key, rows.pack(row)) for task, row in done if self._journal is not None and _is_final(row)]
        if packed and self._journal is not None:
            self._journal.add(packed)
        self._ready.extend(row for _, row in done)

    def close(self) -> None:
        """End what is running, keep what is done, and let go of the journal."""
        if self._closed:
            return
        self._closed = True
        try:
            self._keep(self._hands.stop())
        finally:
            if self._journal is not None:
                self._journal.close()
            if self._progress is not None:
                self._progress.close()

    def __del__(self) -> None:
        if hasattr(self, "_closed"):
            self.close()


def _is_final(row: Graded) -> bool:
    return row.outcome not in (None, Outcome.INTERRUPTED)


def run_many(  # noqa: PLR0913 - each by name
    sources: Iterable[Source] | os.PathLike[str],
    *,
    policy: Policy | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    check: Code | None = None,
    check_options: ManyOptions | None = None,
    journal: str | os.PathLike[str] | None = None,
    inputs: Mapping[str, object] | Iterable[Mapping[str, object]] | None = None,
    stdin: str | bytes | Iterable[str | bytes] = b"",
    progress: bool = False,
    **options: Unpack[ManyOptions],
) -> Batch:
    """Run many sources, and return an iterator of what came of each, as they are done.

    Ctrl-C, and leaving it (``with run_many(...) as batch``), end what is running. What can't be run is a row too: its
    ``result`` is None, and ``why`` says the reason.

    Args:
        sources: Code or paths, each alone, as ``(name, source)`` or as ``(name, source, options)``; may be endless, for
            no more are taken than are soon run. ``files`` may be among the options. Or a directory: each file in it,
            and each directory with a ``main.py``, is a submission.
        policy: What each may see, use and do.
        executor: Who runs them: any of `concurrent.futures`, Dask's ``client.get_executor()``; threads without it. If
            its workers die, threads of this process run the rest.
        workers: How many at once; as many as the executor says, else as there are processors, without it.
        check: The checker: code, or the path of a file, which runs in a sandbox of its own after each submission.
        check_options: The checker's own limits; without it those of the submissions, but 30 s.
        journal: A file that keeps each result. What is in it is not run again.
        inputs: Variables for each; or a list of such, each of which is a case of its own.
        stdin: What each finds on standard input; or a list of such, one for each case.
        progress: Whether a bar shows how far it is.
        **options: For each, as for `sandbox_magic.run`; what ``save`` names is in the ``files`` of its row alone.

    Raises:
        PolicyError: An option makes no sense, or the journal is in use.
    """
    if isinstance(sources, (str, bytes)):
        msg = f"sources is a {type(sources).__name__}"
        raise PolicyError(msg, remedy="a list of sources, or a pathlib.Path to a directory of them")
    common: dict[str, Any] = dict(options)
    if "workspace" in common and isinstance(sources, os.PathLike):
        raise PolicyError("option workspace: each submission has a directory of its own", remedy="bind=PATH")
    whole = _options.to_policy(_policy_part(_options.read(common, SCOPES)), policy)
    warm = common.get("warm", True) is not False
    checker = None if check is None else _checker.make(check, whole, dict(check_options or {}), warm=warm)
    cases = as_cases(inputs, stdin)
    tasks = Tasks(policy, common, cases, checker)
    hands = Hands(executor, workers)
    kept = None if journal is None else Journal(journal)
    items: Iterable[Any] = Submissions(sources) if isinstance(sources, os.PathLike) else sources
    return Batch(tasks.of(items), hands, kept, _progress(items, len(cases)) if progress else None)


def _progress(items: object, cases: int) -> Progress:
    from sandbox_magic.batch.progress import Progress

    return Progress(len(items) * cases if isinstance(items, Sized) else None)


def _policy_part(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if _options.BY_KEYWORD[name].scope != "run"}
