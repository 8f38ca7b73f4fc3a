"""What lies over the live panels: where labels have room, and what the pointer is told."""

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sandbox_magic.model.policy import Limits
from sandbox_magic.model.timeline import Mark, Sample
from sandbox_magic.notebook.dashboard import html_layer
from sandbox_magic.picture import mark_labels

MARKS = st.lists(
    st.builds(Mark, st.text(min_size=1, max_size=40), st.floats(0, 10), st.booleans()), min_size=1, max_size=20
)


@given(MARKS)
def test_no_label_meets_another_at_any_width(marks):
    labels = mark_labels.flags(marks, 10)
    shown = html_layer.roomy(labels)
    for width in (*html_layer.WIDTHS, 700, 1050):
        spans = sorted(
            tuple(labels[index].place * width + edge for edge in labels[index].reach)
            for index, least in shown.items()
            if least <= width
        )
        assert all(one[1] <= other[0] for one, other in pairwise(spans))


@given(MARKS)
def test_the_newest_mark_has_a_label_at_every_width(marks):
    labels = mark_labels.flags(marks, 10)
    assert html_layer.roomy(labels)[len(labels) - 1] == html_layer.WIDTHS[0]


def test_every_mark_has_a_line_and_the_newest_eight_may_have_a_label():
    html = html_layer.marks_html([Mark(f"m{n}", n / 10) for n in range(100)], 10, 112)
    assert html.count("<line ") == 100
    assert 1 <= html.count("<text ") <= html_layer.MOST_LABELS
    assert ">m99<" in html


def test_a_label_of_hostile_code_stays_text():
    html = html_layer.marks_html([Mark("<script>alert(1)</script>", 1, own=True)], 2, 112)
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_the_strips_cover_the_time_so_far_and_tell_the_most_of_what_they_cover():
    samples = [
        Sample(seconds=n / 100, cpu_percent=float(n), memory_bytes=n * 2**20, processes=2) for n in range(1, 601)
    ]
    html = html_layer.hover_html(samples, 10)
    assert html.count("<i ") == html_layer.MOST_STRIPS
    assert "6.00 s · 600 % CPU · 600 MiB · 2 processes" in html
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%", html)]
    assert abs(sum(widths) - 60) < 1


def test_what_is_unknown_is_told_as_unknown():
    assert 'data-say="0.50 s · CPU unknown · memory unknown"' in html_layer.hover_html([Sample(seconds=0.5)], 1)


def test_the_panels_are_told_in_words():
    samples = [
        Sample(seconds=1, cpu_percent=150, memory_bytes=2**20),
        Sample(seconds=2, cpu_percent=90, memory_bytes=2**20),
    ]
    told = html_layer.told_html(samples, [Mark("sorted", 1.2, own=True)], Limits())
    assert "CPU: 90 % of one core after 2.0 s, at most 150 %." in told
    assert "Memory: 1.0 MiB, at most 1.0 MiB, limit 512 MiB." in told
    assert "Marks: “sorted” at 1.2 s." in told
