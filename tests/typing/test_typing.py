"""What type checkers tell a stranger who uses the package: mypy, and the checker of most editors."""

import json
import os
import re
import shutil
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import sandbox_magic as sm
from sandbox_magic.model.options import OPTIONS

HERE = Path(__file__).parent
KEYWORDS = [keyword for option in OPTIONS if option.scope != "show" for keyword in option.keywords]

# Of each option values of every type that it takes, and values of some that it does not, as they are written in Python.
RIGHT = {
    "timeout": ["5", "0.5", "'2m'", "None"],
    "cpu_time": ["5", "0.5", "'500ms'", "None"],
    "memory": ["2**28", "1e9", "'256M'"],
    "processes": ["8", "'8'"],
    "cpus": ["1", "1.5", "'1.5'", "None"],
    "disk": ["2**28", "1e9", "'256M'"],
    "open_files": ["64", "'64'"],
    "output_limit": ["2**20", "1e6", "'1M'"],
    "on_output_limit": ["'cut'", "'stop'"],
    "python": ["'system'", "Path('/usr/bin/python3')"],
    "strict": ["True"],
    "trace": ["True"],
    "bind": ["'/a'", "Path('/a')", "MOUNT", "['/a:b', Path('/c'), MOUNT]", "(MOUNT,)", "iter([MOUNT])"],
    "workspace": ["'/a'", "Path('/a')"],
    "save": ["'*.png'", "Path('a.png')", "['*.png', Path('b')]", "iter(['a'])"],
    "preload": ["'numpy'", "['numpy', 'pandas']", "iter(['json'])"],
    "net": ["'a.test'", "['a.test', 'b.test:80']", "('pypi',)", "iter(['a.test'])"],
    "net_bytes": ["2**28", "1e9", "'256M'"],
    "packages": ["'polars'", "['polars==1.*', 'httpx']", "('a',)", "iter(['a'])"],
    "warm": ["True", "False", "'at load'"],
    "language": ["'bash'", "LANGUAGE"],
    "lang": ["'bash'", "LANGUAGE"],
    "languages": ['\'{"zx": "zx {file}"}\'', "{'zx': {'command': 'zx {file}'}}", "{'zx': 'zx {file}'}", "(LANGUAGE,)"],
    "stdin": ["'text'", "b'bytes'"],
    "args": ["'a b'", "['a', 'b']", "('a',)", "iter(['a'])"],
    "inputs": ["{'x': 1}", "MappingProxyType({'x': 1})"],
    "input": ["{'x': 1}", "MappingProxyType({'x': 1})"],
    "outputs": ["'total'", "['total']", "('a', 'b')", "iter(['a'])"],
    "output": ["'total'", "['total']", "('a', 'b')", "iter(['a'])"],
}
WRONG = {
    "timeout": ["[5]", "b'5'"],
    "cpu_time": ["{}"],
    "memory": ["None", "b'1M'"],
    "processes": ["None", "[8]"],
    "cpus": ["[1]"],
    "disk": ["None"],
    "open_files": ["None"],
    "output_limit": ["None"],
    "on_output_limit": ["'burn'"],
    "python": ["5"],
    "strict": ["None", "1"],
    "trace": ["None", "1"],
    "bind": ["5", "[5]", "None"],
    "workspace": ["5", "None"],
    "save": ["5", "[5]"],
    "preload": ["5", "[5]"],
    "net": ["5", "[5]", "None"],
    "net_bytes": ["None"],
    "packages": ["5", "[5]", "None"],
    "warm": ["None", "5"],
    "language": ["None", "5"],
    "lang": ["None", "5"],
    "languages": ["5", "[LANGUAGE]"],
    "stdin": ["5", "None"],
    "args": ["5", "[1]"],
    "inputs": ["['x']", "'x'"],
    "input": ["['x']", "'x'"],
    "outputs": ["5", "[5]"],
    "output": ["5", "[5]"],
}
HEAD = """from pathlib import Path
from types import MappingProxyType

import sandbox_magic as sm

MOUNT = sm.Mount(source="/etc/hosts", name="hosts")
LANGUAGE = sm.Language(name="zx", commands=(("zx", "{file}"),))
"""


def values(table):
    return [(keyword, value) for keyword, examples in table.items() for value in examples]


def started(keyword, value):
    """Return a run with this option, which nobody has asked for an event: nothing is started."""
    names = {}
    exec(HEAD, names)
    return sm.stream("x", **{keyword: eval(value, names)})


def test_the_options_that_a_checker_knows_are_those_of_the_table():
    assert set(typing.get_type_hints(sm.Options)) == set(KEYWORDS)
    assert set(typing.get_type_hints(sm.ManyOptions)) == set(KEYWORDS) - {"input", "inputs", "stdin"}
    assert list(RIGHT) == list(WRONG) == KEYWORDS, "each has its examples"


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_each_type_that_an_option_takes_has_an_example(keyword):
    """So that a type that is added to one side is missed on the other."""
    kind = typing.get_type_hints(sm.Options)[keyword]
    assert len(RIGHT[keyword]) >= len(typing.get_args(kind) or [kind])


@pytest.mark.parametrize(("keyword", "value"), values(RIGHT))
def test_what_a_checker_accepts_is_accepted(keyword, value):
    started(keyword, value).close()


@pytest.mark.parametrize(("keyword", "value"), values(WRONG))
def test_what_a_checker_refuses_is_refused_before_anything_runs(keyword, value):
    with pytest.raises(sm.PolicyError):
        started(keyword, value)


def test_a_text_that_no_type_can_tell_from_a_time_is_refused_before_anything_runs():
    with pytest.raises(sm.PolicyError, match="option timeout: 'banana' is not a time"):
        sm.run("x", timeout="banana")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A stranger's own project: the lines beside this file, and one line for each example."""
    place = tmp_path_factory.mktemp("project")
    shutil.copy(HERE / "stranger.py", place)
    right = [f'sm.run("x", {keyword}={value})\n' for keyword, value in values(RIGHT)]
    wrong = [f'sm.run("x", {keyword}={value})  # wrong: any, any\n' for keyword, value in values(WRONG)]
    (place / "examples.py").write_text("".join([HEAD, *right, *wrong]), encoding="utf-8")
    (place / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}', encoding="utf-8")
    return place


def marked(path, checker):
    """Return the lines that are marked as wrong, each with what a checker calls it."""
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if match := re.search(r"# wrong: ([\w-]+), (\w+)$", line):
            found[number] = match[checker]
    return found


def run(place, *arguments, **environment):
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])  # pyright looks for a python there
    command = [sys.executable, "-P", "-m", *map(str, arguments)]
    environment = os.environ | {"PATH": path} | environment
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=170, check=False)


@pytest.fixture(scope="module")
def mypy(project):
    """What mypy says: for each file the lines, each with the kinds of error."""
    cache = HERE.parents[1] / ".cache" / "mypy-stranger"
    done = run(project, "mypy", "--strict", "--no-error-summary", "--hide-error-context", "--cache-dir", cache, ".")
    assert done.stderr == ""
    found = {}
    for name, line, code in re.findall(r"^(\w+)\.py:(\d+): error: .*\[([\w-]+)\]$", done.stdout, re.MULTILINE):
        found.setdefault(name, {}).setdefault(int(line), set()).add(code)
    return found


@pytest.fixture(scope="module")
def pyright(project):
    """What pyright says, in its strict mode; what is unknown behind an error is its consequence."""
    done = run(project, "basedpyright", "--outputjson", "--pythonpath", sys.executable)
    found = {}
    for each in json.loads(done.stdout)["generalDiagnostics"]:
        if each["severity"] == "error" and not each["rule"].startswith("reportUnknown"):
            name, line = Path(each["file"]).stem, each["range"]["start"]["line"] + 1
            found.setdefault(name, {}).setdefault(line, set()).add(each["rule"])
    return found


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("checker", "group"), [("mypy", 1), ("pyright", 2)])
def test_a_checker_finds_what_is_wrong_in_a_strangers_lines_and_nothing_else(request, project, checker, group):
    found = request.getfixturevalue(checker)["stranger"]
    assert found == {line: {code} for line, code in marked(project / "stranger.py", group).items()}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_checker_accepts_of_each_option_what_the_table_accepts(request, project, checker):
    found = request.getfixturevalue(checker)["examples"]
    lines = (project / "examples.py").read_text(encoding="utf-8").splitlines()
    wrong = [lines[line - 1] for line in marked(project / "examples.py", 1)]
    assert [lines[line - 1] for line in sorted(found)] == wrong


@pytest.mark.timeout(180)
def test_every_name_of_the_package_has_a_type(tmp_path):
    """So that nothing a stranger is handed is unknown to their checker. What others leave out is not counted, and an
    adapter inherits from what is not here."""
    shutil.copytree(
        Path(sm.__file__).parent, tmp_path / "sandbox_magic", ignore=shutil.ignore_patterns("__pycache__", "adapters")
    )
    command = ("basedpyright", "--ignoreexternal", "--outputjson", "--verifytypes", "sandbox_magic")
    told = json.loads(run(tmp_path, *command, PYTHONPATH=str(tmp_path)).stdout)["typeCompleteness"]
    unknown = [each["name"] for each in told["symbols"] if each["isExported"] and not each["isTypeKnown"]]
    assert unknown == []
    assert told["completenessScore"] == 1
    assert told["missingFunctionDocStringCount"] == told["missingClassDocStringCount"] == 0
