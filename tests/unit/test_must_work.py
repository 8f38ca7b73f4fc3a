"""SANDBOX_MUST_WORK=1 turns what did not run into a failure."""

from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

SKIPS = """
    import pytest

    @pytest.fixture
    def absent():
        pytest.skip("no bwrap in the fixture")

    def test_by_call():
        pytest.skip("no bwrap in the test")

    @pytest.mark.skipif(True, reason="no bwrap at the mark")
    def test_by_mark():
        raise AssertionError

    def test_by_fixture(absent):
        raise AssertionError

    @pytest.mark.xfail(reason="known", strict=True)
    def test_expected_to_fail():
        raise AssertionError

    def test_that_runs():
        pass
"""


@pytest.fixture
def small_suite(pytester, monkeypatch):
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))
    monkeypatch.delenv("SANDBOX_MUST_WORK", raising=False)
    return pytester


def test_a_skip_is_a_skip_without_it(small_suite):
    """The control: the same suite, the variable not set."""
    small_suite.makepyfile(SKIPS)
    small_suite.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=1, skipped=3, xfailed=1)


def test_every_kind_of_skip_fails_under_it(small_suite, monkeypatch):
    small_suite.makepyfile(SKIPS)
    monkeypatch.setenv("SANDBOX_MUST_WORK", "1")
    result = small_suite.runpytest("-p", "no:cacheprovider")
    counted = result.parseoutcomes()
    assert (counted.pop("failed") + counted.pop("errors", 0), counted) == (3, {"passed": 1, "xfailed": 1})
    result.stdout.fnmatch_lines_random(
        [
            "*did not run.*no bwrap in the fixture*",
            "*did not run.*no bwrap in the test*",
            "*did not run.*no bwrap at the mark*",
        ]
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_whole_file_that_skips_itself_fails_under_it(small_suite, monkeypatch):
    small_suite.makepyfile("import pytest; pytest.importorskip('no_such_module')")
    monkeypatch.setenv("SANDBOX_MUST_WORK", "1")
    result = small_suite.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*did not run.*no_such_module*"])
