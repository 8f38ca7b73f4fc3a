"""What is installed: the package, its data, its command, and nothing else."""

import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel built from this checkout, without asking a registry for anything."""
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-P", "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (path,) = directory.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_the_guest_and_the_filters_are_in_it(wheel):
    """Data files are easy to lose: a sandbox could not start without them."""
    source = [
        path for path in (ROOT / "sandbox_magic").rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    assert {str(path.relative_to(ROOT)) for path in source} <= set(wheel.namelist())
    assert "sandbox_magic/py.typed" in wheel.namelist()


def test_nothing_else_is_importable(wheel):
    top = {name.split("/")[0] for name in wheel.namelist()}
    assert {name for name in top if not name.startswith("sandbox_magic-")} == {"sandbox_magic"}


def test_it_configures_nothing_by_being_installed(wheel):
    """An auto-load file in etc would replace the user's own list of extensions."""
    data = [name.split(".data/data/")[1] for name in wheel.namelist() if ".data/data/" in name]
    assert "share/sandbox-magic/ipython_config.snippet.py" in data
    assert not [name for name in data if name.startswith("etc/")]


def test_the_kernel_is_where_jupyter_looks_and_imports_nothing_from_the_folder(wheel):
    """``python``, so that a client puts its own Python there; ``-P``, so that no module of the folder is ours."""
    (name,) = [
        name
        for name in wheel.namelist()
        if name.endswith(".data/data/share/jupyter/kernels/sandbox-python/kernel.json")
    ]
    spec = json.loads(wheel.read(name))
    assert spec["argv"] == ["python", "-P", "-m", "sandbox_magic.kernel", "-f", "{connection_file}"]
    assert (spec["display_name"], spec["interrupt_mode"]) == ("Python (sandboxed)", "signal")


def test_the_run_time_needs_are_the_nine_that_have_a_reason(wheel):
    """Nothing slips in: each dependency is code that runs beside the notebook."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (name,) = [name for name in wheel.namelist() if name.endswith("/METADATA")]
    needs = [line for line in wheel.read(name).decode().splitlines() if line.startswith("Requires-Dist:")]
    plain = [line for line in needs if "extra ==" not in line]
    assert len(plain) == len(project["dependencies"]) == 9
    assert any(line.startswith("Requires-Dist: ipykernel") and "!=7.0.*" in line for line in plain)
