"""The version is the git tag's, wherever the package is built; who imports it or types its name can ask for it."""

import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.version import Version

import sandbox_magic
from sandbox_magic.cli.main import main

ROOT = Path(__file__).parents[2]
NOBODY = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}  # nothing of the user's own
AUTHOR = {f"GIT_{who}_{what}": "test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@pytest.fixture
def copy(tmp_path):
    """A copy of what a build needs, without git's directory."""
    place = tmp_path / "copy"
    place.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, place)
    for name in ("sandbox_magic", "jupyter-config"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    return place


def hatchling(place, *arguments, **environment):
    command = [sys.executable, "-P", "-m", "hatchling", *arguments]
    done = subprocess.run(
        command,
        cwd=place,
        env=os.environ | NOBODY | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def git(place, *arguments):
    subprocess.run(["git", *arguments], cwd=place, env=os.environ | NOBODY | AUTHOR, check=True, capture_output=True)


@pytest.fixture
def repository(copy):
    git(copy, "init", "--quiet")
    git(copy, "add", ".")
    git(copy, "commit", "--quiet", "--message=one")
    return copy


def test_a_tag_is_the_version(repository):
    git(repository, "tag", "v7.1.0")
    assert hatchling(repository, "version") == "7.1.0"
    git(repository, "commit", "--quiet", "--allow-empty", "--message=two")
    assert Version("7.1.0") < Version(hatchling(repository, "version")) < Version("7.1.1")


def test_before_the_first_tag_it_is_one_before_the_first_release(repository):
    assert Version(hatchling(repository, "version")) < Version("0.1.0")


@pytest.mark.parametrize("environment", [{}, {"PATH": ""}], ids=["without .git", "without git"])
def test_where_git_says_nothing_there_is_a_version_too(copy, environment):
    assert hatchling(copy, "version", **environment) == "0.1.0.dev0"


def test_where_the_checkout_is_somebody_elses_it_is_built(repository):
    """Git then refuses to say anything ("dubious ownership") to who has not allowed it."""
    others = {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    refused = subprocess.run(
        ["git", "status"], cwd=repository, env=os.environ | NOBODY | others, capture_output=True, check=False
    )
    assert b"dubious ownership" in refused.stderr
    assert Version(hatchling(repository, "version", **others)) < Version("0.1.0")


def test_a_source_distribution_keeps_its_version(repository, tmp_path):
    git(repository, "tag", "v7.1.0")
    hatchling(repository, "build", "-t", "sdist", "-d", str(tmp_path))
    (path,) = tmp_path.glob("*.tar.gz")
    subprocess.run(["tar", "--extract", "--file", path], cwd=tmp_path, check=True)
    assert hatchling(tmp_path / "sandbox_magic-7.1.0", "version") == "7.1.0"


def test_who_imports_it_and_who_types_learn_the_installed_version(capsys):
    assert sandbox_magic.__version__ == metadata.version("sandbox-magic")
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr() == (f"sandbox-magic {sandbox_magic.__version__}\n", "")


def test_a_folder_of_a_strangers_can_not_say_the_version(monkeypatch, tmp_path):
    (tmp_path / "sandbox_magic-9.9.dist-info").mkdir()
    (tmp_path / "sandbox_magic-9.9.dist-info" / "METADATA").write_text("Name: sandbox-magic\nVersion: 9.9\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    assert metadata.version("sandbox-magic") == "9.9", "who looks there finds it"
    assert sandbox_magic.__version__ != "9.9"


def test_where_it_is_not_installed_that_is_said(monkeypatch):
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if "site-packages" not in entry])
    assert sandbox_magic.__version__ == "0+unknown"
