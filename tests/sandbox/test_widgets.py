"""Widgets of ipywidgets in a sandbox: no script of theirs, but what they show at the moment."""

import base64

import pytest

import sandbox_magic as sm

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WIDGETS = {
    "w.IntSlider(description='speed <', value=7)": "speed &lt;: 7",
    "w.Checkbox(description='on', value=True)": "on: \u2611",
    "w.Dropdown(description='size', options=[('small', 1), ('large', 2)], value=2)": "size: large",
    "w.IntRangeSlider(value=(2, 4), description='from')": "from: 2, 4",
    "w.IntProgress(value=3, max=5)": "3 of 5",
    "w.Button(description='Press')": "[Press]",
    "w.Password(value='secret')": "\u2022" * 6,
    "w.HTML('<b>bold</b><script>alert(1)</script>')": "<b>bold</b>",
    f"w.Image(value={PIXEL!r}, format='png')": 'src="data:image/png;base64,iVBOR',
    "w.VBox([w.Label('one'), w.HBox([w.Label('two'), w.Text('three')])])": "three",
    "w.Tab([w.Label('one')], titles=['first'])": "<b>first</b>",
    "out = w.Output()\nout.append_stdout('said <')\nout": "<pre>said &lt;</pre>",
}


@pytest.fixture(scope="module")
def session():
    with sm.Session() as session:
        assert session.run("import ipywidgets as w").ok
        yield session


def test_a_widget_is_shown_as_it_stands_and_named_as_left_out(session):
    for source, expected in WIDGETS.items():
        result = session.run(source)
        (shown,) = result.displays
        assert expected in shown.data["text/html"], source
        assert "script" not in shown.data["text/html"]
        assert not any("widget" in mime for mime in shown.data)
        assert any("this is how the widget stood" in note for note in result.notes), result.notes


def test_a_widget_that_can_not_be_drawn_is_shown_as_text(session):
    """One of the code's own kind, one that is hidden, one that is in itself."""
    for source in (
        "class Own(w.DOMWidget): pass\nOwn()",
        "w.VBox([w.Label('one')], layout=w.Layout(visibility='hidden'))",
        "box = w.VBox()\nbox.children = (box, box)\nbox",
    ):
        result = session.run(source)
        assert result.ok, result.stderr
        (shown,) = result.displays
        assert "text/html" not in shown.data
        assert shown.data["text/plain"]


def test_interact_shows_what_the_first_call_showed(session):
    result = session.run("def square(n=3):\n    print('square', n * n)\nw.interact(square, n=(1, 10));")
    assert "square 9" in result.stdout + str([shown.data for shown in result.displays])
    assert any("n: 3" in shown.data.get("text/html", "") for shown in result.displays)


def test_a_plain_cell_shows_a_widget_too():
    result = sm.run("import ipywidgets as w\nw.IntSlider(description='speed', value=7)")
    assert "speed: 7" in result.displays[0].data["text/html"]
