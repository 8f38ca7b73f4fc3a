"""The table of endings: a row for each, and nothing about them stands elsewhere."""

import re
from pathlib import Path

import pytest

import sandbox_magic
from sandbox_magic import Limits
from sandbox_magic.cli import exit_status
from sandbox_magic.model.attempts import Attempts
from sandbox_magic.model.options import limit_names
from sandbox_magic.model.outcome import BY_CAUSE, ENDINGS, Outcome, ending, signal_name

README = Path(sandbox_magic.__file__).parents[1] / "README.md"


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_a_row_that_says_how_it_ended(outcome):
    by_itself = outcome in (Outcome.COMPLETED, Outcome.FAILED)
    row = ending(outcome, exit_code=1, signal=11)
    assert row.words
    assert "{" not in row.words + row.cut
    assert bool(row.cut) != by_itself
    assert bool(row.limit) == bool(row.note)
    if row.limit:
        assert hasattr(Limits(), row.limit)
        assert limit_names()[row.limit]
        assert {"{limit}", "{option}"} <= set(re.findall(r"{\w+}", row.note))


def test_each_cause_is_one_outcomes():
    assert len(BY_CAUSE) == sum(bool(row.cause) for row in ENDINGS.values()) == 5


def test_a_signal_that_nobody_knows_is_the_end_of_the_sandbox():
    assert ending(Outcome.SIGNALLED).words == "destroyed its own sandbox"
    assert ending(Outcome.SIGNALLED, signal=11).words == "ended by signal SIGSEGV"


@pytest.mark.parametrize(("complete", "words"), [(True, "destroyed its own"), (False, "what watched it had ended")])
def test_a_run_that_was_ended_because_nothing_watched_it_is_not_called_destroyed(complete, words):
    assert words in ending(Outcome.SIGNALLED, attempts=Attempts(complete=complete)).words


def test_the_exit_statuses_are_all_in_the_help_and_in_the_readme():
    assert sorted(exit_status.MEANINGS) == [2, 124, 125, 130, 137, 141, 152, 153]
    text = README.read_text(encoding="utf-8")
    section = text[text.index("The exit status is the script's own.") :].partition("\n\n")[0]
    assert sorted(map(int, re.findall(r"\*\*(\d+)\*\*", section))) == sorted(exit_status.MEANINGS)
    assert all(f"{number}  " in exit_status.HELP for number in exit_status.MEANINGS)


@pytest.mark.parametrize(
    ("number", "name"),
    [(9, "SIGKILL"), (11, "SIGSEGV"), (15, "SIGTERM"), (34, "SIGRTMIN"), (37, "SIGRTMIN+3"), (0, "0"), (33, "33")],
)
def test_a_signal_has_its_name(number, name):
    assert signal_name(number) == name
