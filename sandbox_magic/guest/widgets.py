"""What a widget of ipywidgets looks like at a moment, as HTML that needs no script: the host cleans it as any other.

Loaded only when a widget is shown. It reads the widgets that there are in this process, and imports none.
"""

from __future__ import annotations

import base64
import html
import sys

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_MOST_DEPTH = 8  # of boxes in boxes
_MOST_CHILDREN = 100
_MOST_CHARACTERS = 2000  # of a value


def static(view: Any) -> str:
    """Return a widget as it stands; empty where nothing is known of its kind.

    Args:
        view: What is shown of it: has its ``model_id``.
    """
    module = sys.modules.get("ipywidgets.widgets.widget")
    known = getattr(module, "_instances", None)
    if known is None:  # up to ipywidgets 7
        known = getattr(getattr(module, "Widget", None), "widgets", {})
    try:
        return _drawn(known[view["model_id"]], _MOST_DEPTH)
    except Exception:  # noqa: BLE001 - it is closed, or the code's own kind of widget raises
        return ""


def _drawn(widget: Any, depth: int) -> str:
    if depth <= 0 or widget.layout.display == "none" or widget.layout.visibility == "hidden":
        return ""
    if hasattr(widget, "children"):
        return "".join(_in_box(widget, depth))
    if hasattr(widget, "outputs"):
        return "".join(map(_output, widget.outputs[:_MOST_CHILDREN]))
    return _alone(widget, type(widget).__name__)


def _alone(widget: Any, kind: str) -> str:
    """Return a widget that holds no others."""
    if kind in ("HTML", "HTMLMath"):
        return _labelled(widget, str(widget.value))
    if kind == "Image":
        return _picture(f"image/{widget.format}", base64.b64encode(widget.value).decode())
    if kind in ("Button", "ToggleButton"):
        return f"<div>[{_escaped(widget.description)}]</div>"
    return _labelled(widget, _value(widget)) if hasattr(widget, "value") else ""


def _in_box(box: Any, depth: int) -> Iterator[str]:
    """Yield the children of a box: side by side in a row, below their titles where it has some."""
    titles = getattr(box, "titles", ())
    row = type(box).__name__ == "HBox"
    for number, child in enumerate(box.children[:_MOST_CHILDREN]):
        if number < len(titles) and titles[number]:
            yield f"<div><b>{_escaped(titles[number])}</b></div>"
        drawn = _drawn(child, depth - 1)
        yield f'<div style="display: inline-block; padding-right: 1em">{drawn}</div>' if row and drawn else drawn


def _labelled(widget: Any, value: str) -> str:
    description = _escaped(getattr(widget, "description", ""))
    return f"<div>{description}{': ' if description and value else ''}{value}</div>"


def _value(widget: Any) -> str:
    value = widget.value
    if isinstance(value, bool):
        return "\u2611" if value else "\u2610"
    if type(widget).__name__ == "Password":
        return "\u2022" * len(value)
    shown = getattr(widget, "label", None)  # of what was selected
    value = value if shown is None else shown
    if isinstance(value, tuple):
        value = ", ".join(map(str, value))
    whole = f" of {widget.max}" if type(widget).__name__.endswith("Progress") else ""
    return _escaped("" if value is None else value) + whole


def _output(output: Any) -> str:
    """Return what an `Output` holds one of, as a notebook's file has it."""
    if output["output_type"] == "stream":
        return f"<pre>{_escaped(output['text'])}</pre>"
    data = output.get("data", {})
    for mime in ("image/png", "image/jpeg"):
        if mime in data:
            return _picture(mime, "".join(data[mime]))
    if "text/html" in data:
        return f"<div>{''.join(data['text/html'])}</div>"
    return f"<pre>{_escaped(''.join(data.get('text/plain', output.get('evalue', ''))))}</pre>"


def _picture(mime: str, encoded: str) -> str:
    return f'<div><img src="data:{html.escape(mime)};base64,{encoded}"></div>'


def _escaped(value: object) -> str:
    text = str(value)
    return html.escape(text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + "\u2026")
