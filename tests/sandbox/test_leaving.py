"""A run that is left before its end: it ends at once, and its result has what came of it so far."""

import os
import time

import pytest

import sandbox_magic as sm
from sandbox_magic import InputRequest, Outcome, Sample, Text

UP = "import os, time\nmark('begun')\nos.write(1, b'one\\n')\ndisplay('shown')\nos.write(1, b'two\\n')\n"


def until(run, wanted):
    for event in run:
        if isinstance(event, Text) and wanted in event.text:
            return
    raise AssertionError(f"it never wrote {wanted!r}")


def test_what_has_come_so_far_is_its_result():
    with sm.stream(f"{UP}time.sleep(60)\nprint('three')", timeout=60) as run:
        until(run, "two")
    result = run.result
    assert (result.outcome, result.exit_code, result.finished, result.error) == (Outcome.INTERRUPTED, None, False, None)
    assert result.stdout == "one\ntwo\n"
    assert [display.text for display in result.displays] == ["'shown'"]
    assert [mark.label for mark in result.timeline.marks] == ["begun"]
    assert result.usage.wall_seconds < 30
    assert list(run) == [], "nothing more comes of it"
    run.close()
    assert run.result is result


def test_what_was_written_and_never_asked_for_is_in_it():
    with sm.stream(f"{UP}time.sleep(60)", timeout=60) as run:
        until(run, "one")
        deadline = time.monotonic() + 20
        while b"two\n" not in bytes(run._loop._intake.relay.streams[0].kept.data) and time.monotonic() < deadline:
            run._loop.step()
    assert run.result.stdout == "one\ntwo\n"


def test_an_exception_of_the_callers_leaves_it_too():
    run = sm.stream(f"{UP}time.sleep(60)", timeout=60)

    def fail():
        until(run, "two")
        raise LookupError

    with pytest.raises(LookupError), run:
        fail()
    assert run.result.outcome is Outcome.INTERRUPTED


def test_while_it_asks(footprint):
    sm.run("1")
    before = footprint()
    with sm.stream("print('before')\ninput('Name? ')", timeout=60) as run:
        while not isinstance(next(run), InputRequest):
            pass
    assert (run.result.outcome, run.result.stdout) == (Outcome.INTERRUPTED, "before\n")
    assert footprint() == before


def test_while_it_is_paused(footprint):
    sm.run("1")
    before = footprint()
    with sm.stream("while True: pass", timeout=60) as run:
        while not isinstance(next(run), Sample):
            pass
        run.pause()
        next(run)
    assert run.result.outcome is Outcome.INTERRUPTED
    assert run.result.usage.paused_seconds > 0
    assert footprint() == before


def test_one_that_has_ended_keeps_its_result():
    with sm.stream("print(1)") as run:
        events = list(run)
    assert run.result is events[-1].result
    assert run.result.ok


def test_one_that_never_started_has_none():
    with sm.stream("print(1)") as run, pytest.raises(RuntimeError, match="has not ended"):
        _ = run.result
    with pytest.raises(RuntimeError, match="before it had started"):
        _ = run.result


def test_a_forked_copy_of_the_host_does_not_end_it():
    with sm.stream("print('up', flush=True)\nprint('got', input())", timeout=60) as run:
        until(run, "up")
        child = os.fork()
        if child == 0:
            try:
                run.close()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        for event in run:
            if isinstance(event, InputRequest):
                run.answer("it")
    assert (run.result.outcome, run.result.stdout) == (Outcome.COMPLETED, "up\ngot it\n")


def test_stop_is_the_buttons_word_for_interrupt(stopped):
    result = stopped(f"{UP}time.sleep(60)", "two")
    assert result.outcome is Outcome.INTERRUPTED
    assert result.error.name == "KeyboardInterrupt"
