"""Names of files that other programs run by themselves, or read to find out what to run.

The lists are made from the programs' own manuals: where they say that they look for a file by its name in the directory
where they are started, or above it. What a person must name to start or to open it (a script, a notebook, a pickle,
``requirements.txt``) is not in them. They can't be complete.
"""

from __future__ import annotations

import fnmatch
import functools
import re
import unicodedata

RUNS_BY_ITSELF = (
    "conftest.py",  # pytest
    "sitecustomize",  # Python, at its start
    "sitecustomize.py",
    "usercustomize",
    "usercustomize.py",
    "*.pth",
    "*.pyc",  # Python, in place of the source beside it
    "*.pyo",
    "__pycache__",
    "*.so",  # Python, before a source of that name; and the loader, where LD_LIBRARY_PATH has an empty entry
    "*.so.[0-9]*",
    "*.dist-info",  # importlib.metadata: names modules that pytest, Jupyter and others load (entry points)
    "*.egg-info",
    "*.egg-link",
    "*.egg",
    "pyvenv.cfg",  # an environment, which editors look for and whose Python they start
    "jupyter*_config.*",  # Jupyter, started in this directory
    "ipython*_config.*",
    "jupytext.py",
    "voila.json",
    "voila.py",
    "matplotlibrc",  # names a module to import
    "hooks",  # git
    "head",  # makes a directory a repository, whose configuration names programs
    "node_modules",  # Node looks there in each directory above a program
    "*.desktop",
    "autorun.inf",
)
"""Patterns for a part of a name, in lower case. A part that begins with a dot counts as well."""

TELLS = {
    "pytest": "pytest.ini pytest.toml",
    "tox and pytest": "tox.ini tox.toml",
    "the tools of Python projects": (
        "pyproject.toml setup.py setup.cfg pipfile hatch.toml hatch_build.py pixi.toml uv.toml"
    ),
    "a task runner": (
        "noxfile.py tasks.py fabfile.py dodo.py pavement.py taskfile.* justfile *.just mise.toml lefthook.*"
    ),
    "a checker": "mypy.ini pylintrc pylintrc.toml",
    "a server": "manage.py gunicorn.conf.py celeryconfig.py locustfile.py scrapy.cfg alembic.ini procfile",
    "a documentation tool": "conf.py mkdocs.y*ml _quarto*.y*ml myst.y*ml book.toml",
    "make": "makefile makefile.* gnumakefile bsdmakefile *.mk",
    "a build tool": (
        "cmakelists.txt cmakepresets.json cmakeuserpresets.json *.cmake meson.build meson.options meson_options.txt "
        "build.ninja sconstruct sconscript wscript configure configure.ac configure.in aclocal.m4 build.bazel "
        "workspace.bazel module.bazel *.gradle *.gradle.kts gradle.properties gradlew* mvnw* pom.xml build.xml "
        "build.sbt *.csproj *.fsproj *.vbproj *.vcxproj *.sln directory.build.* directory.packages.props nuget.config "
        "magefile.go"
    ),
    "cargo": "cargo.toml build.rs rust-toolchain*",
    "Ruby's tools": (
        "rakefile rakefile.rb *.rake gemfile gems.rb *.gemspec guardfile capfile podfile fastfile dangerfile"
    ),
    "npm and its kind": (
        "package.json package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml pnpm-workspace.yaml lerna.json "
        "nx.json turbo.json binding.gyp bunfig.toml bun.lock* deno.json* deno.lock"
    ),
    "a tool of JavaScript": (
        "*.config.[jt]s *.config.[cm][jt]s tsconfig*.json jsconfig*.json gulpfile.* gruntfile.* jakefile* *.conf.[jt]s"
    ),
    "composer": "composer.json",
    "mix or rebar": "mix.exs rebar.config*",
    "a container tool": (
        "dockerfile dockerfile.* *.dockerfile containerfile* docker-compose* docker-bake.* compose.y*ml "
        "compose.*.y*ml devcontainer.json vagrantfile skaffold.yaml tiltfile earthfile brewfile"
    ),
    "a CI server": "jenkinsfile* azure-pipelines* bitbucket-pipelines* appveyor.y*ml buildspec.y*ml cloudbuild.y*ml",
    "a workflow engine": "snakefile nextflow.config dvc.yaml mlproject ansible.cfg *.tf *.tf.json terragrunt.hcl",
    "nix": "*.nix devbox.json",
    "an editor": "*.code-workspace *.sublime-project *.sublime-workspace *.iml *.rproj",
}
"""Who is told -> patterns, as above, of what tells it."""


def _compiled(patterns: tuple[str, ...] | list[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(fnmatch.translate, patterns)))


_BY_ITSELF = _compiled(RUNS_BY_ITSELF)
_TELLS = {who: _compiled(patterns.split()) for who, patterns in TELLS.items()}
# What some file systems leave out when they compare names: Default_Ignorable_Code_Point of Unicode.
_IGNORED = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def folded(part: str) -> str:
    """Return a part of a name as the most lenient file system would compare it: no case, nothing that can't be seen.

    Such file systems are ext4 with casefold and HFS+; FAT and those of Windows drop blanks and full stops at the end.
    """
    return unicodedata.normalize("NFKC", _IGNORED.sub("", part)).casefold().rstrip(". ")


def why_it_runs(path: str) -> str:
    """Return why another program may run a file, or what it says, by itself; empty if none is known to."""
    parts = path.split("/")
    if any(part.startswith(".") for part in (*parts, *map(folded, parts))):
        return "hidden, so other programs may run this file by themselves"
    return next(filter(None, map(_why_part_runs, parts)), "")


@functools.lru_cache(maxsize=4096)  # many names share their directories
def _why_part_runs(part: str) -> str:
    name = folded(part)
    if _BY_ITSELF.match(name):
        return "other programs may run this file by themselves"
    return next((f"it tells {who} what to run" for who, pattern in _TELLS.items() if pattern.match(name)), "")
