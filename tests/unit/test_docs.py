"""What the pages for people who work on this say of the tree is so: each path is there, each room has its row."""

import ast
import re
from pathlib import Path

import pytest

from sandbox_magic.model.policy import Limits, Policy

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "jupyter-config/*.md", ".github/**/*.md", ".github/**/*.yml")
    for path in ROOT.glob(pattern)
)
CHECKED = ("CONTRIBUTING.md", "RELEASING.md", "docs/design.md", "README.md", "SECURITY.md")
BASES = (ROOT, ROOT / "sandbox_magic")  # paths below the package are said without its name
# What can only be one of our files: it leads through a directory of ours, or ends as our files do.
_OURS = re.compile(
    r"(?:[\w.-]+/)*[\w.-]+\.(?:py|md|sh|jsonl|yml)"
    r"|(?:sandbox_magic|tests|tools|docs|benchmarks|notebooks|requirements|jupyter-config|guest|\.ci|\.github)/[\w./-]*"
)
INSTALLED = ("etc/", "share/")  # below an environment's prefix
OTHERS = {
    "ipython_kernel_config.py",
    "conftest.py",
    "random.py",
    "sandbox_magic.py",
    "ipython_config.py",
    "nbgrader_config.py",
    "script.py",
}  # the reader's own


def text(page):
    return (ROOT / page).read_text(encoding="utf-8")


def named(page):
    """Return every path of ours that a page names: in backticks, or as the target of a link within the repository."""
    prose = re.sub(r"^```.*?^```", "", text(page), flags=re.MULTILINE | re.DOTALL)
    found = {word for quoted in re.findall(r"`([^`]+)`", prose) for word in quoted.split() if _OURS.fullmatch(word)}
    found |= {target.partition("#")[0] for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text(page))}
    return {name for name in found - {""} - OTHERS if not name.startswith(INSTALLED)}


@pytest.mark.parametrize("page", PAGES)
def test_each_path_that_is_named_is_there(page):
    bases = (*BASES, (ROOT / page).parent)
    assert [name for name in sorted(named(page)) if not any((base / name).exists() for base in bases)] == []


def test_the_search_for_paths_finds_some():
    """Else the test above could not fail."""
    assert set(CHECKED) <= set(PAGES)
    assert {"tests/unit/test_layers.py", "model/units.py", "docs/design.md"} <= named("CONTRIBUTING.md")
    assert {"guest/init.py", "execution/timing.py", "tests/unit/test_layers.py"} <= named("docs/design.md")
    assert "jupyter-config/README.md" in named("README.md")


def test_the_design_has_a_row_for_each_room_in_their_order():
    tree = ast.parse(text("tests/unit/test_layers.py"))
    (order,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ORDER"
    )
    section = text("docs/design.md").partition("## The rooms")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([\w/]+)` \|", section, re.MULTILINE) == list(order)


def test_each_errand_names_the_file_to_begin_with():
    table = text("CONTRIBUTING.md").partition("| to | change |")[2].partition("\n\n")[0]
    rows = [row.strip("| ").split(" | ") for row in table.splitlines()[2:]]
    assert len(rows) == 10
    assert [errand for errand, change in rows if not re.search(r"`[\w/.]+\.py`", change.partition(". ")[0])] == []


@pytest.mark.parametrize("page", PAGES)
def test_each_target_of_make_that_is_named_is_there(page):
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    used = re.findall(r"(?:`|^|run: )make ([a-z-]+)", text(page), re.MULTILINE)
    assert set(used) <= targets


def test_what_comes_with_go_is_what_the_design_says():
    sentence = 'the limits on time and output, `save` and `strict` come with "go"'
    assert sentence in " ".join(text("docs/design.md").split())
    limits = Limits(wall_seconds=1, cpu_seconds=1, output_bytes=1, on_output_limit="stop")
    assert Policy(limits=limits, save=("*.png",), strict=True).parked_with() == Policy()
    assert Policy(limits=Limits(memory_bytes=2**28)).parked_with() != Policy()


@pytest.mark.parametrize("page", PAGES)
def test_no_page_names_a_place_of_one_machine(page):
    assert not re.search(r"(?<![\w.])/(?:work|root|home/[a-z]+)/\w", text(page).replace("/home/sandbox", ""))


WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_the_least_rights_and_pins_what_it_runs(path):
    """A tag can be moved to another commit; a token that may write, or stays on the disk, can be used by a test."""
    flow = path.read_text(encoding="utf-8")
    assert "\npermissions:\n  contents: read\n" in flow
    assert set(re.findall(r"^ +([a-z-]+): write", flow, re.MULTILINE)) <= {"id-token"}
    uses = re.findall(r"uses: (.*)", flow)
    assert uses
    assert [use for use in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", use)] == []
    assert flow.count("actions/checkout@") == flow.count("persist-credentials: false")
    assert "secrets." not in flow
