"""The programs of a language are found in what a sandbox sees, and nowhere else."""

from itertools import repeat
from pathlib import Path

import pytest

from sandbox_magic.guest import wire
from sandbox_magic.jail.view import places, programs
from sandbox_magic.jail.view.interpreter import Interpreter
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.language_choice import of
from sandbox_magic.model.languages import PYTHON, Language
from sandbox_magic.model.policy import Limits

LIMITS = Limits()


def program(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def inside(tmp_path):
    """A Python environment with a program beside its Python."""
    program(tmp_path / "env/bin/mine2")
    return Interpreter(executable=str(tmp_path / "env/bin/python"), prefixes=(str(tmp_path / "env"),), search=())


def found(name, inside):
    return programs.View(inside, LIMITS).find(name)


def test_python_needs_none(inside):
    assert programs.commands(PYTHON, inside, LIMITS) == ()
    assert programs.packed(PYTHON, inside, LIMITS, file="/sandbox/cell.py") == b""


def test_programs_of_the_system_and_of_the_environment_are_there(inside):
    assert found("sh", inside) == "sh"
    assert found("/bin/sh", inside) == "/bin/sh"
    assert found("mine1|mine2", inside) == "mine2"


def test_what_lies_elsewhere_is_not_there(inside, tmp_path, monkeypatch):
    """Neither on the host's own PATH, nor by its path."""
    outside = program(tmp_path / "other/tool")
    monkeypatch.setenv("PATH", str(outside.parent))
    assert found("tool", inside) is None
    assert found("/proc/self/exe", inside) is None


def test_a_link_is_followed_step_by_step(inside, tmp_path):
    """One that leads out, if only to come back, can't be followed inside."""
    bin_ = tmp_path / "env/bin"
    outside = program(tmp_path / "other/tool")
    (bin_ / "within").symlink_to("mine2")
    (bin_ / "out").symlink_to(outside)
    (outside.parent / "back").symlink_to(bin_ / "mine2")
    (bin_ / "round").symlink_to(outside.parent / "back")
    (bin_ / "loop").symlink_to("loop")
    assert [name for name in ("within", "out", "round", "loop") if found(name, inside)] == ["within"]


def test_what_is_no_program_is_not_taken_for_one(inside, tmp_path):
    (tmp_path / "env/bin/text").write_text("")
    (tmp_path / "env/bin/folder").mkdir()
    assert found("text|folder", inside) is None


def test_a_missing_program_is_named_with_those_that_are_there(inside, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(program(tmp_path / "other/zx").parent))
    own = (Language(name="zx", commands="zx {file}"), Language(name="mine", commands="mine2 {file}"))
    with pytest.raises(PolicyError) as caught:
        programs.commands(own[0], inside, LIMITS, own)
    assert caught.value.what.startswith("there is no zx in the sandbox, so nothing was run; there are mine, python, ")
    assert caught.value.seen == f"{tmp_path}/other/zx, which a sandbox does not see"
    with pytest.raises(PolicyError, match="there is no a, b or c in the sandbox"):
        programs.commands(Language(name="x", commands="a|b|c {file}"), inside, LIMITS)


def test_a_program_that_a_command_starts_by_itself_is_looked_for_too(inside):
    own = (Language(name="zx", commands="sh -c 'zx {file}'", needs=("zx",)),)
    assert "zx" not in programs.available(inside, LIMITS, own)
    with pytest.raises(PolicyError, match="there is no zx in the sandbox, so nothing was run"):
        programs.commands(own[0], inside, LIMITS, own)
    there = Language(name="mine", commands="sh -c 'mine2 {file}'", needs=("mine1|mine2",))
    assert programs.commands(there, inside, LIMITS) == (("sh", "-c", "mine2 /sandbox/cell"),)


def test_a_name_from_the_codes_first_line_can_not_drive_a_terminal(inside):
    language = of(b"#!/nowhere/\x1b]0;x\x07\xe2\x80\xae" + b"y" * 900)
    with pytest.raises(PolicyError) as caught:
        programs.commands(language, inside, LIMITS)
    assert str(caught.value).replace("\n", "").isprintable()


def test_what_the_cell_brings_itself_is_left_to_be_found_inside(inside):
    assert found("./tool", inside) == "./tool"
    assert found("/home/sandbox/tool", inside) == "/home/sandbox/tool"


def test_the_guest_gets_a_frame_for_each_command(inside):
    language = Language(name="mine", suffix=".m", commands=("mine1|mine2 -o {out} {file}", "{out} π"))
    frames = wire.Reader().feed(programs.packed(language, inside, LIMITS, file="/sandbox/cell.m"))
    assert frames == [[b"mine2", b"-o", b"/tmp/cell", b"/sandbox/cell.m"], [b"/tmp/cell", "π".encode()]]


def test_a_program_that_writes_lines_through_another_does_so_where_that_is(inside, tmp_path):
    own = Language(name="own", commands=("sh {file}", "mine2 {file}"), through=("lines1", "-oL"))
    assert programs.commands(own, inside, LIMITS, file="f") == (("sh", "f"), ("mine2", "f"))
    program(tmp_path / "env/bin/lines1")
    assert programs.commands(own, inside, LIMITS, file="f") == (("sh", "f"), ("lines1", "-oL", "mine2", "f"))


def test_what_makes_programs_write_lines_is_there():
    guest = Path(wire.__file__).parent
    for language in map(of, repeat(b""), ("c", "cpp", "ruby")):
        words = [word for words in language.argv("", "", programs.LINES) for word in words]
        (path,) = (word.removeprefix("-r") for word in words if programs.LINES in word)
        assert (guest / path.removeprefix(f"{places.GUEST}/")).is_file()
