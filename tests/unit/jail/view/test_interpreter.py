"""Which Python is inside, and that sharing it never shares a home."""

import pwd
import site
import sys
import types
from pathlib import Path

import pytest

from sandbox_magic import PolicyError
from sandbox_magic.jail.view import interpreter
from sandbox_magic.jail.view.interpreter import Interpreter, ask, choose, outermost


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], ()),
        (["/usr", "/usr/lib/python3", "/bin", "/lib64/x"], ()),
        (["/opt/venv/lib", "/opt/venv", "/opt/venv"], ("/opt/venv",)),
        (["/opt/venv2", "/opt/venv"], ("/opt/venv", "/opt/venv2")),
        (["/libexec/x", "/usrlocal"], ("/usrlocal", "/libexec/x")),
        (["/b/c/d", "/a/b/c", "/b"], ("/b", "/a/b/c")),
    ],
)
def test_only_outermost_paths_are_shared(paths, expected):
    assert outermost(paths) == expected


def test_shared_are_the_prefixes_the_search_path_and_editable_sources():
    python = Interpreter(executable="/v/bin/p", prefixes=("/v",), search=("/v/lib", "/usr/x"), extra=("/src/p",))
    assert python.shared == ("/v", "/src/p")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user's home, the only account's of the machine."""
    home = tmp_path / "home" / "ann"
    home.mkdir(parents=True)
    account = types.SimpleNamespace(pw_dir=str(home), pw_uid=1000)
    daemon = types.SimpleNamespace(pw_dir=str(tmp_path / "srv"), pw_uid=30)
    monkeypatch.setattr(pwd, "getpwall", lambda: [account, daemon])
    interpreter._private.cache_clear()
    yield home
    interpreter._private.cache_clear()


@pytest.fixture
def this(home, monkeypatch):
    """Gives a function that makes this process look like a Python of a given place and search path."""
    monkeypatch.setattr(site, "ENABLE_USER_SITE", False)

    def become(prefix, search=(), executable=None):
        for path in (prefix / "bin", *search):
            path.mkdir(parents=True, exist_ok=True)
        for name in ("prefix", "exec_prefix", "base_prefix", "base_exec_prefix"):
            monkeypatch.setattr(sys, name, str(prefix))
        monkeypatch.setattr(sys, "executable", str(executable or prefix / "bin" / "python"))
        monkeypatch.setattr(sys, "path", [str(path) for path in search])

    return become


def test_an_environment_in_a_directory_of_its_own_below_a_home_is_shared(this, home):
    this(home / "venv", [home / "venv" / "lib", home / "project"])
    python = choose("kernel")
    assert python.executable == str(home / "venv" / "bin" / "python")
    assert set(python.shared) == {str(home / "venv"), str(home / "project")}


@pytest.mark.parametrize("place", [".", "..", "../.."])
def test_an_environment_that_is_or_holds_a_home_is_refused(this, home, place):
    this((home / place).resolve())
    with pytest.raises(PolicyError, match=r"is or holds a home\nTry: a virtual environment .*--python system"):
        choose("kernel")


def test_a_link_to_a_home_is_seen_through(this, home, tmp_path):
    (tmp_path / "env").symlink_to(home)
    this(tmp_path / "env")
    with pytest.raises(PolicyError, match="is or holds a home"):
        choose("kernel")


def test_an_executable_that_lies_in_a_home_itself_is_refused(this, home, tmp_path):
    this(tmp_path / "env", executable=home / "python")
    with pytest.raises(PolicyError, match="is or holds a home"):
        choose("kernel")


def test_a_link_to_an_executable_in_a_home_does_not_share_the_home(this, home, tmp_path):
    (home / "python3").touch()
    (tmp_path / "env" / "bin").mkdir(parents=True)
    (tmp_path / "env" / "bin" / "python").symlink_to(home / "python3")
    this(tmp_path / "env")
    try:
        shared = choose("kernel").shared
    except PolicyError:
        return
    assert str(home) not in shared


def test_entries_of_the_search_path_that_are_a_home_or_temporary_are_left_out(this, home, tmp_path):
    """Nothing else is lost by that, so it is no reason to refuse."""
    this(tmp_path / "env", [home, home.parent, tmp_path / "env" / "lib", tmp_path])
    sys.path += ["/tmp", "/", "/run", "/dev", str(tmp_path / "missing"), "relative", ""]
    assert choose("kernel").search == (str(tmp_path / "env" / "lib"),)


@pytest.mark.parametrize("entry", [None, Path("/usr")])
def test_what_is_no_text_in_the_search_path_is_left_out_as_python_does(this, tmp_path, entry):
    """`sys.path.append(Path(...))` is a common slip in notebooks; the import system ignores it silently."""
    this(tmp_path / "env", [tmp_path / "env" / "lib"])
    sys.path.append(entry)
    python = choose("kernel")
    assert python.search == (str(tmp_path / "env" / "lib"),)
    assert python.shared == (str(tmp_path / "env"),)


def test_editable_installs_bring_their_sources(this, home, tmp_path, monkeypatch):
    this(tmp_path / "env")
    (home / "src").mkdir()
    finder = types.ModuleType("__editable___demo_finder")
    finder.MAPPING = {"demo": str(home / "src"), "gone": str(home / "gone"), "wide": str(home)}  # type: ignore[attr-defined] # as setuptools writes it
    monkeypatch.setitem(sys.modules, finder.__name__, finder)
    found = type("_EditableFinder", (), {"__module__": finder.__name__})
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, found])
    assert choose("kernel").extra == (str(home / "src"),)


@pytest.mark.parametrize("base", ["local", "."])
def test_a_user_site_is_named_unless_it_is_a_home(this, home, tmp_path, monkeypatch, base):
    this(tmp_path / "env")
    (home / "local").mkdir()
    monkeypatch.setattr(site, "ENABLE_USER_SITE", True)
    monkeypatch.setattr(site, "getuserbase", lambda: str((home / base).resolve()))
    assert choose("kernel").user_base == ("" if base == "." else str(home / "local"))


@pytest.fixture
def program(home, tmp_path):
    """Gives a function that writes a program which answers with a text."""
    (tmp_path / "opt").mkdir()

    def write(text, status=0):
        path = tmp_path / "opt" / "python"
        path.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\nexit {status}\n")
        path.chmod(0o755)
        return str(path)

    return write


def test_another_python_is_asked_for_its_places(program, tmp_path):
    opt = str(tmp_path / "opt")
    path = program(f'{{"prefixes": ["/usr", "/usr"], "path": ["{opt}", "/nowhere"], "version": [3, 9, 1]}}')
    assert choose(path) == Interpreter(executable=path, prefixes=("/usr", opt), search=(opt,))


def test_another_python_that_would_share_a_home_is_refused(program, home):
    path = program(f'{{"prefixes": ["{home}"], "path": [], "version": [3, 12, 0]}}')
    with pytest.raises(PolicyError, match="is or holds a home"):
        ask(path)


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        ('{"prefixes": [], "path": [], "version": [3, 8, 9]}', 0, r"is Python 3\.8\.9\nTry: a Python 3\.9 or later"),
        ('{"prefixes": [], "path": [], "version": [3, 12, 0]}', 1, "does not answer as a Python"),
        ("Usage: ...", 0, "does not answer as a Python"),
        ("[]", 0, "does not answer as a Python"),
        ('{"prefixes": []}', 0, "does not answer as a Python"),
        ('{"version": [3, 12, 0]}', 0, "does not answer"),
    ],
)
def test_what_is_no_python_3_9_is_refused_with_what_is_needed(program, answer, status, message):
    with pytest.raises(PolicyError, match=message):
        ask(program(answer, status))


@pytest.mark.parametrize("path", ["/nonexistent/python", "/usr/bin", "/etc/hostname"])
def test_a_path_that_can_not_be_run_is_refused(home, path):
    with pytest.raises(PolicyError, match=path):
        ask(path)
