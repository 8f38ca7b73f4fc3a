"""Which Pythons of a machine are found by a version, and what is never looked into."""

import os
import sys

import pytest

from sandbox_magic import PolicyError
from sandbox_magic.jail.view import installed_pythons, interpreter
from sandbox_magic.jail.view.installed_pythons import find, versions


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without any Python; gives a function that puts one somewhere."""
    for name in ("PYENV_ROOT", "UV_PYTHON_INSTALL_DIR", "XDG_DATA_HOME", "CONDA_PREFIX", "MAMBA_ROOT_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{tmp_path}/one:{tmp_path}/two")
    monkeypatch.setattr(installed_pythons, "_SYSTEM", (f"{tmp_path}/system",))
    monkeypatch.chdir(tmp_path)

    def put(name, content=b"\x7fELF", mode=0o755):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content + name.encode())
        path.chmod(mode)
        return str(path)

    return put


def test_on_path_first_then_pyenv_uv_and_conda_the_newest_first(machine):
    places = ["two/python3.12"]
    places += [f"home/.pyenv/versions/{name}/bin/python3.12" for name in ("3.12.10", "3.12.9", "3.12.1")]
    places += [f"home/.local/share/uv/python/cpython-3.12.{n}-linux/bin/python3.12" for n in (8, 2)]
    places += ["home/miniforge3/bin/python3.12", "home/miniforge3/envs/science/bin/python3.12", "system/python3.12"]
    expected = [machine(name) for name in places]
    machine("two/python3.11")
    assert find("3.12") == expected


def test_where_the_environment_says_that_they_are(machine, tmp_path, monkeypatch):
    expected = [
        machine("pe/versions/3.12.1/bin/python3.12"),
        machine("uv/cpython-3.12.1/bin/python3.12"),
        machine("active/bin/python3.12"),
        machine("listed/env/bin/python3.12"),
    ]
    monkeypatch.setenv("PYENV_ROOT", f"{tmp_path}/pe")
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", f"{tmp_path}/uv")
    monkeypatch.setenv("CONDA_PREFIX", f"{tmp_path}/active")
    machine("home/.conda/environments.txt", f"{tmp_path}/listed/env\nrelative\n\n{tmp_path}/gone\n".encode())
    assert find("3.12") == expected


def test_the_present_directory_is_never_looked_into(machine, tmp_path, monkeypatch):
    """It may be a stranger's folder, and what is found is started."""
    machine("python3.12")
    machine("bin/python3.12")
    monkeypatch.setenv("PATH", f"::.:bin:{tmp_path}/one:")
    with pytest.raises(PolicyError, match=r"there is no Python 3\.12 on this machine"):
        find("3.12")
    expected = machine("one/python3.12")
    assert find("3.12") == [expected]


def test_what_can_not_be_started_or_is_a_script_is_passed_over(machine, tmp_path):
    """pyenv's stand-ins on PATH start whatever the present directory names."""
    machine("one/python3.12", b"#!/bin/sh\n")
    machine("two/python3.12", mode=0o644)
    (tmp_path / "system/python3.12").mkdir(parents=True)
    (tmp_path / "home/.pyenv/versions/3.12.1/bin").mkdir(parents=True)
    os.mkfifo(tmp_path / "home/.pyenv/versions/3.12.1/bin/python3.12", 0o755)
    with pytest.raises(PolicyError, match="none"):
        find("3.12")


def test_one_that_is_there_under_two_names_is_found_once(machine, tmp_path):
    real = machine("home/.pyenv/versions/3.12.1/bin/python3.12")
    (tmp_path / "one").mkdir()
    (tmp_path / "one/python3.12").symlink_to(real)
    assert find("3.12") == [f"{tmp_path}/one/python3.12"]


def test_names_that_are_none_are_passed_over(machine):
    for name in ("python3", "python3.12-config", "python2.7", "python3.8", "python3.12m", "xpython3.12", "python3.12 "):
        machine(f"one/{name}")
    assert versions() == []


def test_a_version_that_is_not_there_names_those_that_are(machine):
    newest = machine("one/python3.13")
    machine("two/python3.9")
    machine("system/python3.13")
    with pytest.raises(PolicyError) as caught:
        find("3.12")
    assert caught.value.what == "there is no Python 3.12 on this machine"
    assert f"3.9 ({os.path.dirname(os.path.dirname(newest))}/two/python3.9), 3.13 ({newest})" in caught.value.seen
    assert caught.value.remedy == "--python 3.13, or --python PATH, the path of an interpreter"
    assert versions() == ["3.13", "3.9"]


def test_a_whole_version_is_asked_for(machine, monkeypatch):
    """Only those of its minor version are started."""
    first, second = machine("one/python3.12"), machine("two/python3.12")
    machine("one/python3.11")
    asked = []
    monkeypatch.setattr(
        installed_pythons, "_answer", lambda path: asked.append(path) or {first: "3.12.1", second: "3.12.4"}[path]
    )
    assert find("3.12.4") == [second]
    assert asked == [first, second]
    with pytest.raises(PolicyError, match=r"no Python 3\.12\.5"):
        find("3.12.5")


def test_this_python_answers_with_its_version():
    assert installed_pythons._answer(sys.executable) == "{}.{}.{}".format(*sys.version_info[:3])
    assert installed_pythons._answer("/nonexistent") == ""


def test_the_first_that_can_be_used_is_taken(machine, tmp_path, monkeypatch):
    broken = machine("one/python3.12")
    works = machine("two/python3.12")

    def ask(path):
        if path == broken:
            raise PolicyError("it does not answer")
        return path

    monkeypatch.setattr(interpreter, "ask", ask)
    assert interpreter.choose("3.12") == works
    os.unlink(works)
    with pytest.raises(PolicyError, match="it does not answer"):
        interpreter.choose("3.12")
