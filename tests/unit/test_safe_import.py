"""Nothing is imported from a stranger's folder, and what lies there in our place is noticed."""

import py_compile
import shutil
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import sandbox_magic
from sandbox_magic import safe_import

HOSTILE = "raise SystemExit('it ran')\n"


def as_module(folder):
    (folder / "sandbox_magic.py").write_text(HOSTILE)


def as_package(folder):
    (folder / "sandbox_magic").mkdir()
    (folder / "sandbox_magic" / "__init__.py").write_text(HOSTILE)


def as_bytecode(folder):
    as_module(folder)
    py_compile.compile(str(folder / "sandbox_magic.py"), str(folder / "sandbox_magic.pyc"))
    (folder / "sandbox_magic.py").unlink()


def as_extension(folder):
    (folder / f"sandbox_magic{EXTENSION_SUFFIXES[-1]}").write_bytes(b"")


def as_link(folder):
    (folder / "payload").mkdir()
    as_package(folder / "payload")
    (folder / "sandbox_magic").symlink_to("payload/sandbox_magic")


LAID = {
    as_module: "sandbox_magic.py",
    as_package: "sandbox_magic/__init__.py",
    as_bytecode: "sandbox_magic.pyc",
    as_extension: f"sandbox_magic{EXTENSION_SUFFIXES[-1]}",
    as_link: "sandbox_magic/__init__.py",
}


@pytest.mark.parametrize("lay", LAID, ids=lambda lay: lay.__name__)
def test_what_would_be_imported_in_our_place_is_noticed_and_not_run(tmp_path, lay):
    lay(tmp_path)
    assert safe_import.shadow(str(tmp_path)) == LAID[lay]


def test_what_python_does_not_import_first_is_nothing(tmp_path):
    """A directory without __init__.py comes behind every installed package."""
    assert safe_import.shadow(str(tmp_path)) == ""
    (tmp_path / "sandbox_magic").mkdir()
    (tmp_path / "sandbox_magic.txt").touch()
    assert safe_import.shadow(str(tmp_path)) == ""
    assert safe_import.shadow(str(tmp_path / "nowhere")) == ""


def test_our_own_folder_is_nothing_to_notice(tmp_path):
    """Whoever works on sandbox_magic stands in it, or has a link to it."""
    ours = Path(sandbox_magic.__file__).parent
    assert safe_import.shadow(str(ours.parent)) == ""
    (tmp_path / "sandbox_magic").symlink_to(ours)
    assert safe_import.shadow(str(tmp_path)) == ""
    (tmp_path / "sandbox_magic").unlink()
    (tmp_path / "sandbox_magic").mkdir()
    shutil.copy(ours / "__init__.py", tmp_path / "sandbox_magic")
    assert safe_import.shadow(str(tmp_path)) == "sandbox_magic/__init__.py"


@pytest.mark.parametrize("entry", ["", "here"])
def test_the_working_directory_is_left_out_while_we_import(tmp_path, monkeypatch, entry):
    (tmp_path / "only_there.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry and str(tmp_path), *sys.path])
    with safe_import.importing(), pytest.raises(ModuleNotFoundError):
        import only_there
    import only_there

    del sys.modules[only_there.__name__]
