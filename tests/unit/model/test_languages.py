"""Languages: what a cell is written in, and what runs it."""

import pytest

from sandbox_magic.model import languages
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.language_choice import for_suffix, of
from sandbox_magic.model.languages import LANGUAGES, PYTHON, Language, read, table


def test_names_and_suffixes_are_each_one_languages():
    names = [name.casefold() for each in LANGUAGES for name in {each.name.casefold(), *each.aliases}]
    suffixes = [suffix for each in LANGUAGES for suffix in (each.suffix, *each.suffixes)]
    assert len(set(suffixes)) == len(suffixes)
    assert len(set(names)) >= len(names) - 1  # Rscript is R's program and alias


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("bash", "bash"),
        ("Bash", "bash"),
        ("js", "node"),
        ("javascript", "node"),
        ("r", "R"),
        ("c++", "cpp"),
        ("sqlite3", "sqlite"),
        ("shell", "sh"),
        ("python", "python"),
        ("py", "python"),
    ],
)
def test_a_name_or_an_alias_is_found_whatever_its_case(name, meant):
    assert of(b"", name).name == meant


@pytest.mark.parametrize(("name", "remedy"), [("pyhton", "python"), ("rubby", "ruby"), ("cobol-85", "one of python")])
def test_an_unknown_name_is_refused_with_the_nearest_or_all(name, remedy):
    with pytest.raises(PolicyError) as caught:
        of(b"", name)
    assert caught.value.remedy.startswith(remedy)


def test_a_cell_is_python_unless_something_says_otherwise():
    assert of(b"print(1)") is PYTHON
    assert of(b"\n#!/bin/bash\n") is PYTHON  # the kernel reads the very first bytes
    assert of(b"#!\n") is PYTHON
    assert of(b"#! /bin/\0sh\n") is PYTHON
    assert of(b"") is PYTHON


@pytest.mark.parametrize(
    ("line", "command", "suffix"),
    [
        (b"#!/bin/bash", ("/bin/bash", "{file}"), ".bash"),
        (b"#! /bin/sh -eu -x \r\nrest", ("/bin/sh", "-eu -x", "{file}"), ".sh"),  # one argument, as the kernel has it
        (b"#!\t/usr/bin/awk\t-f\n", ("/usr/bin/awk", "-f", "{file}"), ".awk"),
        (b"#!/usr/bin/env node\n", ("node", "{file}"), ".js"),
        (b"#!/usr/bin/env perl -w\n", ("perl", "-w", "{file}"), ".pl"),
        (b"#!/usr/bin/env -S node --stack-size=500 'a b'\n", ("node", "--stack-size=500", "a b", "{file}"), ".js"),
        (b"#!/usr/bin/env -Snode\n", ("node", "{file}"), ".js"),
        (b"#!/usr/bin/env -S A=1 bash\n", ("/usr/bin/env", "A=1", "bash", "{file}"), ""),
        (b"#!/usr/bin/env\n", ("/usr/bin/env", "{file}"), ""),
        (b"#!/usr/bin/tclsh\n", ("/usr/bin/tclsh", "{file}"), ""),
        (b"#!/usr/bin/python2\n", ("/usr/bin/python2", "{file}"), ""),
        (b"#!/opt/\xff/bin/lua5.4\n", ("/opt/\udcff/bin/lua5.4", "{file}"), ".lua"),
    ],
)
def test_a_first_line_picks_the_program_as_the_kernel_would(line, command, suffix):
    language = of(line)
    assert (language.commands, language.suffix) == ((command,), suffix)


@pytest.mark.parametrize(
    "line",
    [b"#!/usr/bin/python3", b"#!/usr/bin/env python3.12 -u", b"#!/opt/x/bin/python", b"#!/usr/bin/env -S python3 -O"],
)
def test_a_first_line_that_says_python_means_the_ordinary_runtime(line):
    assert of(line + b"\nprint(1)") is PYTHON


def test_a_language_that_is_named_wins_over_the_first_line():
    assert of(b"#!/bin/bash\n", "python") is PYTHON
    mine = Language(name="mine", commands="mine {file}")
    assert of(b"#!/bin/bash\n", mine) is mine


def test_the_name_of_a_program_that_the_code_chose_is_printable_and_short():
    name = of("#!/bin/\x1b[31m\u202e".encode() + b"x" * 900).name
    assert name.isprintable()
    assert len(name) <= 60


def test_a_first_line_with_an_open_quotation_is_refused():
    with pytest.raises(PolicyError, match="close the quotation"):
        of(b"#!/usr/bin/env -S node 'x\n")


def test_the_end_of_a_files_name_says_its_language_and_stays():
    assert for_suffix("dir.d/script.PL").name == "perl"
    assert (for_suffix("a.mjs").name, for_suffix("a.mjs").suffix) == ("node", ".mjs")
    assert for_suffix("a.sh").name == "sh"
    assert for_suffix("a.R").name == for_suffix("a.r").name == "R"
    assert for_suffix("script") is None
    assert for_suffix("script.txt") is None
    assert for_suffix("a.zx", table({"zx": {"command": "zx {file}", "suffix": ".zx"}})).name == "zx"


def test_paths_take_their_places_in_the_commands():
    paths = "/sandbox/cell.c", "/tmp/cell", "/lines"
    steps = of(b"", "c").argv(*paths)
    assert steps == (("cc|gcc|clang", "-I.", "-o", "/tmp/cell", paths[0], "/lines.c", "-lm"), ("/tmp/cell",))
    odd = Language(name="odd", commands=(("x", "{print}", "--in={file}"),))
    assert odd.argv(*paths) == (("x", "{print}", "--in=/sandbox/cell.c"),)
    assert PYTHON.argv(*paths) == ()


def test_what_makes_a_program_write_lines_stands_behind_its_name():
    """Of the last command, and of a program that a first line names: before the arguments there."""
    own = Language(name="own", commands=("make {file}", "run -x {file}"), lines=("-l", "{lines}.rb"))
    assert own.argv("f", "o", "/lines") == (("make", "f"), ("run", "-l", "/lines.rb", "-x", "f"))
    perl = of(b"#!/usr/bin/env -S perl -w\n")
    assert perl.argv("f", "o", "/lines") == (("perl", *of(b"", "perl").lines, "-w", "f"),)
    assert of(b"#!/usr/bin/awk -f\n").through == ("stdbuf", "-oL")


def test_what_a_language_needs_is_what_its_commands_start_and_name():
    assert of(b"", "c").programs == ("cc|gcc|clang",)  # what the compiler makes is not looked for
    assert of(b"", "rust").programs == ("rustc", "cc")
    assert of(b"", "go").programs == ("sh", "go")
    assert table({"zx": {"command": "sh -c 'zx {file}'", "needs": ["zx"]}})[0].programs == ("sh", "zx")


def test_a_table_of_the_users_own():
    """Each form gives the same, as a dict or as JSON; a name of ours is replaced."""
    forms = ["zx {file}", ["zx", "{file}"], {"command": "zx {file}"}, {"commands": ["zx {file}"]}]
    assert {table({"zx": form})[0].commands for form in forms} == {(("zx", "{file}"),)}
    own = table('{"zx": {"command": "zx {file}", "suffix": ".mjs", "aliases": ["z"]}, "perl": "perl -w {file}"}')
    assert of(b"", "z", own).suffix == ".mjs"
    assert of(b"", "perl", own).commands == (("perl", "-w", "{file}"),)
    assert [each.name for each in languages.known(own)].count("perl") == 1
    assert table(own) == own


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{", "--languages is not valid JSON"),
        (5, "a int"),
        ({"zx": 5}, "zx is a int"),
        ({"zx": {"comand": "zx {file}"}}, "Try: command"),
        ({"zx": {}}, "needs a command"),
        ({"zx": {"command": "zx {file}", "commands": []}}, "one only"),
        ({"zx": "zx"}, "{file}"),
        ({"zx": "zx '{file}"}, "No closing quotation"),
        ({"zx": ["zx", 5]}, "{file}"),
        ({"zx": {"command": "zx {file}", "suffix": "/../../x"}}, "suffix"),
        ({"zx": {"command": "zx {file}", "suffix": "mjs"}}, "'.mjs'"),
        ({"zx": {"command": "zx {file}", "aliases": 5}}, "aliases"),
        ({"zx": {"command": "zx {file}", "needs": 5}}, "needs"),
        ({"z\nx": "zx {file}"}, "is called"),
        ({"python": "pypy {file}"}, "a name of its own"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_with_what_would(value, said):
    with pytest.raises(PolicyError) as caught:
        table(value)
    assert said in str(caught.value)


def test_the_option_takes_a_name_or_a_language():
    assert read(" bash ") == "bash"
    assert read(PYTHON) is PYTHON
    for wrong in ("", 5, None):
        with pytest.raises(PolicyError):
            read(wrong)
