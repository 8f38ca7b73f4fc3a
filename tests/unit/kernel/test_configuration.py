"""Where the kernel's policy comes from, and what a notebook may change of it."""

import pytest
from traitlets.config import Config

from sandbox_magic.kernel import configuration
from sandbox_magic.kernel.configuration import VARIABLE, SandboxKernel, read_policy, take_options, tightened
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.policy import Policy
from sandbox_magic.model.units import MIB


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)


def test_without_any_it_is_the_tables_defaults_and_the_notebooks_folder(tmp_path):
    assert read_policy({}, {}) == Policy(workspace=str(tmp_path))


def test_a_configuration_file_the_environment_and_the_command_line_each_go_before_the_one_before(monkeypatch):
    own = SandboxKernel(config=Config(SandboxKernel={"memory": "1G", "timeout": 7, "processes": 9})).configured()
    monkeypatch.setenv(VARIABLE, "--timeout 8 --processes 10")
    rest, given = take_options(["-f", "connection.json", "--processes", "11", "--debug"])
    limits = read_policy(own, given()).limits
    assert (limits.memory_bytes, limits.wall_seconds, limits.processes) == (1024 * MIB, 8.0, 11)
    assert rest == ["-f", "connection.json", "--debug"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("--memory lots", "option memory"),
        ("--memry 1G", "there is no option --memry"),
        ("--bg", "there is no option --bg"),
        ("--save '*.png'", "option save"),
        ("--timeout '", "can't be read"),
        ("--network", "a sandbox has no network"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(monkeypatch, text, told):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(PolicyError, match=told):
        read_policy({}, {})


def test_a_wrong_command_line_is_an_error_of_the_first_cell_and_not_of_the_start():
    rest, given = take_options(["-f", "connection.json", "--memory"])
    assert rest == ["-f", "connection.json"]
    with pytest.raises(PolicyError, match="--memory"):
        given()


@pytest.mark.parametrize("home", ["here", "below"])
def test_a_folder_that_is_a_home_or_holds_one_is_not_shown(tmp_path, monkeypatch, home):
    monkeypatch.setenv("HOME", str(tmp_path if home == "here" else tmp_path / "me"))
    assert configuration.usual_workspace() == ""
    monkeypatch.setenv("HOME", str(tmp_path.parent / "another"))
    assert configuration.usual_workspace() == str(tmp_path), "the control"


def test_a_folder_is_not_shown_where_the_options_say_so(monkeypatch):
    monkeypatch.setenv(VARIABLE, "--workspace none")
    assert read_policy({}, {}).workspace == ""


def test_a_notebook_may_tighten_each_limit():
    words = "--timeout 5 --cpu-time 3 --memory 64M --processes 8 --cpus 1 --disk 8M --open-files 64 --output-limit 1K"
    limits = tightened(Policy(), [*words.split(), "--on-output-limit", "stop"]).limits
    assert (limits.wall_seconds, limits.cpu_seconds, limits.memory_bytes) == (5.0, 3.0, 64 * MIB)
    assert (limits.processes, limits.cpus, limits.disk_bytes) == (8, 1.0, 8 * MIB)
    assert (limits.open_files, limits.output_bytes, limits.on_output_limit) == (64, 1024, "stop")


@pytest.mark.parametrize(
    "words", ["--timeout 31", "--timeout none", "--memory 1G", "--processes 65", "--disk 65M", "--output-limit 2M"]
)
def test_a_notebook_can_loosen_none(words):
    with pytest.raises(PolicyError, match="can be tightened by a notebook, not loosened"):
        tightened(Policy(), words.split())


def test_nor_take_back_what_it_tightened():
    policy = tightened(Policy(), ["--cpu-time", "3", "--on-output-limit", "stop"])
    for words in (["--cpu-time", "none"], ["--cpu-time", "4"], ["--on-output-limit", "cut"]):
        with pytest.raises(PolicyError, match="not loosened"):
            tightened(policy, words)
    assert tightened(policy, ["--cpu-time", "3"]) == policy


@pytest.mark.parametrize("words", ["--bind /etc", "--workspace /", "--python /bin/python3", "--strict", "5"])
def test_a_notebook_can_ask_for_nothing_but_limits(words):
    with pytest.raises(PolicyError):
        tightened(Policy(), words.split())
