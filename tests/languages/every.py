"""Every language really runs in a sandbox. For `make test-languages`, where all of them are installed."""

from __future__ import annotations

import functools
import socket
import subprocess
import sys

import pytest
from cells import CELLS

import sandbox_magic as sm
from sandbox_magic import Outcome
from sandbox_magic.jail.view import interpreter, programs
from sandbox_magic.model.language_choice import of
from sandbox_magic.model.languages import LANGUAGES
from sandbox_magic.model.policy import Limits

INPUT = "données ✓\n"
PATIENCE = 80  # seconds: Go compiles its library with every cell, and this machine may have more to do
every = pytest.mark.parametrize("language", CELLS)


def prints(language):
    return "漢字 π\n" + INPUT * CELLS[language].reads


@functools.cache
def seconds_of_a_run(language):
    """How long a program that ends takes here, with its compiler."""
    return sm.run(CELLS[language].tour, language=language, timeout=PATIENCE).usage.wall_seconds


def test_all_that_are_promised_are_there():
    assert {*CELLS, "python"} == {language.name for language in LANGUAGES}
    assert {*CELLS, "python"} == set(programs.available(interpreter.choose("kernel"), Limits()))


@every
def test_text_input_library_file_out_and_error(language, tmp_path, monkeypatch):
    """With the default limits, but for time; the error is the language's own, about the line of the cell."""
    monkeypatch.chdir(tmp_path)
    cell = CELLS[language]
    result = sm.run(cell.tour, language=language, stdin=INPUT, save=["out.txt"], timeout=PATIENCE)
    assert cell.says in result.stderr
    assert result.stdout == prints(language)
    assert (tmp_path / "out.txt").read_text() == "saved π\n"
    ended = (Outcome.SIGNALLED, -cell.status) if cell.status < 0 else (Outcome.FAILED, None)
    assert (result.outcome, result.signal) == ended
    assert result.exit_code == (cell.status if cell.status > 0 else None)
    assert not [note for note in result.notes if "out.txt" not in note]


@every
@pytest.mark.timeout(3 * PATIENCE)
def test_an_endless_loop_is_ended_by_the_time_limit(language):
    limit = 2 * seconds_of_a_run(language) + 1
    result = sm.run(CELLS[language].loop, language=language, timeout=limit)
    assert (result.outcome, result.stdout, result.stderr) == (Outcome.WALL_TIME, "started\n", "")
    assert limit <= result.usage.wall_seconds < limit + 1


@pytest.mark.parametrize("language", [name for name, cell in CELLS.items() if cell.connect])
def test_there_is_no_network(language):
    """A server of the host's hears nothing from inside; the host reaches it. The hint says that there is none."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        socket.create_connection(("127.0.0.1", port)).close()
        server.accept()[0].close()
        result = sm.run(CELLS[language].connect.replace("PORT", str(port)), language=language, timeout=PATIENCE)
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert result.outcome is Outcome.FAILED, result.stderr
    assert [note for note in result.notes if "has no network" in note], result.stderr


@pytest.mark.parametrize("language", [name for name, cell in CELLS.items() if cell.opens])
def test_a_file_of_the_hosts_is_not_there_and_the_hint_says_how_to_show_it(language, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)
    (tmp_path / "data.csv").write_text("")
    result = sm.run(CELLS[language].opens, language=language, timeout=PATIENCE)
    assert result.outcome is Outcome.FAILED
    assert "--bind data.csv shows it there" in "".join(result.notes), result.stderr


@pytest.mark.parametrize("language", [name for name, cell in CELLS.items() if cell.first_line])
def test_a_first_line_picks_the_language(language):
    """It counts as a line of the cell."""
    cell = CELLS[language]
    source = f"{cell.first_line}\n{cell.tour}"
    result = sm.run(source, stdin=INPUT)
    digit = next((part for part in (":4", " 4") if part in cell.says), "")
    assert cell.says.replace(digit, digit.replace("4", "5")) in result.stderr.replace("cell:", "cell.")
    assert result.stdout == prints(language)
    assert of(source.encode()).suffix == of(b"", language).suffix


@every
def test_on_the_command_line(language, tmp_path):
    """The suffix says what it is; what it prints and its exit status come through, as from the program itself."""
    cell = CELLS[language]
    file = tmp_path / f"script{of(b'', language).suffix}"
    file.write_text(cell.tour)
    command = [sys.executable, "-P", "-m", "sandbox_magic", "run", "--quiet", "--timeout", str(PATIENCE), str(file)]
    done = subprocess.run(command, input=INPUT, capture_output=True, text=True, check=False)
    assert done.stdout == prints(language)
    assert cell.says.replace("/sandbox/cell", "/home/sandbox/script") in done.stderr  # by its own name
    assert done.returncode == (cell.status if cell.status > 0 else 128 - cell.status)


def test_go_compiles_within_half_of_the_default_processes():
    """By itself it would start a compiler of many threads for each processor; here it doesn't depend on these."""
    result = sm.run(CELLS["go"].tour, language="go", processes=32, timeout=PATIENCE)
    assert CELLS["go"].says in result.stderr


def test_a_large_go_program_is_told_which_option_lets_it_compile():
    """Where Go compiles its library with the cell; one that comes with it compiled has room enough."""
    source = 'package main\nimport ("fmt"; "net/http")\nfunc main() { fmt.Println(http.StatusOK) }'
    small = sm.run(source, language="go", timeout=PATIENCE, disk="16M")
    assert small.outcome is Outcome.COMPLETED or any("--disk allows more" in note for note in small.notes)
    assert sm.run(source, language="go", timeout=PATIENCE, disk="256M").stdout == "200\n"
