"""Names of files that other programs run by themselves, or read to find out what to run: not applied at any depth."""

import pytest

from sandbox_magic.untrusted.workspace.autorun import why_it_runs

HIDDEN = [
    ".bashrc", ".envrc", ".Rprofile", ".npmrc", ".eslintrc.js", ".pnpmfile.cjs", ".idea/workspace.xml",
    ".vscode/tasks.json", ".git/hooks/pre-commit", ".github/workflows/ci.yml", ".ipynb_checkpoints/a.ipynb",
    "sub/.gitattributes", "\u200b.git/config", ".\u200bgit/config",
]  # fmt: skip
RUNS = [
    "conftest.py", "sub/CONFTEST.py", "sitecustomize.py", "sitecustomize/__init__.py", "usercustomize/__init__.py",
    "a.pth", "site-packages/a.pth", "a.pyc", "__pycache__/a.cpython-311.pyc", "HEAD", "hooks/post-checkout",
    "matplotlibrc", "jupyter_config.py", "jupyter_server_config.json", "jupyter_server_config.d/a.json",
    "ipython_config.py", "ipython_kernel_config.py", "random.cpython-311-x86_64-linux-gnu.so", "random.abi3.so",
    "helpers.so", "libm.so.6", "evil-1.0.dist-info/entry_points.txt", "evil-1.0.dist-info", "evil.egg-info/PKG-INFO",
    "evil.egg-info", "evil.egg-link", "evil-1.0-py3.11.egg", "pyvenv.cfg", "venv/pyvenv.cfg",
    "node_modules/left-pad/index.js", "autorun.inf", "a.desktop", "voila.json", "jupytext.py",
]  # fmt: skip
TOLD = [
    "pytest.ini", "deep/down/pytest.ini", "tox.ini", "setup.cfg", "setup.py", "pyproject.toml", "noxfile.py",
    "manage.py", "mypy.ini", "pylintrc", "Makefile", "makefile", "GNUmakefile", "sub/GNUmakefile", "Makefile.local",
    "local.mk", "CMakeLists.txt", "FindFoo.cmake", "meson.build", "justfile", "Justfile", "Rakefile", "Gemfile",
    "evil.gemspec", "Jenkinsfile", "Dockerfile", "dockerfile.dev", "docker-compose.yml", "docker-compose.override.yaml",
    "compose.yaml", "Vagrantfile", "Taskfile.yml", "Snakefile", "build.gradle.kts", "pom.xml", "Cargo.toml", "build.rs",
    "package.json", "package-lock.json", "binding.gyp", "babel.config.js",
    "webpack.config.js", "vite.config.ts", "vite.config.mts", "eslint.config.mjs", "jest.config.cjs", "gulpfile.js",
    "Gruntfile.coffee", "tsconfig.json", "tsconfig.app.json", "bunfig.toml", "deno.json", "project.code-workspace",
    "a.sublime-project", "a.Rproj", "_quarto.yml", "mkdocs.yml", "conf.py", "shell.nix", "a.tf", "ansible.cfg",
    "a.csproj", "Directory.Build.props", "composer.json", "mix.exs",
]  # fmt: skip
ORDINARY = [
    "a.csv", "notes.md", "report.html", "html/index.html", "json/a.json", "data/b.parquet", "plot.png", "main.py",
    "src/project/utils.py", "app.py", "analysis.ipynb", "results/table.tex", "requirements.txt", "model.pkl", "a.R",
    "script.sh", "make.py", "build/out.txt", "head.txt", "header", "package.py", "config.js", "settings.ini",
    "socks.txt", "config.json", "a.so.txt", "tests/test_a.py", "setup.txt", "docker.md", "Cargo.md", "hook.py",
]  # fmt: skip


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_files_are_read_by_programs(name):
    assert why_it_runs(name) == "hidden, so other programs may run this file by themselves"


@pytest.mark.parametrize("name", RUNS)
def test_what_runs(name):
    assert why_it_runs(name) == "other programs may run this file by themselves"


@pytest.mark.parametrize("name", TOLD)
def test_what_tells_a_program_what_to_run_and_which(name):
    assert why_it_runs(name).startswith("it tells ")
    assert why_it_runs(name).endswith(" what to run")


@pytest.mark.parametrize("name", ORDINARY)
def test_what_somebody_must_start_or_open_is_taken_over(name):
    assert why_it_runs(name) == ""


@pytest.mark.parametrize("name", ["conftest.py", "GNUmakefile", "package.json", "a.pth", "hooks"])
@pytest.mark.parametrize(
    "written",
    [str.upper, str.title, "{}.".format, "{} ".format, "\ufeff{}".format, lambda name: f"{name[0]}\u200d{name[1:]}"],
    ids=["capitals", "a capital", "a full stop", "a blank", "a byte order mark", "a joiner"],
)
def test_as_a_file_system_without_case_or_with_its_own_idea_of_letters_takes_it(name, written):
    """ext4 with casefold and HFS+ leave out what can't be seen, FAT a full stop at the end."""
    assert why_it_runs(written(name)) == why_it_runs(name) != ""
