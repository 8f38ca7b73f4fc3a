"""``sandbox-magic notebook``: a stranger's notebook in, one that only shows out."""

import json
import os
import re
import signal
import subprocess
import sys

import nbformat
import pytest

from sandbox_magic.cli import exit_status, main, notebook_job
from sandbox_magic.model.units import MIB


def cell(source, **rest):
    return nbformat.v4.new_code_cell(source, **rest)


def saved(html):
    return nbformat.v4.new_output("display_data", {"text/html": html})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    return tmp_path


@pytest.fixture
def run(folder):
    """Gives a function that runs the command on cells; it returns the exit status and the notebook that came out."""

    def run(cells, *words, metadata=None):
        notebook = nbformat.v4.new_notebook(
            cells=[cell(each) if isinstance(each, str) else each for each in cells], metadata=metadata or {}
        )
        nbformat.write(notebook, folder / "in.ipynb")
        (folder / "out.ipynb").unlink(missing_ok=True)
        status = main.main(["notebook", "in.ipynb", "-o", "out.ipynb", *words])
        if not (folder / "out.ipynb").exists():
            return status, None
        made = nbformat.read(folder / "out.ipynb", as_version=4)
        nbformat.validate(made)
        return status, made

    return run


def of_ours(made):
    return [each.metadata.get("sandbox_magic", {}) for each in made.cells]


def text(made, number):
    return "".join(output.get("text", "") for output in made.cells[number].outputs)


def test_cells_share_their_state_and_each_says_what_it_cost(run, capsys):
    status, made = run(["x = 20", "print(x + 1)\nx + 2"])
    assert status == 0
    assert text(made, 1) == "21\n"
    assert made.cells[1].outputs[1].data == {"text/plain": "22"}
    assert [each.execution_count for each in made.cells] == [1, 2]
    assert [(own["ok"], own["outcome"]) for own in of_ours(made)] == [(True, "COMPLETED")] * 2
    assert all(0 < own["wall_seconds"] < 30 for own in of_ours(made))
    assert made.metadata.sandbox_magic == {"ended_well": 2, "failed": 0, "not_run": 0, "exit_status": 0}
    told = capsys.readouterr().err
    assert "cell 2 of 2: done" in told
    assert told.endswith("2 ended well\n")


def test_the_sandbox_is_forced_whatever_the_notebook_names(run, folder):
    """The pair: what the cell looks for is there outside."""
    (folder / "secret").write_text("s")
    status, made = run(
        [f"import os\nprint(os.path.exists({str(folder / 'secret')!r}))"],
        metadata={"kernelspec": {"name": "evil", "display_name": "x", "language": "python"}, "widgets": {"a": 1}},
    )
    assert (status, text(made, 0), os.path.exists("secret")) == (0, "False\n", True)
    assert set(made.metadata) == {"kernelspec", "language_info", "sandbox_magic"}
    assert made.metadata.kernelspec.name == "sandbox-python"


def test_it_stops_at_the_cell_that_fails_and_what_was_saved_behind_it_goes(run, capsys):
    behind = cell("print('after')", outputs=[saved("<b>old</b>")])
    status, made = run(["1 / 0", behind])
    assert status == exit_status.CELL_FAILED
    assert made.cells[0].outputs[-1].ename == "ZeroDivisionError"
    assert (made.cells[1].outputs, of_ours(made)[1]) == ([], {"outcome": "NOT_RUN", "ok": False})
    assert "1 failed, 1 not run (a cell failed; --keep-going goes on)" in capsys.readouterr().err


def test_it_goes_on_if_told_and_the_status_is_the_first_failures(run):
    status, made = run(["1 / 0", "print('after')", "while True: pass"], "--keep-going", "--timeout", "5")
    assert status == exit_status.CELL_FAILED
    assert text(made, 1) == "after\n"
    assert [own["outcome"] for own in of_ours(made)] == ["FAILED", "COMPLETED", "WALL_TIME"]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("import os; os._exit(0)", 1),
        ("import sys; sys.exit(0)", 1),
        ("import os; os.kill(os.getpid(), 9)", 137),
        ("while True: pass", 124),
        ("kept = []\nwhile True: kept.append(b'x' * 2**24)", 137),
    ],
)
def test_code_that_ends_its_interpreter_counts_as_failed(run, code, status):
    found, made = run([code, "print('not to be seen')"], "--timeout", "5" if status == 124 else "60")
    assert (found, of_ours(made)[0]["ok"], of_ours(made)[1]["outcome"]) == (status, False, "NOT_RUN")


def test_a_cell_whose_tag_says_that_it_raises_may_but_may_not_end_the_interpreter(run):
    tagged = {"tags": ["raises-exception"]}
    assert run([cell("1 / 0", metadata=tagged), "2"])[0] == 0
    assert run([cell("import os; os._exit(0)", metadata=tagged), "2"])[0] == exit_status.CELL_FAILED


def test_the_whole_is_bounded_too(run, capsys):
    status, made = run(["import time\ntime.sleep(60)", "1"], "--total-timeout", "5", "--timeout", "60", "--keep-going")
    assert status == 124
    assert [own["outcome"] for own in of_ours(made)] == ["WALL_TIME", "NOT_RUN"]
    assert "all cells together have 5 s" in capsys.readouterr().err


ATTACK = "<b>seen</b><script>fetch('/api/kernels')</script><img src=x onerror=1>"


def test_what_was_saved_is_cleaned_and_kept_where_nothing_is_run(run, capsys):
    status, made = run(
        [
            cell("open('/ran', 'w')", outputs=[saved(ATTACK)], execution_count=3),
            nbformat.v4.new_markdown_cell("# T\n" + ATTACK, attachments={"a.svg": {"image/svg+xml": "<svg onload=1>"}}),
            nbformat.v4.new_raw_cell(ATTACK),
        ],
        "--no-run",
    )
    assert status == 0
    code, prose, raw = made.cells
    assert "<b>seen</b>" in code.outputs[0].data["text/html"]
    assert "<b>seen</b>" in prose.source
    for shown in (json.dumps(code.outputs), prose.source, json.dumps(prose)):
        assert not any(active in shown for active in ("script>", "onerror", "onload", "src=x"))
    assert (raw.source, raw.metadata.raw_mimetype) == (ATTACK, "text/plain")
    assert "cell 1 of 3: left out" in capsys.readouterr().err


def test_the_page_has_no_script_and_what_the_notebook_has(run, folder):
    run(
        [nbformat.v4.new_markdown_cell("# Title\n" + ATTACK), "print('<script>out</script>')", "1 / 0"],
        "--html",
        "a.html",
    )
    page = (folder / "a.html").read_text()
    assert "<h1>Title</h1>" in page
    assert "&lt;script&gt;out&lt;/script&gt;" in page
    assert "ZeroDivisionError" in page
    assert "default-src 'none'" in page
    assert not any(active in page for active in ("<script", "onerror", "src=x"))


def test_updates_and_clearing_are_kept_as_a_page_would_show_them(run):
    source = "from IPython.display import clear_output, display\nhandle = display('one', display_id=True)\nprint(1)"
    _, made = run([source + "\nhandle.update('two')", "print(1)\nclear_output(wait=True)\nprint(2)"])
    assert made.cells[0].outputs[0].data["text/plain"] == "'two'"
    assert text(made, 1) == "2\n"


def test_the_limits_of_the_session_hold(run):
    status, made = run(["import resource\nx = bytearray(2**20)", "y = bytearray(2**29)"], "--memory", "128M")
    assert status in (exit_status.CELL_FAILED, 137)
    assert of_ours(made)[1]["ok"] is False
    assert of_ours(made)[1].get("peak_memory_bytes", 0) < 200 * MIB


def test_a_folder_is_given_only_where_it_is_asked_for(run, folder):
    (folder / "data").mkdir()
    (folder / "data" / "a.csv").write_text("1\n")
    look = "import os\nprint(os.path.exists('a.csv'))\nopen('new', 'w').close()"
    assert text(run([look])[1], 0).startswith("False")
    assert text(run([look], "--workspace", "data")[1], 0).startswith("True")
    assert os.listdir("data") == ["a.csv"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["in.ipynb", "-o", "in.ipynb"], "the same file"),
        (["in.ipynb", "-o", "out.ipynb", "--html", "out.ipynb"], "the same file"),
        (["no.ipynb", "-o", "out.ipynb"], "can't be read"),
        (["bad.ipynb", "-o", "out.ipynb"], "is not JSON"),
        (["in.ipynb", "-o", "no/out.ipynb"], "can't be written"),
        (["in.ipynb", "-o", "out.ipynb", "--memory", "lots"], "option memory"),
        (["in.ipynb", "-o", "out.ipynb", "--total-timeout", "soon"], "option total-timeout"),
        (["in.ipynb", "-o", "out.ipynb", "--save", "a"], "option save"),
        (["in.ipynb", "-o", "out.ipynb", "--bg"], "there is no option --bg"),
        (["r.ipynb", "-o", "out.ipynb"], "a notebook of R"),
    ],
)
def test_bad_input_is_said_before_anything_runs(folder, capsys, words, told):
    nbformat.write(nbformat.v4.new_notebook(cells=[cell("1")]), folder / "in.ipynb")
    of_r = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}})
    nbformat.write(of_r, folder / "r.ipynb")
    (folder / "bad.ipynb").write_text("{")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert main.main(["notebook", *words]) == exit_status.USAGE
    assert told in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_where_no_sandbox_starts_nothing_is_written(run, folder, monkeypatch, capsys):
    program = folder / "bin" / "bwrap"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'bwrap: Creating new namespace failed: No space left on device' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    assert run(["print('ran')"]) == (exit_status.REFUSED, None)
    assert "is used up" in capsys.readouterr().err


def test_ctrl_c_in_the_moment_before_a_cell_runs_stops_it_too(folder, monkeypatch):
    nbformat.write(nbformat.v4.new_notebook(cells=[cell("print('first')"), cell("print('ran')")]), folder / "in.ipynb")
    plain = notebook_job.KernelView

    def view(publish, ask, count):
        if count == 2:
            signal.raise_signal(signal.SIGINT)
        return plain(publish, ask, count)

    monkeypatch.setattr(notebook_job, "KernelView", view)
    monkeypatch.chdir(folder)
    words = ["notebook", "in.ipynb", "-o", "out.ipynb", "--keep-going", "--timeout", "60"]
    assert main.main(words) == exit_status.INTERRUPTED
    first, second = nbformat.read(folder / "out.ipynb", as_version=4).cells
    assert first.outputs[0].text == "first\n"
    assert not [output for output in second.outputs if output.output_type == "stream"]


def test_ctrl_c_stops_the_notebook_and_writes_what_there_is(folder):
    source = "import time\nprint('up', flush=True)\ntime.sleep(60)"
    nbformat.write(
        nbformat.v4.new_notebook(cells=[cell("print('first')"), cell(source), cell("3")]), folder / "in.ipynb"
    )
    command = [sys.executable, "-P", "-m", "sandbox_magic", "notebook", "in.ipynb", "-o", "out.ipynb", "--keep-going"]
    command += ["--timeout", "60"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder)
    try:
        assert "cell 1 of 3" in process.stderr.readline()
        process.send_signal(2)
        told = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert process.returncode == exit_status.INTERRUPTED
    assert re.search(r"1 ended well, (?:1 failed, 1|2) not run \(you stopped it\)", told), told
    made = nbformat.read(folder / "out.ipynb", as_version=4)
    assert made.cells[0].outputs[0].text == "first\n"
