"""How a run is told: figures for a person, one line, and what held it."""

import json
import pickle

import pytest
from IPython.lib.pretty import pretty

from sandbox_magic import (
    Guard,
    Isolation,
    Limits,
    Outcome,
    Result,
    RunFailed,
    SandboxError,
    SandboxUnavailable,
    Usage,
)
from sandbox_magic.model.units import MIB
from sandbox_magic.picture import course


def result(outcome=Outcome.COMPLETED, **fields):
    return Result(outcome=outcome, usage=fields.pop("usage", Usage(wall_seconds=3.2)), **fields)


@pytest.mark.parametrize(
    ("fields", "summary"),
    [
        ({"outcome": Outcome.COMPLETED, "exit_code": 0}, "done after 3.20 s"),
        ({"outcome": Outcome.FAILED, "exit_code": 3}, "failed (exit status 3) after 3.20 s"),
        ({"outcome": Outcome.SIGNALLED, "signal": 11}, "ended by signal SIGSEGV after 3.20 s"),
        ({"outcome": Outcome.SIGNALLED}, "destroyed its own sandbox after 3.20 s"),
        ({"outcome": Outcome.WALL_TIME, "signal": 9}, "stopped at the time limit after 3.20 s"),
        ({"outcome": Outcome.CPU_TIME, "signal": 9}, "stopped at the CPU time limit after 3.20 s"),
        ({"outcome": Outcome.OUT_OF_MEMORY, "signal": 9}, "out of memory after 3.20 s"),
        ({"outcome": Outcome.OUTPUT_LIMIT, "signal": 9}, "stopped at the output limit after 3.20 s"),
        ({"outcome": Outcome.INTERRUPTED, "exit_code": 130}, "stopped by you after 3.20 s"),
    ],
)
def test_every_ending_has_a_summary(fields, summary):
    assert result(**fields).summary == summary


@pytest.mark.parametrize("outcome", list(Outcome))
def test_only_a_completed_run_is_ok_and_check_raises_for_the_others(outcome):
    run = result(outcome)
    assert run.ok == (outcome is Outcome.COMPLETED)
    if run.ok:
        assert run.check() is run
        return
    with pytest.raises(RunFailed) as caught:
        run.check()
    assert caught.value.result is run
    assert str(caught.value) == run.summary
    assert caught.value._render_traceback_() == [f"sandbox: {run.summary}"]


def test_the_repr_is_one_line_of_figures_and_leaves_out_what_is_not_known():
    known = Usage(wall_seconds=3.2, cpu_seconds=3.1, peak_memory_bytes=12 * MIB)
    assert repr(result(usage=known, stdout="x" * 10_000)) == "<Result: COMPLETED, 3.20 s, CPU 3.10 s, peak 12.0 MiB>"
    assert repr(result(Outcome.FAILED)) == "<Result: FAILED, 3.20 s>"


def test_a_notebook_shows_a_card_and_a_terminal_the_line():
    run = result(stdout="<b>")
    bundle = run._repr_mimebundle_(include=None, exclude=None)
    assert set(bundle) == {"text/html", "text/plain"}
    assert bundle["text/plain"] == repr(run)
    assert "&lt;b&gt;" in bundle["text/html"]


def test_ipython_asks_for_that():
    formatter = pytest.importorskip("IPython.core.formatters").DisplayFormatter()
    run = result()
    assert formatter.format(run) == (run._repr_mimebundle_(), {})


def test_a_result_knows_its_limits_and_draws_itself():
    run = result(limits=Limits(memory_bytes=100 * MIB))
    assert run.limits.memory_bytes == 100 * MIB
    assert result().limits == Limits()
    assert run.plot().svg() == course.svg(run)


def test_a_result_travels_between_processes():
    run = result(Outcome.SIGNALLED, signal=9, stdout="é", isolation=ISOLATION, notes=("a",))
    assert pickle.loads(pickle.dumps(run)) == run


def test_an_error_travels_between_processes_with_its_parts():
    error = pickle.loads(pickle.dumps(SandboxUnavailable("what", seen="seen", remedy="remedy")))
    assert (error.what, error.seen, error.remedy) == ("what", "seen", "remedy")
    assert str(error) == "what\nSeen: seen\nTry: remedy"
    assert isinstance(error, SandboxError)


def test_a_failed_check_travels_between_processes():
    run = result(Outcome.FAILED, exit_code=1)
    assert pickle.loads(pickle.dumps(RunFailed(run))).result == run


ISOLATION = Isolation(
    guards=(
        Guard(name="network", kind="protection", mechanism="network namespace"),
        Guard(name="memory", kind="limit", mechanism="RLIMIT_DATA", strength="per process", remedy="cgroups"),
        Guard(name="cpu-time", kind="limit", mechanism="samples", strength="watched"),
    ),
    shared=("/opt/venv",),
    bwrap="bubblewrap 0.11.0 (/usr/bin/bwrap)",
)


def test_a_guard_is_found_by_its_name():
    assert ISOLATION["memory"].mechanism == "RLIMIT_DATA"
    with pytest.raises(KeyError, match="nothing"):
        ISOLATION["nothing"]


def test_what_the_kernel_does_not_hold_for_the_whole_run_is_called_weaker():
    assert [guard.name for guard in ISOLATION.weaker] == ["memory", "cpu-time"]


def test_isolation_for_a_person_is_a_table_with_the_strength_where_it_is_not_full():
    assert str(ISOLATION).splitlines() == [
        "network   network namespace",
        "memory    RLIMIT_DATA  [per process]",
        "          -> cgroups",
        "cpu-time  samples  [watched]",
    ]
    assert str(Isolation()) == ""
    assert pretty(ISOLATION) == str(ISOLATION)  # as IPython shows a cell's last value


def test_isolation_for_a_program_is_json():
    told = json.loads(json.dumps(ISOLATION.as_dict()))
    assert told["guards"][1] == {
        "name": "memory",
        "kind": "limit",
        "mechanism": "RLIMIT_DATA",
        "strength": "per process",
        "remedy": "cgroups",
        "words": "",
    }
    assert (told["shared"], told["bwrap"]) == (["/opt/venv"], ISOLATION.bwrap)
