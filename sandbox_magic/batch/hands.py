"""Who runs the tasks of a batch: threads of this process, or an executor's workers; and what is done when one dies."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sandbox_magic.batch import rows
from sandbox_magic.batch.graded import Graded
from sandbox_magic.batch.task import work
from sandbox_magic.execution.asynchronous import cores
from sandbox_magic.execution.stopping import NotStarted, Stopper
from sandbox_magic.jail import pool
from sandbox_magic.model.errors import PolicyError

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from sandbox_magic.batch.task import Task

MOST_TRIES = 3  # of a task whose worker died or was lost


def _workers_of(executor: Executor | None) -> int | None:
    """Return how many tasks an executor runs at once; None where it does not tell."""
    said = getattr(executor, "_max_workers", None)  # the standard library's, loky's, ipyparallel's
    threads = getattr(getattr(executor, "_client", None), "nthreads", None)  # Dask's, whose cluster may have grown
    if callable(threads):
        said = sum(threads().values())
    return said if isinstance(said, int) else None


def _refuse_each(executor: Executor | None) -> None:
    """Refuse one that has all its workers do the same work.

    Raises:
        PolicyError: It is such a one.
    """
    view = getattr(executor, "view", None)
    if hasattr(view, "scatter"):  # ipyparallel's direct view
        msg = "executor is that of a direct view, which has each of its engines run every submission"
        raise PolicyError(msg, remedy="the client's: executor=client.executor()")


class Hands:
    """Runs tasks.

    Args:
        executor: What runs them; None for threads of this process.
        workers: How many at once; as many as the executor has, else as there are processors, without it.

    Raises:
        PolicyError: The executor would run each task several times.

    Attributes:
        workers: As above.
    """

    def __init__(self, executor: Executor | None, workers: int | None) -> None:
        _refuse_each(executor)
        self.workers: int = workers or _workers_of(executor) or cores()
        self._stopper = Stopper()
        self._theirs = executor
        self._own: ThreadPoolExecutor | None = None
        self._has_spares = False
        self._spares = ExitStack()
        self._running: dict[Future[Any], tuple[Task, int]] = {}

    def __len__(self) -> int:
        return len(self._running)

    def give(self, task: Task, tries: int = 1) -> None:
        """Have a task run, now or when somebody is free."""
        self._running[self._submit(task)] = task, tries

    def _submit(self, task: Task) -> Future[Any]:
        theirs = self._theirs
        if theirs is not None and not isinstance(theirs, ThreadPoolExecutor):
            try:
                return theirs.submit(work, task, uuid4().hex)
            except BrokenExecutor:  # a worker was killed
                self._theirs = theirs = None
        if theirs is None:
            theirs = self._own = self._own or ThreadPoolExecutor(self.workers, thread_name_prefix="sandbox-magic batch")
        self._have_spares()
        return theirs.submit(self._work, task)

    def _have_spares(self) -> None:
        """Have a spare for each thread of this process, until they are stopped; one who waits would be cold."""
        if not self._has_spares:
            self._has_spares = True
            self._spares.enter_context(pool.spares.room_for(self.workers))

    def _work(self, task: Task) -> Graded:
        return task.run(self._stopper.drive)

    def take(self) -> list[tuple[Task, Graded]]:
        """Return the rows that are done; waits for one where there is none. A task whose worker died is run again."""
        done, _ = wait(self._running, return_when="FIRST_COMPLETED")
        return self._rows(done)

    def _rows(self, done: set[Future[Any]]) -> list[tuple[Task, Graded]]:
        taken = []
        for future in done:
            task, tries = self._running.pop(future)
            try:
                found = future.result()
            except (NotStarted, CancelledError):
                if self._stopper.asked:
                    continue
                found = self._again(task, tries, "it was cancelled")
            except BrokenExecutor:  # every task that it had fails like this, through no fault of theirs
                self._theirs = None
                found = self._again(task, tries - 1, "")
            except Exception as error:  # noqa: BLE001 - an executor's own: a worker was lost
                found = self._again(task, tries, f"{type(error).__name__}: {error}")
            if found is not None:
                taken.append((task, rows.unpack(found) if isinstance(found, bytes) else found))
        return taken

    def _again(self, task: Task, tries: int, why: str) -> Graded | None:
        if self._stopper.asked:
            return None
        if tries >= MOST_TRIES:
            return Graded(name=task.name, case=task.case, why=f"No worker finished it: {why}")
        self.give(task, tries + 1)
        return None

    def stop(self) -> list[tuple[Task, Graded]]:
        """Interrupt what runs, forget what waits, and return the rows that were done by then.

        What runs in another process ends there by itself, at its limits at the latest: Ctrl-C at a terminal reaches it.
        """
        with self._spares:
            self._end()
        return self._rows({future for future in self._running if future.done()})

    def _end(self) -> None:
        self._stopper.stop()
        for future in self._running:
            future.cancel()
        if self._own is not None:
            self._own.shutdown(wait=True, cancel_futures=True)
        if isinstance(self._theirs, ThreadPoolExecutor):
            wait(self._running)
