"""From facts to the outcome: the table of all ways in which a run can end."""

import pytest

from sandbox_magic import Limits, Outcome
from sandbox_magic.execution.verdict import Report, Verdict, decide, notes
from sandbox_magic.model.outcome import BY_CAUSE
from sandbox_magic.model.units import MIB

SIGINT, SIGKILL, SIGSEGV, SIGXCPU = 2, 9, 11, 24
CORE_DUMPED = 0x80


def exited(code):
    return code << 8


def report(status=0, cause="", *, cpu=0.0, stopped=0, compiling=False):
    return Report(
        status=status, cause=cause, wall_seconds=1.0, cpu_seconds=cpu, largest_bytes=MIB, stopped=stopped,
        compiling=compiling,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (exited(0), Verdict(outcome=Outcome.COMPLETED, exit_code=0)),
        (exited(1), Verdict(outcome=Outcome.FAILED, exit_code=1)),
        (exited(137), Verdict(outcome=Outcome.FAILED, exit_code=137)),  # a shell's word for a signal is no signal
        (exited(255), Verdict(outcome=Outcome.FAILED, exit_code=255)),
        (SIGKILL, Verdict(outcome=Outcome.SIGNALLED, signal=SIGKILL)),
        (SIGSEGV | CORE_DUMPED, Verdict(outcome=Outcome.SIGNALLED, signal=SIGSEGV)),
        (SIGXCPU, Verdict(outcome=Outcome.SIGNALLED, signal=SIGXCPU)),
    ],
)
def test_what_ended_by_itself_is_told_by_its_wait_status(status, expected):
    assert decide(report(status), "", Limits()) == expected
    assert decide(report(status), "deadline", Limits()) == expected  # the host's wish counts only without a report


@pytest.mark.parametrize("cause", BY_CAUSE)
@pytest.mark.parametrize("status", [SIGKILL, exited(0), exited(1), SIGINT])
def test_what_was_stopped_is_told_by_the_cause_and_keeps_its_status(cause, status):
    verdict = decide(report(status, cause), "", Limits())
    assert verdict.outcome is BY_CAUSE[cause]
    assert (verdict.exit_code is None) != (verdict.signal is None)


def test_every_outcome_but_the_codes_own_endings_has_a_cause():
    own = {Outcome.COMPLETED, Outcome.FAILED, Outcome.SIGNALLED}
    assert set(BY_CAUSE.values()) == set(Outcome) - own


def test_an_unknown_cause_is_never_a_success():
    assert decide(report(exited(0), "novel"), "", Limits()).outcome is Outcome.SIGNALLED


@pytest.mark.parametrize(
    ("status", "cpu", "limit", "outcome"),
    [
        (SIGKILL, 2.0, 2.0, Outcome.CPU_TIME),
        (SIGXCPU, 3.1, 2.0, Outcome.CPU_TIME),
        (SIGKILL, 1.9, 2.0, Outcome.SIGNALLED),
        (SIGSEGV, 2.5, 2.0, Outcome.SIGNALLED),
        (SIGKILL, 99.0, None, Outcome.SIGNALLED),
        (exited(1), 2.5, 2.0, Outcome.FAILED),
    ],
)
def test_the_kernels_own_cpu_limit_is_told_from_another_kill_by_the_time_used(status, cpu, limit, outcome):
    assert decide(report(status, cpu=cpu), "", Limits(cpu_seconds=limit)).outcome is outcome


@pytest.mark.parametrize(("host_cause", "outcome"), [*BY_CAUSE.items(), ("", Outcome.SIGNALLED)])
def test_without_a_report_the_hosts_cause_counts_and_nothing_is_known_of_the_exit(host_cause, outcome):
    assert decide(None, host_cause, Limits()) == Verdict(outcome=outcome)


@pytest.mark.parametrize("cause", ["", *BY_CAUSE])
@pytest.mark.parametrize("status", [SIGKILL, exited(0)])
def test_a_kill_by_the_kernel_for_memory_counts_before_all_but_the_callers_interrupt(cause, status):
    expected = Outcome.INTERRUPTED if cause == "interrupt" else Outcome.OUT_OF_MEMORY
    assert decide(report(status, cause), "", Limits(), oom_kills=1).outcome is expected
    assert decide(None, cause, Limits(), oom_kills=1).outcome is expected


def frame(**changes):
    fields = {"word": b"ended", "cause": b"cpu", "status": b"9", "wall": b"1.5", "cpu": b"0.25", "largest": b"4096"}
    return list({**fields, "stopped": b"2", "compiling": b"0", **changes}.values())


def test_a_report_is_read_from_its_frame():
    assert Report.parse(frame()) == Report(
        status=9, cause="cpu", wall_seconds=1.5, cpu_seconds=0.25, largest_bytes=4096, stopped=2
    )


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [b""],
        [b"ended"],
        frame()[:-1],
        [*frame(), b"0"],
        frame(word=b"parked"),
        frame(status=b""),
        frame(status=b"1.0"),
        frame(wall=b"long"),
        frame(cause=b"\xff"),
    ],
)
def test_what_is_no_report_is_refused(fields):
    with pytest.raises(ValueError):
        Report.parse(fields)


LIMITS = Limits(wall_seconds=2.5, cpu_seconds=4, memory_bytes=64 * MIB, output_bytes=2 * MIB)


@pytest.mark.parametrize(
    ("outcome", "note"),
    [
        (Outcome.WALL_TIME, "The code ran for longer than 2.5 s; --timeout allows more."),
        (Outcome.CPU_TIME, "The code used 4 s of CPU time; --cpu-time allows more."),
        (Outcome.OUT_OF_MEMORY, "The code needed more than 64 MiB of memory; --memory allows more."),
        (Outcome.OUTPUT_LIMIT, "The code wrote more than 2 MiB of output; --output-limit allows more."),
    ],
)
def test_a_limit_that_ended_the_run_is_named_with_its_option(outcome, note):
    assert notes(Verdict(outcome=outcome), report(SIGKILL), LIMITS) == (note,)


@pytest.mark.parametrize("outcome", [Outcome.COMPLETED, Outcome.FAILED, Outcome.INTERRUPTED, Outcome.SIGNALLED])
def test_other_endings_need_no_words(outcome):
    assert notes(Verdict(outcome=outcome), report(), LIMITS) == ()


def test_a_destroyed_sandbox_is_called_so():
    (note,) = notes(Verdict(outcome=Outcome.SIGNALLED), None, LIMITS)
    assert "destroyed its own sandbox" in note


@pytest.mark.parametrize(
    ("stopped", "words"), [(1, "1 background process was stopped"), (3, "3 background processes were stopped")]
)
def test_background_processes_are_counted_if_the_code_left_them(stopped, words):
    for outcome in (Outcome.COMPLETED, Outcome.FAILED):
        assert notes(Verdict(outcome=outcome), report(stopped=stopped), LIMITS) == (f"{words} at the end.",)
    assert notes(Verdict(outcome=Outcome.INTERRUPTED), report(stopped=stopped), LIMITS) == ()


def test_a_kill_for_memory_that_was_not_of_the_first_process_is_told_apart():
    (limit, other) = notes(Verdict(outcome=Outcome.OUT_OF_MEMORY, exit_code=0), report(), LIMITS, oom_kills=1)
    assert "64 MiB" in limit
    assert "a process that the code had started" in other
    assert len(notes(Verdict(outcome=Outcome.OUT_OF_MEMORY, signal=SIGKILL), report(), LIMITS, oom_kills=1)) == 1


def test_refused_forks_name_the_limit_whatever_the_outcome():
    (note,) = notes(Verdict(outcome=Outcome.COMPLETED), report(), LIMITS, refused_forks=7)
    assert note == "The code asked for more than 64 processes and threads; --processes allows more."


def test_dropped_output_is_always_told():
    (note,) = notes(Verdict(outcome=Outcome.COMPLETED), report(), LIMITS, dropped=1234567)
    assert note == "1,234,567 bytes of output were dropped from the result; --output-limit keeps more."


def test_of_a_compiler_it_is_said_that_it_was_the_compiler():
    """Its real time is not the code's limit; of what the kernel killed in it nothing else is said."""
    limits = Limits(wall_seconds=1.0, memory_bytes=64 * MIB)
    for outcome, expected in (
        (Outcome.WALL_TIME, "The compiler ran for longer than 1 min; --timeout allows more. The program never began."),
        (Outcome.OUT_OF_MEMORY,
         "The compiler needed more than 64 MiB of memory; --memory allows more. The program never began."),
        (Outcome.FAILED, "It was the compiler that failed; the program never began."),
        (Outcome.SIGNALLED, "It was the compiler that failed; the program never began."),
    ):  # fmt: skip
        verdict = Verdict(outcome=outcome, exit_code=1)
        assert notes(verdict, report(compiling=True), limits, oom_kills=1) == (expected,)
    assert notes(Verdict(outcome=Outcome.FAILED, exit_code=1), report(), limits) == ()


def test_of_a_compiler_it_is_said_also_where_no_report_has_come():
    """PID 1 was late, and the host ended the run: it knows by itself whether the program had begun."""
    limits, verdict = Limits(wall_seconds=1.0), Verdict(outcome=Outcome.WALL_TIME)
    (note,) = notes(verdict, None, limits, compiling=True)
    assert note == "The compiler ran for longer than 1 min; --timeout allows more. The program never began."
    (note,) = notes(verdict, None, limits)
    assert note == "The code ran for longer than 1 s; --timeout allows more."
