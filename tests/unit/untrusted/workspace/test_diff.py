"""What changed in the files, line by line: right for every text, bounded, and harmless to show."""

import os
import re
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox_magic.untrusted.workspace import diff as module
from sandbox_magic.untrusted.workspace import snapshot
from sandbox_magic.untrusted.workspace.apply import NotApplied
from sandbox_magic.untrusted.workspace.change import Change
from sandbox_magic.untrusted.workspace.changes import Changes


class Pair:
    """A directory before, and what a cell would have made of it."""

    def __init__(self, place):
        self.host = place / "host"
        self.host.mkdir()
        self.entries = []

    def file(self, name, before=None, after=None, **more):
        if before is not None:
            (self.host / name).write_bytes(before)
        kind = "added" if before is None else "removed" if after is None else "changed"
        size = 0 if after is None else len(after)
        self.entries.append(Change(path=name, kind=kind, data=after, size=size, **more))

    def changes(self):
        found = snapshot.look(self.host, most_files=100)
        return Changes(
            entries=tuple(self.entries), _before=snapshot.pack(found, bytes, most_bytes=2**30, most_files=99)
        )

    def diff(self, before, after, **more):
        self.file("f", before, after, **more)
        return self.changes().diff()


@pytest.fixture
def pair(tmp_path):
    return Pair(tmp_path)


def test_a_changed_text_is_a_unified_diff(pair):
    before = "".join(f"line {n}\n" for n in range(1, 21))
    after = before.replace("line 5\n", "new five\n").replace("line 20\n", "line 20\nmore\n")
    assert repr(pair.diff(before.encode(), after.encode())).splitlines() == [
        "--- a/f", "+++ b/f",
        "@@ -2,7 +2,7 @@", " line 2", " line 3", " line 4", "-line 5", "+new five", " line 6", " line 7", " line 8",
        "@@ -18,3 +18,4 @@", " line 18", " line 19", " line 20", "+more",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (None, b"a\nb\n", ["--- /dev/null", "+++ b/f", "@@ -0,0 +1,2 @@", "+a", "+b"]),
        (b"a\n", None, ["--- a/f", "+++ /dev/null", "@@ -1 +0,0 @@", "-a"]),
        (b"a", b"a\n", ["--- a/f", "+++ b/f", "@@ -1 +1 @@", "-a", "\\ No newline at end of file", "+a"]),
        (b"", b"a\n", ["--- a/f", "+++ b/f", "@@ -0,0 +1 @@", "+a"]),
        (None, b"", ["f: added: empty"]),
        (b"", None, ["f: removed: empty"]),
        (b"\0" * 2048, b"\0" * 10, ["f: changed: 2.0 KiB -> 10 B"]),
        (None, b"\xff" * 10, ["f: added: 10 B"]),
        (b"\xff" * 10, None, ["f: removed: 10 B"]),
        (b"text\n", b"\0" * 10, ["f: changed: 5 B -> 10 B"]),
        ("π\n".encode(), "τ\n".encode(), ["--- a/f", "+++ b/f", "@@ -1 +1 @@", "-π", "+τ"]),
        (b"a\r\n", b"a\n", ["--- a/f", "+++ b/f", "@@ -1 +1 @@", "-a\\r", "+a"]),
        (b"-- x\n", b"++ x\n", ["--- a/f", "+++ b/f", "@@ -1 +1 @@", "--- x", "+++ x"]),
    ],
)
def test_what_a_file_was_and_is(pair, before, after, lines):
    assert list(pair.diff(before, after).lines) == lines


def test_only_its_mode(pair):
    assert pair.diff(b"a\n", b"a\n", executable=True).lines == ("f: changed: executable",)


def test_what_is_no_file_is_said_in_words(pair):
    pair.entries = [
        Change(path="d", kind="added", type="directory"),
        Change(path="l", kind="added", type="link", data=b"d/x"),
        Change(path="big", kind="added", size=2**40, refused="skipped: too large"),
    ]
    assert pair.changes().diff().lines == (
        "d: added: directory",
        "l: added: link to d/x",
        "big: added: skipped: too large",
    )


def test_names_and_patterns_choose(pair):
    for name in ("a.csv", "b.csv", "c.txt"):
        pair.file(name, b"1\n", b"2\n")
    changes = pair.changes()
    assert [line for line in changes.diff("*.csv").lines if line.startswith("+++")] == ["+++ b/a.csv", "+++ b/b.csv"]
    assert [line for line in changes.diff("c.txt").lines if line.startswith("+++")] == ["+++ b/c.txt"]
    with pytest.raises(NotApplied, match="no change is named d"):
        changes.diff("d")


@pytest.mark.parametrize("meanwhile", ["changed", "removed", "linked", "directory"])
def test_what_is_not_what_it_was_any_more_is_not_compared(pair, meanwhile):
    pair.file("f", b"before\n", b"after\n")
    changes = pair.changes()
    (pair.host / "f").unlink()
    (pair.host.parent / "secret").write_text("secret\n")
    if meanwhile == "changed":
        (pair.host / "f").write_bytes(b"secret\n")
    elif meanwhile == "linked":
        (pair.host / "f").symlink_to("../secret")
    elif meanwhile == "directory":
        (pair.host / "f").mkdir()
    (line,) = changes.diff().lines
    assert line == "f: changed: 7 B -> 6 B; what it held before is not known any more, or is too much"


def test_without_a_directory_before_only_what_is_new_can_be_shown():
    entries = (Change(path="a", kind="added", data=b"1\n"), Change(path="b", kind="changed", data=b"2\n", size=2))
    first, *_, last = Changes(entries=entries).diff().lines
    assert first == "--- /dev/null"
    assert last.startswith("b: changed: 2 B; what it held before is not known")


LINES = st.lists(st.sampled_from(["a", "b", "c", "", " x", "-", "@@ -1 +1 @@"]), max_size=30)


def applied(old, lines):
    """Return what a unified diff makes of a text, as patch(1) reads it."""
    new, at = [], 0
    for line in lines[2:]:
        if head := re.fullmatch(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", line):
            start = int(head[1]) - (head[2] != "0")
            new, at = new + old[at:start], start
            assert len(new) == int(head[3]) - (head[4] != "0")
        elif line[0] == " ":
            assert old[at] == line[1:]
            new, at = [*new, line[1:]], at + 1
        elif line[0] == "-":
            assert old[at] == line[1:]
            at += 1
        else:
            assert line[0] == "+"
            new.append(line[1:])
    return new + old[at:]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(LINES, LINES, st.sampled_from([0, 40, module.MOST_WORK]))
def test_it_leads_from_the_one_text_to_the_other(tmp_path, before, after, work):
    old, new = ("".join(f"{line}\n" for line in lines).encode() for lines in (before, after))
    if old == new:
        return
    comparison = module._Comparison(Change(path="f", kind="changed", data=new, size=len(new)), None)
    assert applied(before, comparison._compared(old, new, work)) == after


def test_lines_that_take_long_to_compare_are_replaced_as_a_whole(pair):
    """Each line is there a hundred times, and in another order: what difflib needs minutes for."""
    before = "".join(f"{n * 7919 % 499}\n" for n in range(50_000)).encode()
    after = "".join(f"{n * 104_729 % 499}\n" for n in range(50_000)).encode()
    for name in ("f", "g"):
        pair.file(name, before, after)
    began = time.process_time()
    found = pair.changes().diff()
    assert time.process_time() - began < 20
    assert len(found.lines) == module.MOST_LINES
    assert found.rest == "... and 98,002 more lines and 1 more file; diff(NAME) shows one file"


def test_all_comparisons_together_have_one_bound(pair, monkeypatch):
    monkeypatch.setattr(module, "MOST_WORK", 30)  # one of them takes 24
    for name in ("f", "g"):
        pair.file(name, b"a\nb\nc\nd\n", b"b\na\nd\nc\n")
    lines = pair.changes().diff().lines
    first, second = lines[: lines.index("--- a/g")], lines[lines.index("--- a/g") :]
    assert any(line.startswith(" ") for line in first), "the first one is compared"
    assert not any(line.startswith(" ") for line in second)
    for each in (first, second):
        assert applied(["a", "b", "c", "d"], list(each)) == ["b", "a", "d", "c"]


def test_a_large_file_is_its_size(pair):
    pair.file("f", b"a\n" * 2**19, b"b\n" * 2**20)
    assert pair.changes().diff().lines == ("f: changed: 1.0 MiB -> 2.0 MiB",)
    pair.file("g", b"a\n" * 2**20, b"b\n")
    assert pair.changes().diff("g").lines[0].startswith("g: changed: 2.0 MiB -> 2 B; what it held before")


def test_what_it_shows_can_not_drive_a_terminal_or_a_page(pair):
    pair.file("f\x1b]0;x\x07", None, b"\x1b[2J\xc2\x9b31m\xe2\x80\xae<script>alert(1)</script>\n" + b"x" * 10_000)
    found = pair.changes().diff()
    assert all(line.replace("\t", "").isprintable() for line in found.lines)
    assert max(map(len, found.lines)) < 700
    assert "<script" not in found._repr_html_()
    assert "&lt;script&gt;" in found._repr_html_()


def test_a_notebook_shows_it_with_colours(pair):
    found = pair.diff(b"-- old\nsame\n", b"++ new\nsame\n")  # which look like a head
    divs = re.findall(r'<div(?: style="([^"]*)")?>([^<]*)</div>', found._repr_html_())
    assert [(text, style.partition(":")[0]) for style, text in divs] == [
        ("--- a/f", "font-weight"), ("+++ b/f", "font-weight"), ("@@ -1,2 +1,2 @@", "background"),
        ("--- old", "background"), ("+++ new", "background"), (" same", ""),
    ]  # fmt: skip
    assert divs[3][0] != divs[4][0]


def test_nothing_changed():
    assert repr(Changes().diff()) == "<Diff: no changes>"
    assert "no changes" in Changes().diff()._repr_html_()


def test_a_fifo_in_the_place_of_the_original_holds_nothing_up(pair):
    pair.file("f", b"before\n", b"after\n")
    changes = pair.changes()
    Path(pair.host / "f").unlink()
    os.mkfifo(pair.host / "f")
    assert "not known any more" in changes.diff().lines[0]
