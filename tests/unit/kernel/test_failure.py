"""What a cell that did not go well says."""

import pytest

from sandbox_magic.kernel import failure
from sandbox_magic.model.errors import SandboxUnavailable
from sandbox_magic.model.outcome import Outcome
from sandbox_magic.model.result import ErrorDetails, Result, Usage

ERROR = ErrorDetails(
    name="ValueError", message="no", traceback="Traceback ...\n\x1b[31mValueError\x1b[0m: no\n", line=1
)


def result(outcome=Outcome.COMPLETED, **rest):
    return Result(outcome=outcome, usage=Usage(wall_seconds=1.0), **rest)


def of(*arguments, **rest):
    return failure.of_result(result(*arguments, **rest))


def test_a_cell_that_ran_to_its_end_has_none():
    assert of(finished=True) is None
    assert of(finished=None) is None


def test_the_codes_own_exception_is_the_error_with_its_traceback_alone():
    found = of(Outcome.FAILED, exit_code=1, error=ERROR, finished=False)
    assert (found.name, found.message) == ("ValueError", "no")
    assert found.traceback == ("Traceback ...", "\x1b[31mValueError\x1b[0m: no")


def test_notes_come_behind_the_traceback():
    found = of(Outcome.FAILED, exit_code=1, error=ERROR, notes=("a hint",))
    assert found.traceback[-1] == "sandbox: a hint"
    assert found.traceback[-2].endswith("\x1b[0m"), "no colour of the code's goes on into them"


@pytest.mark.parametrize("outcome", [Outcome.COMPLETED, Outcome.FAILED])
@pytest.mark.parametrize("rest", [{"finished": False}, {"restored": True}, {"finished": True, "restored": True}])
def test_code_that_ended_its_interpreter_did_not_pass(outcome, rest):
    """``os._exit(0)``: whatever its exit status says, the cell's last line was not reached, or the state is another."""
    found = of(outcome, exit_code=0, **rest)
    assert (found.name, found.message) == ("SystemExit", "the code ended its own interpreter")


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.COMPLETED])
def test_every_other_outcome_is_an_error_with_its_words_and_the_notes(outcome):
    found = of(outcome, exit_code=1, signal=9, restored=True, notes=("The session is as it was.",))
    assert found.message == result(outcome, exit_code=1, signal=9).summary
    assert found.traceback == (f"sandbox: {found.message}", "sandbox: The session is as it was.")


def test_where_a_cell_was_killed_its_own_traceback_comes_before_our_words():
    found = of(Outcome.WALL_TIME, error=ERROR, restored=True)
    assert found.traceback[0] == "Traceback ..."
    assert found.traceback[-1] == f"sandbox: {found.message}"


def test_an_interrupt_has_the_name_that_it_has_everywhere():
    assert of(Outcome.INTERRUPTED).name == "KeyboardInterrupt"
    assert of(Outcome.WALL_TIME).name == "WALL_TIME"


def test_the_name_and_the_message_stay_on_one_line_without_controls():
    hostile = ErrorDetails(name="A\nB\x1b[2J", message="one\ntwo\x1b]0;title\x07" + "x" * 5000)
    found = of(Outcome.FAILED, exit_code=1, error=hostile)
    assert (found.name, found.message[:8], len(found.message)) == ("A B", "one twox", 1000)
    assert found.traceback == (f"{found.name}: {found.message}",), "without a traceback these are the words"


def test_where_no_sandbox_could_be_started_the_words_are_those_of_the_error():
    found = failure.of_error(SandboxUnavailable("no bwrap", seen="nothing", remedy="apt install bubblewrap"))
    assert (found.name, found.message) == ("SandboxUnavailable", "no bwrap")
    assert found.traceback == ("sandbox: no bwrap", "sandbox: Seen: nothing", "sandbox: Try: apt install bubblewrap")


def test_a_mistake_of_ours_is_an_error_too():
    found = failure.of_bug(KeyError("\x1b[2Jname"))
    assert found.message == "sandbox_magic failed: KeyError: '\\x1b[2Jname'"
