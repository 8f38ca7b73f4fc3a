"""Which Python runs a script where nobody says: the one that `python3` means at this terminal."""

import os
import sys

import pytest

from sandbox_magic.cli import default_python

SHIM = "#!/bin/sh\n[ $1 = -I ] || exit 9\necho {}\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Gives a function that makes a directory with a python3 in it: a program, or a script of this text."""
    monkeypatch.chdir(tmp_path)

    def make(name, text=""):
        path = tmp_path / name / "python3"
        path.parent.mkdir(parents=True)
        path.write_bytes(text.encode() or b"\x7fELF")
        path.chmod(0o755)
        return str(path.parent)

    return make


def find(*folders, **more):
    return default_python.find({"PATH": os.pathsep.join(folders), **more})


def test_it_is_the_first_on_path(folder):
    first, second = folder("first"), folder("second")
    assert find("/nowhere", first, second) == f"{first}/python3"


def test_an_activated_environment_comes_before(folder):
    first, _ = folder("first"), folder("env/bin")
    assert find(first, VIRTUAL_ENV=f"{os.getcwd()}/env") == f"{os.getcwd()}/env/bin/python3"
    assert find(first, VIRTUAL_ENV=f"{os.getcwd()}/gone") == f"{first}/python3"


def test_a_folder_that_is_named_from_here_is_nobodys(folder):
    """What lies in the working directory may be a stranger's, and is started outside."""
    folder("first"), folder("env/bin")
    assert find("first", "", ".", VIRTUAL_ENV="env") == "kernel"


def test_a_script_before_it_says_which_it_is_and_one_that_does_not_start_is_passed_over(folder):
    real = folder("real")
    broken, shim = folder("broken", "#!/bin/sh\nexit 127\n"), folder("shim", SHIM.format(f"{real}/python3"))
    silent, nowhere = folder("silent", "#!/bin/sh\n"), folder("nowhere", SHIM.format("/nowhere/python3"))
    assert find(broken, silent, nowhere, shim) == f"{real}/python3"
    assert find(broken) == "kernel"


def test_this_processs_own_is_the_kernels(folder):
    assert find(os.path.dirname(sys.executable)) == "kernel"
    assert find() == "kernel"
    other = folder("other")
    os.remove(f"{other}/python3")
    os.symlink(os.path.realpath(sys.executable), f"{other}/python3")
    assert find(other) == f"{other}/python3", "another environment, with the same program"
