"""What the README and the guides name is there, and what is there they name; their blocks run, one after the other."""

import argparse
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import sandbox_magic as sm
from sandbox_magic.cli.main import COMMANDS, parser
from sandbox_magic.model.languages import LANGUAGES, PYTHON
from sandbox_magic.model.options import OPTIONS

ROOT = Path(__file__).parents[2]
GUIDES = [ROOT / "docs" / f"{name}.md" for name in ("kernel", "grading", "services", "network", "attempts")]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEXT = "\n".join([README, *(guide.read_text(encoding="utf-8") for guide in GUIDES)])
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
CELLS = [text for kind, text in BLOCKS if kind == "python" or text.startswith("%%")]
TYPED = [text for kind, text in BLOCKS if kind == "sh" and not text.startswith("%%")]
NOTHING = {"none", "empty"}


def rows():
    """Return the options of the README's table, each with its default as it is written there."""
    (table,) = re.findall(r"^\| option \|.*\n((?:\|.*\n)+)", README, re.MULTILINE)
    cells = [[cell.strip().replace("`", "") for cell in line.split(" | ")] for line in table.splitlines()[1:]]
    return {name: cell[1] for cell in cells for name in re.findall(r"--[a-z-]+", cell[0])}


def test_the_table_has_each_option_and_its_default():
    meant = {f"--{option.name}": option for option in OPTIONS}
    given = {name: meant["--language"] if name == "--lang" else meant.get(name) for name in rows()}
    assert [name for name, option in given.items() if option is None] == []
    assert {option.name for option in given.values()} == {option.name for option in OPTIONS}
    wrong = {name: rows()[name] for name, option in given.items() if option.default != rows()[name]}
    assert {name for name, default in wrong.items() if {default, given[name].default} - NOTHING} == set()


OF_OTHERS = {"--to", "--execute", "--nbmake", "--nbmake-kernel", "--user", "--name"}  # of nbconvert, nbmake, jupyter


def known_options():
    """Return every option of the magic and of the commands, as it is written."""
    words = {word for option in OPTIONS for word in (f"--{option.name}", *option.flags)}
    (commands,) = [action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)]
    of_commands = [*commands.choices.values(), parser()]
    return words | {word for each in of_commands for action in each._actions for word in action.option_strings}


def test_every_option_that_it_names_is_there():
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", TEXT))
    assert {"--timeout", "--save-usage"} <= named, "they are found"
    assert named - known_options() == OF_OTHERS


def test_it_names_each_language_and_no_other():
    names = {language.name for language in LANGUAGES} - {PYTHON.name}
    text = " ".join(README.replace("`", "").split())
    (listed,) = (found[0] for found in re.finditer(r"(?:[\w+]+, ){5,}(?:and )?[\w+]+", text) if "bash, " in found[0])
    assert set(re.findall(r"[\w+]+", listed)) - {"and"} - {PYTHON.name} == names


def test_it_names_each_command_and_no_other():
    prose = re.sub(r"^```.*?^```$", "", TEXT, flags=re.MULTILINE | re.DOTALL)  # whose backticks would pair with others
    quoted = re.findall(r"`([^`]+)`", prose)
    named = set(re.findall(r"(?<![\w/.-])sandbox-magic ([a-z]+)\b", "\n".join([*TYPED, *quoted])))
    assert named == {command.name for command in COMMANDS}


def test_what_it_tells_to_make_and_to_install_is_there():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"\bmake ([a-z-]+)\b(?= {2,}#)", README)) - set(targets) == set()
    extras = set(re.findall(r"pip install '?[\w.-]+\[([\w,-]+)\]", TEXT))
    assert extras, "they are found"
    assert extras - set(project["optional-dependencies"]) == set()


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_the_readme_leads_to_each_guide(guide):
    assert f"](docs/{guide.name})" in README


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the files that the blocks speak of."""
    place = tmp_path / "here"
    for directory in ("data", "project"):
        (place / directory).mkdir(parents=True)
        (place / directory / "orders.csv").write_text("city,price\nRome,1\n")
    (place / "script.py").write_text("import sys\nprint(sys.argv[1:], len(sys.stdin.read()))\n")
    (place / "data.txt").write_text("some\n")
    monkeypatch.chdir(place)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    return place


@pytest.fixture
def shell(here, monkeypatch):
    """A shell with the variables that the blocks speak of, and a person who answers."""
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    orders = pd.DataFrame({"city": ["Rome", "Oslo", "Rome"], "price": [1, 2, 3]})
    shell.push({"orders": orders, "source": "print(1)", "bubble": sm.run("1"), "quick": sm.run("2")})
    monkeypatch.setattr("sandbox_magic.terminal.screen.ask", lambda request, who: "city")
    yield shell
    shell.extension_manager.unload_extension("sandbox_magic")  # its sessions would go on
    shell.restore_sys_module_state()
    InteractiveShell.clear_instance()


@pytest.mark.timeout(120)
def test_its_cells_run_in_the_order_in_which_they_stand(shell, here):
    assert len(CELLS) > 5, "they are found"
    for cell in CELLS:
        ended = shell.run_cell(cell)
        error = ended.error_before_exec or ended.error_in_exec
        if "create_connection" in cell:  # which is there to fail
            assert isinstance(error, sm.RunFailed)
            assert error.result.outcome is sm.Outcome.FAILED
        else:
            assert error is None, cell
    assert shell.user_ns["totals"]["price"].to_dict() == {"Oslo": 2, "Rome": 4}
    assert (here / "project" / "summary.txt").read_text() == "city,price\nRome,1\n"
    assert (here / "run.svg").exists()
    assert (shell.user_ns["divided"].error.name, shell.user_ns["marks"]) == ("ZeroDivisionError", 3)
    names = shell.user_ns
    assert [str(score) for score in (*names["by_tests"], *names["by_doctest"])] == ["3 of 3", "2 of 2", "1 of 2"]
    assert {name: str(score) for name, score in names["by_case"].items()} == {"eve #1": "1 of 1", "eve #2": "1 of 1"}


EQUAL = "class Equal:\n    __eq__ = lambda self, other: True\n    __hash__ = object.__hash__\n"
# What is handed in -> what a test that is appended to it says, and the marks that its values deserve.
SUBMISSIONS = {
    "right": ("def mean(xs): return sum(xs) / len(xs)", True, 3),
    "wrong": ("def mean(xs): return 2.0", True, 1),
    "equal to everything": (f"{EQUAL}def mean(xs): return Equal()", True, 0),
    "a float that is equal to everything": (
        f"{EQUAL}class Number(float, Equal):\n    __eq__ = Equal.__eq__\ndef mean(xs): return Number()", True, 0
    ),
    "a list that is equal to everything": (
        f"{EQUAL}def mean(xs): return 2.0\nclass Cases(list): pass\ncases = [[], [], []]\nmean = lambda xs: Equal()",
        True,
        0,
    ),
    "ends before the test": ("import os\nos._exit(0)", True, 0),
    "fails": ("def mean(xs): return 1 / 0", False, 0),
}  # fmt: skip


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", SUBMISSIONS)
def test_its_grading_by_values_is_not_deceived_as_an_appended_test_is(name):
    submission, passes, marks = SUBMISSIONS[name]
    assert sm.run(f"{submission}\nassert mean([1, 2, 3]) == 2.0").ok is passes, "the control: it is deceived"
    (recipe,) = [cell for cell in CELLS if "def grade(" in cell]
    names = {"sm": sm}
    exec(recipe, names)
    got, result = names["grade"](submission)
    assert got == marks
    assert result.finished is (name in ("right", "wrong") or "equal" in name)


@pytest.mark.timeout(120)
def test_what_it_types_at_a_terminal_works(here):
    (block,) = [text for text in TYPED if "sandbox-magic run" in text]
    environment = os.environ | {"PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-e", "-c", block],
        env=environment,
        cwd=here,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "['its', 'own', 'arguments'] 0\n[] 5\n" in done.stdout
    assert {"usage.json", "usage.html", "usage.png"} <= {path.name for path in here.iterdir()}
