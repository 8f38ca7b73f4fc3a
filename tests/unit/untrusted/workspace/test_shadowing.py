"""What a new file would be imported in place of: asked for each directory where a program may be started."""

import subprocess
import sys

import pytest

from sandbox_magic.untrusted.workspace.shadowing import Modules

STANDARD = "it would be imported in place of a module of the standard library"
INSTALLED = "it would be imported in place of an installed module"
OPTIONAL = "it would be imported by packages that look for an optional module of that name"
OWN = "it would be imported in place of a module of your own"

PROJECT = (
    "notebooks", "notebooks/n.ipynb", "scripts", "scripts/run.py", "helpers.py", "data", "data/a.csv",
    "project", "project/__init__.py", "project/core.py", "project/sub", "project/sub/__init__.py", "project/data",
    "taught", "taught/__init__.py", "taught/lesson.ipynb", "tool", "tool/__init__.py", "tool/__main__.py",
)  # fmt: skip


def why(name, before=PROJECT, *, link=False):
    return Modules(before).why_it_shadows(name, link=link)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("random.py", STANDARD),
        ("notebooks/random.py", STANDARD),
        ("scripts/RANDOM.py", STANDARD),
        ("data/types.py", STANDARD),
        ("new/deep/json.py", STANDARD),
        ("json/__init__.py", STANDARD),
        ("notebooks/json/__init__.py", STANDARD),
        ("project/data/random.py", STANDARD),  # no package itself
        ("taught/random.py", STANDARD),  # a package, but a notebook's folder as well
        ("tool/random.py", STANDARD),  # python tool/ puts it first
        ("distutils/__init__.py", STANDARD),  # which newer versions have no longer, and programs still try
        ("pytest.py", INSTALLED),
        ("notebooks/hypothesis/__init__.py", INSTALLED),
        ("mpl_toolkits/mplot3d/__init__.py", INSTALLED),  # a namespace: its parts are found in the folder first
        ("mpl_toolkits/evil.py", INSTALLED),
        ("bottleneck.py", OPTIONAL),
        ("notebooks/numexpr.py", OPTIONAL),
        ("simplejson/__init__.py", OPTIONAL),
        ("sage/all.py", OPTIONAL),  # without __init__.py there is a package all the same
        ("scripts/gmpy2/deep/er.py", OPTIONAL),
        ("_manylinux.py", OPTIONAL),  # pip asks it what this machine can run
        ("helpers/__init__.py", OWN),  # a package comes before a module
        ("project/core/__init__.py", OWN),
        ("project/sub.py", OWN),
    ],
)
def test_what_is_hidden_is_said(name, expected):
    assert why(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        "new.py",
        "notebooks/utils.py",
        "helpers2/__init__.py",
        "project/random.py",  # as project.random; nobody starts a program in a package
        "project/types/__init__.py",
        "project/sub/json.py",
        "json/a.json",
        "json",
        "html/index.html",
        "json/tool2.py",  # without __init__.py the standard library's comes first
        "pytest/a.py",
        "tables/t.csv",
        "random.txt",
        "test/test_a.py",
        "data/random",
        "notebooks/random.ipynb",
    ],
)
def test_what_hides_nothing_is_taken_over(name):
    assert why(name) == ""


def test_what_is_there_already_is_the_users_own():
    assert why("pytest/new.py", ["pytest", "pytest/__init__.py"]) == ""
    assert why("sage/new.py", ["sage", "sage/__init__.py"]) == ""


@pytest.mark.parametrize("name", ["json", "notebooks/pytest", "random.py", "numexpr", "helpers"])
def test_a_link_may_lead_to_a_package(name):
    assert why(name, link=True) != ""
    assert why(name) == ("" if "." not in name else STANDARD)


@pytest.mark.parametrize(
    "name", ["colorsys.py", "wsgiref/__init__.py", "sage/all.py", "bottleneck.py", "helpers/__init__.py"]
)
def test_python_does_import_these(tmp_path, name):
    """And a directory of a standard module's name without __init__.py it does not."""
    (tmp_path / "helpers.py").write_text("")
    for each in (name, "queue/more.py"):
        path = tmp_path / each
        path.parent.mkdir(exist_ok=True)
        path.write_text("print('theirs')\n")
    module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    done = subprocess.run(
        [sys.executable, "-c", f"import queue, {module}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == "theirs\n", done.stderr
