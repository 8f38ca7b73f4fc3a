"""The two outputs of a run: its picture, and below it the live widget, whose place the details take.

A front end saves what an output shows. A widget is nothing without its kernel ("model not found"), so it has an output
of its own, and the other one holds a static picture meanwhile, which is hidden as long as the widget lives.
"""

from __future__ import annotations

import uuid
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

WAITING = "waiting for your answer · the time limit waits too"

_LIVE = ".sandbox-dashboard:not(.jupyter-widgets-disconnected)"
_CHILD = ".jp-OutputArea-child"
# Of JupyterLab and Notebook 7, which take the second class away from the widgets when the kernel goes: what is live
# hides the static picture, and what is not is hidden. A question is on screen as long as its field is.
_STYLE = f"""<style>
{_CHILD}:has(+ {_CHILD} {_LIVE}) .sandbox-still{{display:none}}
{_CHILD}:has(.sandbox-still) + {_CHILD}:not(:has({_LIVE})){{display:none}}
.jp-OutputArea:has(.jp-Stdin) .sandbox-asks{{display:flex!important}}
.sandbox-asks{{align-items:center;gap:10px;padding:4px 10px;font:13px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif;
border:1px solid #8886;border-radius:6px;max-width:1200px;box-sizing:border-box}}
.sandbox-asks b{{flex:1 1 0}}
.sandbox-asks button{{font:12px/22px system-ui,sans-serif;padding:0 9px;border:1px solid #8886;border-radius:5px;
background:none;color:inherit;cursor:pointer}}
</style>"""
# The front end's own command: it takes the question's field out of the front end's way as well, which no message of
# the kernel's can do; a press of a widget's button would leave every later cell waiting for the answer.
_STOP = (
    '<button class="sandbox-stop" data-commandlinker-command="notebook:interrupt-kernel" '
    'title="Stop: end the code now">Stop</button>'
)


class Places:
    """Where a run is shown. Each place is made with the first thing that is shown there."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._bundles: dict[str, Mapping[str, object]] = {}

    def show(self, place: str, bundle: Mapping[str, object]) -> None:
        """Show a bundle in a place, instead of what is there."""
        from IPython.display import display, update_display

        show: Any = update_display if place in self._ids else display
        display_id = self._ids.setdefault(place, f"sandbox-{uuid.uuid4()}")
        self._bundles[place] = bundle
        show(dict(bundle), raw=True, display_id=display_id)

    def show_again(self) -> None:
        """Show each place once more, as it is, where the front end has cleared them."""
        from IPython.display import display

        for place, bundle in self._bundles.items():
            display(dict(bundle), raw=True, display_id=self._ids[place])  # type: ignore[no-untyped-call] # IPython's


def meanwhile(still: str, *, asks: bool) -> str:
    """Return what the first place holds while the code runs.

    Args:
        still: A picture as HTML, or nothing.
        asks: Whether a question is on screen.
    """
    row = f'<div class="sandbox-asks" hidden role="status"><b>{escape(WAITING)}</b>{_STOP}</div>'
    return f'{_STYLE}{row * asks}<div class="sandbox-still">{still}</div>'
