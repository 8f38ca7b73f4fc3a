"""The one line of words about a run."""

from sandbox_magic import Limits, Outcome, Result, Sample, Timeline, Usage
from sandbox_magic.model import summary
from sandbox_magic.model.units import MIB


def test_a_running_line_says_each_figure_with_its_limit():
    sample = Sample(seconds=3.21, cpu_percent=98.0, cpu_seconds=3.4, memory_bytes=271 * MIB, processes=3)
    line = summary.live(sample, Limits())
    assert str(line) == "running · 3.2 s of 30 s · CPU 98 %, 3.4 s · memory 271 of 512 MiB · 3 processes"
    assert line.icon == "running"


def test_before_the_first_sample_there_is_the_state_alone():
    assert str(summary.live(None, Limits(), state="parked")) == "parked"


def test_what_could_not_be_read_is_called_unknown():
    line = str(summary.live(Sample(seconds=1), Limits()))
    assert line == "running · 1.0 s of 30 s · CPU unknown · memory unknown · processes unknown"


def test_a_limit_that_is_not_set_is_not_written():
    sample = Sample(seconds=75, cpu_percent=0, cpu_seconds=0.1, memory_bytes=5 * MIB, processes=1)
    limits = Limits(wall_seconds=None, cpu_seconds=90)
    assert str(summary.live(sample, limits)) == (
        "running · 1 min 15 s · CPU 0 %, 0.1 s of 1 min 30 s · memory 5.0 of 512 MiB · 1 process"
    )


def result(outcome, *, exit_code=None, signal=None, **usage):
    usage = {"wall_seconds": 3.2, "cpu_seconds": 3.1, "peak_memory_bytes": 512 * MIB, **usage}
    return Result(outcome=outcome, exit_code=exit_code, signal=signal, usage=Usage(**usage))


def test_an_ended_line_names_the_limit():
    line = summary.ended(result(Outcome.OUT_OF_MEMORY))
    assert str(line) == ("out of memory · ended after 3.20 s · CPU time 3.10 s · peak memory 512 MiB, the limit")
    assert line.icon == "failed"


def test_a_run_that_went_well_asks_for_nothing():
    done = result(Outcome.COMPLETED, exit_code=0, peak_memory_bytes=40 * MIB, peak_processes=3)
    assert (
        str(summary.ended(done))
        == "done · took 3.20 s · CPU time 3.10 s · peak memory 40.0 of 512 MiB · up to 3 processes"
    )


def test_what_is_not_known_is_left_out_at_the_end():
    unknown = result(Outcome.FAILED, exit_code=1, cpu_seconds=None, peak_memory_bytes=None)
    assert str(summary.ended(unknown)) == "failed (exit status 1) · ended after 3.20 s"


def test_a_sum_of_processes_may_pass_a_limit_that_holds_for_each():
    line = str(summary.ended(result(Outcome.COMPLETED, peak_memory_bytes=900 * MIB)))
    assert "peak memory 900 MiB, limit 512 MiB" in line


def test_the_description_tells_the_course_of_the_curves():
    samples = tuple(Sample(seconds=n, cpu_percent=50.0 * n, memory_bytes=n * MIB) for n in (1, 2, 3))
    ended = Result(outcome=Outcome.COMPLETED, usage=Usage(wall_seconds=3.2), timeline=Timeline(samples))
    assert summary.described(ended) == (
        "Sandbox run: done · took 3.20 s. CPU: at most 150 % of one core. "
        "Memory: from 1.0 MiB to 3.0 MiB, at most 3.0 MiB, limit 512 MiB."
    )


def test_paused_time_is_said_where_there_was_any():
    assert "paused for 12.0 s" in summary.ended(result(Outcome.COMPLETED, paused_seconds=12)).figures


def test_samples_alone_have_a_line_without_a_state():
    samples = (Sample(seconds=3.2, cpu_seconds=3.1, memory_bytes=271 * MIB, processes=3),)
    assert (
        str(summary.watched(Timeline(samples))) == "3.20 s · CPU time 3.10 s · peak memory 271 MiB · up to 3 processes"
    )
    limited = Timeline(samples, memory_limit_bytes=512 * MIB)
    assert "peak memory 271 of 512 MiB" in summary.watched(limited).figures
    assert str(summary.watched(Timeline())) == "no samples"


def test_text_for_a_picture_has_no_controls_and_is_cut():
    assert summary.printable("a\x00\x1bb\u202e\n\ud800c", 10) == "abc"
    assert summary.printable("x" * 11, 10) == "x" * 9 + "…"
