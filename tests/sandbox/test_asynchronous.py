"""Runs in an event loop: in turn, event by event, in a session; a task that is cancelled ends its run."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from pathlib import Path

import pytest

import sandbox_magic as sm
from sandbox_magic import Outcome
from sandbox_magic.execution.asynchronous import cores

SLEEPS = "print('up', flush=True)\nimport time; time.sleep(600)"


async def until(condition):
    """Wait for what no event of ours tells."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)


def sandboxes():
    """Return the children of this process that run a sandbox: spares are started by another thread."""
    children = Path("/proc/self/task").glob("*/children")
    return {int(number) for file in children for number in file.read_text().split()}


def test_many_are_queued_and_the_event_loop_goes_on():
    """A bound on threads that holds for 20 holds for a thousand."""

    async def all_of_them():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())
        results = await asyncio.gather(*(sm.arun(f"print({number})", timeout=60) for number in range(20)))
        running = [each for each in threading.enumerate() if each.name.startswith("sandbox-magic run")]
        ticking.cancel()
        return results, len(running), ticks

    results, threads, ticks = asyncio.run(all_of_them())
    assert [result.stdout for result in results] == [f"{number}\n" for number in range(20)]
    assert threads <= cores()
    assert ticks > 5


def test_what_makes_no_sense_and_what_can_not_start_is_raised():
    with pytest.raises(sm.PolicyError, match="banana"):
        asyncio.run(sm.arun("1", timeout="banana"))
    with pytest.raises(sm.PolicyError, match="no Python at"):
        asyncio.run(sm.arun("1", python="/no/such/python"))

    async def events():
        return [event async for event in sm.astream("1", python="/no/such/python")]

    with pytest.raises(sm.PolicyError, match="no Python at"):
        asyncio.run(events())


async def up(run):
    """Take events until the code runs."""
    async for event in run:
        if isinstance(event, sm.Text):
            return event.text
    return None


def test_a_cancelled_task_ends_its_run_before_it_ends_itself():
    async def cancelled():
        tasks = [asyncio.create_task(sm.arun(SLEEPS, timeout=600, warm=False)) for _ in range(cores() + 3)]
        await until(lambda: len(sandboxes() - before) >= cores())
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in ended)
        assert (await sm.arun("print(1)", warm=False)).ok  # the threads are free again

    before = sandboxes()
    asyncio.run(cancelled())


def test_a_stream_yields_events_answers_questions_and_has_the_result():
    async def take():
        seen = []
        async with sm.astream("print(input('name? ') + '!')\ninput('more? ')", timeout=60) as run:
            async for event in run:
                seen.append(event)
                if isinstance(event, sm.InputRequest) and event.prompt.startswith("name"):
                    run.answer("Ada")
        return seen, run.result

    seen, result = asyncio.run(take())
    assert (
        "".join(event.text for event in seen if isinstance(event, sm.Text) and event.stream == "stdout")
        == result.stdout
    )
    assert "Ada!\n" in result.stdout, [event for event in seen if isinstance(event, sm.InputRequest)]
    assert "EOFError" in result.stderr  # the second was not answered
    assert isinstance(seen[-1], sm.Ended)
    assert seen[-1].result is result


def test_a_stream_that_is_left_ends_its_run():
    async def leave():
        async with sm.astream(SLEEPS, timeout=600) as run:
            assert await up(run) == "up\n"
        assert run.result.outcome is Outcome.INTERRUPTED
        task = asyncio.create_task(up(waiting := sm.astream("import time; time.sleep(600)", timeout=600)))
        await until(lambda: waiting._run.started)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert waiting.result.outcome is Outcome.INTERRUPTED
        dropped = sm.astream(SLEEPS, timeout=600)
        assert await up(dropped) == "up\n"
        inner, end = dropped._run, dropped._driven.end
        del dropped
        gc.collect()
        async with asyncio.timeout(60):
            assert (await end).outcome is Outcome.INTERRUPTED
        assert inner.over

    asyncio.run(leave())


def test_a_session_keeps_its_state():
    async def cells():
        async with sm.Session(timeout=60) as session:
            await session.arun("x = 1")
            events = [event async for event in session.astream("print(x + 1)")]
            assert isinstance(events[-1], sm.Ended)
            slow = asyncio.create_task(session.arun("x = 7\nimport time; time.sleep(600)", timeout=600))
            await until(lambda: session.running)
            slow.cancel()
            with pytest.raises(asyncio.CancelledError):
                await slow
            result = await session.arun("x")
            return events[-1].result.stdout, result.ok, session

    said, ok, session = asyncio.run(cells())
    assert (said, ok) == ("2\n", True)
    assert not session.alive


def test_a_forked_copy_has_threads_of_its_own():
    asyncio.run(sm.arun("1", warm=False))
    child = os.fork()
    if not child:
        status = 1
        try:
            status = 0 if asyncio.run(sm.arun("print(5)", warm=False)).stdout == "5\n" else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
