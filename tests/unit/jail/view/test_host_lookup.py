"""What is on this machine and not in a sandbox is looked up without opening, importing or waiting."""

import sys

import pytest

from sandbox_magic.jail.view import host_lookup
from sandbox_magic.jail.view.host_lookup import Outside, is_there
from sandbox_magic.jail.view.interpreter import Interpreter
from sandbox_magic.model.policy import Mount, Policy

NOBODYS = Interpreter(executable="/usr/bin/python3", prefixes=("/usr",), search=())


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/x.csv").write_text("1")
    (tmp_path / "link").symlink_to("data")
    (tmp_path / "dangling").symlink_to("nowhere")
    return tmp_path


def seen_from(**policy):
    return Outside(NOBODYS, Policy(**policy))


def test_paths_are_looked_up_from_the_notebooks_directory(here):
    look = seen_from().hidden
    assert all(map(look, ["data", "data/x.csv", "link/x.csv", "dangling", f"{here}/data/x.csv", "../" + here.name]))
    assert not any(map(look, ["data/y.csv", "nowhere", "dangling/x", "/nowhere/x", "a\0b", "data/x.csv/y"]))


def test_what_the_sandbox_sees_is_not_hidden():
    assert not any(
        map(seen_from().hidden, ["/usr", "/usr/bin/env", "/bin/sh", "/proc/self", "/dev/null", "/sys", "/run"])
    )


def test_what_was_given_to_the_run_is_not_hidden(here):
    bound = seen_from(binds=(Mount(source=str(here / "data"), name="data"),)).hidden
    assert not bound("data/x.csv")
    assert not bound(str(here / "data/x.csv"))
    assert bound("link")
    assert not seen_from(workspace=str(here)).hidden("data/x.csv")


def test_nothing_is_looked_at_below_a_mount_of_another_machine(here):
    """Unless the notebook lies there itself."""
    path = str(here / "data/x.csv")
    assert is_there(path, "/", [])
    assert not is_there(path, "/", [str(here)])
    assert not is_there(str(here / "link/x.csv"), "/", [str(here / "data")])
    assert is_there(path, str(here), [str(here)])
    assert not is_there(path, str(here), [str(here), str(here / "data")])


def test_a_ring_of_links_has_an_end(here):
    (here / "ring").symlink_to("ring/ring")
    assert not is_there(str(here / "ring/x"), "/", [])


def test_the_names_of_mounts_are_read_as_the_kernel_writes_them():
    assert host_lookup._unescaped(r"/mnt/a\040b\134") == "/mnt/a b\\"
    assert all(place.startswith("/") for place in host_lookup._remote_mounts())


@pytest.fixture
def beside(here, monkeypatch):
    """Modules that would say so if they were imported."""
    shout = "raise SystemError('imported')"
    (here / "beside_me.py").write_text(shout)
    (here / "pack_age").mkdir()
    (here / "pack_age/__init__.py").write_text(shout)
    (here / "pack_age/part.py").write_text(shout)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    return here


def test_a_module_beside_the_notebook_is_found_and_not_imported(beside):
    find = seen_from().module
    assert find("beside_me") == ("beside_me.py", False)
    assert find("pack_age") == ("pack_age", False)
    assert find("pack_age.part") == ("pack_age", False)
    assert find("pack_age.nowhere") is None
    assert find("beside_me.part") is None
    assert find("nowhere") is None
    assert not {"beside_me", "pack_age"} & set(sys.modules)


def test_a_module_of_the_notebooks_own_python_is_told_apart():
    path, of_kernel = seen_from(python="/usr/bin/python3").module("psutil")
    assert path.endswith("/psutil")
    assert of_kernel


def test_of_a_module_that_the_sandbox_sees_there_is_no_path():
    everything = Interpreter(executable=sys.executable, prefixes=(sys.prefix, sys.base_prefix), search=tuple(sys.path))
    assert Outside(everything, Policy()).module("psutil") == ("", False)


def test_what_lies_beside_the_script_and_not_here_is_found(here, monkeypatch):
    (here / "hw1").mkdir()
    for name in ("helper.py", "scores.csv"):
        (here / "hw1" / name).write_text("")
    of_script = Outside(NOBODYS, Policy(), f"{here}/hw1/main.py")
    assert of_script.module("helper") == ("hw1/helper.py", False)
    assert of_script.beside("scores.csv") == "hw1/scores.csv"
    assert [of_script.beside(path) for path in ("gone.csv", f"{here}/hw1/scores.csv", "../data/x.csv", "a\0")] == [
        ""
    ] * 4
    assert seen_from().beside("scores.csv") == "", "code that is in no file"
    assert Outside(NOBODYS, Policy(workspace=str(here)), f"{here}/hw1/main.py").beside("scores.csv") == ""
    bound = Policy(binds=(Mount(source=f"{here}/hw1/scores.csv", name="scores.csv"),))
    assert Outside(NOBODYS, bound, f"{here}/hw1/main.py").beside("scores.csv") == ""
    monkeypatch.chdir(here / "hw1")
    assert of_script.beside("scores.csv") == "", "it is here"


def test_a_path_may_lead_to_no_directory_of_the_sandbox():
    nowhere = seen_from(binds=(Mount(source="/srv/shown", name="shown"),)).elsewhere
    assert all(map(nowhere, ["/mnt/data/x.csv", "/content/x", "/home/me/x", "/data", "/var/log/x", "/srv/x"]))
    seen = ["/usr/share/x", "/tmp/x/y", "/proc/1/x", "/home/sandbox/x/y", "/etc/x", "/srv/shown/x", "/dev/shm/x"]
    assert not any(map(nowhere, seen))
