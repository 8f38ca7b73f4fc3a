"""Where the code's file stands: what looks beside it finds what it would find outside, and nothing else is seen."""

from __future__ import annotations

import textwrap

import pytest

import sandbox_magic as sm

BESIDE = {
    "python": "from pathlib import Path\nprint((Path(__file__).resolve().parent / 'data.txt').read_text())",
    "bash": 'cd /; cat "$(dirname "$0")/data.txt"; echo',
    "sh": 'cd /; cat "${0%/*}/data.txt"; echo',
    "perl": "use FindBin; chdir '/'; open(my $f, '<', \"$FindBin::Bin/data.txt\"); print <$f>, \"\\n\"",
    "node": "process.chdir('/'); console.log(require('fs').readFileSync(__dirname + '/data.txt', 'utf8'))",
    "c": '#include <stdio.h>\nint main(void) { puts(\n#include "data.txt"\n); }',
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    tmp_path.chmod(0o755)
    (tmp_path / "data.txt").write_text('"seven"')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("how", ["bind", "workspace"])
@pytest.mark.parametrize("language", BESIDE)
def test_code_finds_what_lies_beside_it(here, language, how):
    given = {"bind": "data.txt"} if how == "bind" else {"workspace": here}
    result = sm.run(BESIDE[language], language=language, **given)
    assert result.stdout.strip().strip('"') == "seven", (result.stderr, result.notes)
    assert not result.changes


def test_node_requires_what_lies_beside_it(here):
    (here / "shop.json").write_text('{"name": "corner"}')
    (here / "price.js").write_text("module.exports = n => 2 * n;\n")
    (here / "node_modules" / "pet").mkdir(parents=True)
    (here / "node_modules" / "pet" / "index.js").write_text("exports.sound = 'meow';\n")
    code = "const shop = require('./shop.json'), price = require('./price.js'), pet = require('pet')\n"
    code += "console.log(shop.name, price(20), pet.sound)"
    result = sm.run(code, language="node", bind=["shop.json", "price.js", "node_modules"])
    assert result.stdout == "corner 40 meow\n", result.stderr


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("python", "import os; print(os.listdir('.'))"),
        ("node", "const fs = require('fs'), { join } = require('node:path')\nconsole.log(fs.readdirSync('.'))"),
        ("bash", "echo [$(ls -A)]"),
    ],
)
def test_code_that_does_not_look_beside_itself_is_not_seen(language, code):
    assert sm.run(code, language=language).stdout == "[]\n"


def test_a_file_keeps_its_name(here):
    """In what argparse says, in a traceback, and for whoever reads it."""
    source = """
    import argparse, sys
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int)
    parser.parse_args(sys.argv[1:])
    print(open(sys.argv[0]).read() == open(__file__).read(), sys.path[0], __file__)
    1 / 0
    """
    script = here / "greet with space.py"
    script.write_text(textwrap.dedent(source))
    result = sm.run(script)
    assert result.stdout == "True /home/sandbox /home/sandbox/greet with space.py\n"
    assert '  File "/home/sandbox/greet with space.py", line 7, in <module>\n' in result.stderr
    assert "greet with space.py: error: argument --times" in sm.run(script, args=["--times", "x"]).stderr


@pytest.mark.parametrize("name", ["inputs", "workspace", "lib", "layer", "cell.py"])
def test_a_file_may_have_any_name(here, name):
    (here / name).write_text("print(__file__, x)")
    assert sm.run(here / name, inputs={"x": 1}).stdout == f"/home/sandbox/{name} 1\n"


def test_a_file_of_a_workspace_runs_where_it_lies(here):
    """With what lies beside it to import, while the working directory is the workspace."""
    (here / "work").mkdir()
    (here / "work" / "helper.py").write_text("value = 42")
    (here / "work" / "main.py").write_text("import helper, os; print(helper.value, sorted(os.listdir()), __file__)")
    result = sm.run(here / "work" / "main.py", workspace=here)
    assert result.stdout == "42 ['data.txt', 'work'] /home/sandbox/workspace/work/main.py\n", result.stderr
    assert {change.path for change in result.changes if "__pycache__" not in change.path} == set()


def test_a_file_from_elsewhere_is_no_change_of_the_workspace(here, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "tool.py"
    elsewhere.write_text("open('made.txt', 'w').write(__file__)")
    result = sm.run(elsewhere, workspace=here)
    assert {(change.path, change.kind) for change in result.changes} == {("made.txt", "added")}


def test_what_has_the_files_name_already_stays(here, tmp_path_factory):
    """Then the file stands where it was delivered."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "data.txt"
    elsewhere.write_text("print(open('data.txt').read(), __file__)")
    for given in ({"workspace": here}, {"bind": str(here / "data.txt")}):
        result = sm.run(elsewhere, **given, language="python")
        assert result.stdout == '"seven" /sandbox/data.txt\n', result.stderr
        assert not result.changes


def test_the_codes_own_file_is_not_saved(here):
    (here / "sub").mkdir()
    (here / "sub" / "make.py").write_text("open('made.py', 'w').write('')")
    sm.run(here / "sub" / "make.py", save="*.py")
    assert sorted(path.name for path in here.glob("*.py")) == ["made.py"]


def test_pytest_runs_on_the_code_itself():
    code = """
    import sys
    def half(n): return n // 2
    def test_even(): assert half(8) == 4
    def test_odd(): assert half(7) == 3.5
    if __name__ == "__main__":
        import pytest
        sys.exit(pytest.main(["-q", __file__]))
    """
    result = sm.run(textwrap.dedent(code))
    assert result.exit_code == 1
    assert "1 failed, 1 passed" in result.stdout
    assert "assert 3 == 3.5" in result.stdout
    assert "Warning" not in result.stdout + result.stderr


def test_a_path_that_cannot_be_read_is_refused(here):
    with pytest.raises(sm.PolicyError, match="can't be read"):
        sm.run(here / "absent.py")
    with pytest.raises(sm.PolicyError, match="is a directory"):
        sm.run(here)


def test_an_encoding_line_counts_in_a_file_and_not_in_a_cell(here):
    """A file is bytes, and a cell has characters. A traceback shows the same line of either."""
    source = "# -*- coding: latin-1 -*-\nprint('Köln', len('Köln'))\n1 / 0, 'Köln'\n"
    (here / "town.py").write_bytes(source.encode("latin-1"))
    for code in (source, here / "town.py", source.encode("latin-1")):
        result = sm.run(code)
        assert result.stdout == "Köln 4\n", result.stderr
        assert "    1 / 0, 'Köln'\n" in result.stderr
    (here / "town.py").write_bytes(source.encode("utf-8"))
    assert sm.run(here / "town.py").stdout == "KÃ¶ln 5\n"  # as python3 has it
