"""The dashboard's buttons, and whether a press can reach a kernel whose main thread runs a cell.

A front end sends a press as a message, and a busy kernel does not read those on its main thread. Since
ipykernel 7 a front end can ask for further threads, "subshells" (JEP 91), and JupyterLab and Notebook
send presses there. Where none was asked for, a button would be dead, so there is none.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

from sandbox_magic.safe_import import importing

if TYPE_CHECKING:
    from collections.abc import Callable

HINT = "use the kernel's stop button"
HINT_TITLE = (
    "This kernel reads no press of a button while a cell runs. "
    "Interrupt the kernel (■ in the notebook's tool bar, or I, I) to stop the cell."
)
_PATIENCE_SECONDS = 1.0  # the front end asks for its thread when it sees the first widget


class Controls(Protocol):
    """What the buttons need of a run; called from another thread than the one that runs it."""

    @property
    def paused(self) -> bool:
        """Whether it is paused."""

    def interrupt(self) -> None:
        """End it."""

    def pause(self) -> None:
        """Stop it where it is."""

    def resume(self) -> None:
        """Let it go on."""


class Buttons:
    """Pause or Resume, Stop, and details; or words where they could not work.

    Attributes:
        box: The widget to place.

    Args:
        make: Makes a widget that is closed with the others.
        pressed: Called on the kernel's other thread with ``pause``, ``stop`` or ``details``.
        controlled: Whether there is a run to pause and to stop.
    """

    box: Any

    def __init__(self, make: Callable[..., Any], pressed: Callable[[str], None], *, controlled: bool) -> None:
        with importing():
            import ipywidgets
        self._controlled = controlled
        self._since = time.monotonic()
        self._heard = False
        self._pause, self._stop, self._details = self._all = tuple(
            make(
                ipywidgets.Button,
                description=description,
                _dom_classes=("sandbox-button", f"sandbox-{name}"),
                layout={"width": "auto"},
            )
            for name, description in (("pause", "Pause"), ("stop", "Stop"), ("details", "details ▾"))
        )
        for button, name in zip(self._all, ("pause", "stop", "details"), strict=True):
            button.on_click(lambda _button, name=name: pressed(name))
            # ipykernel 7.4.0 reads a press on the thread that published last on the button's comm, which may be
            # the busy main one; without this method of the comm, on the thread that the front end chose.
            vars(button.comm)["_reply_subshell_for"] = None
        self._hint = make(
            ipywidgets.HTML, value=f'<span title="{HINT_TITLE}">{HINT}</span>', _dom_classes=("sandbox-hint",)
        )
        self._stop.tooltip = "Stop: end the code now"
        self.box = make(ipywidgets.HBox, _dom_classes=("sandbox-buttons",))

    def update(self, *, paused: bool, opened: bool) -> None:
        """Show what can be pressed, and how the run and the details are."""
        self._heard = self._heard or heard()
        self._pause.description = "Resume" if paused else "Pause"
        self._pause.tooltip = (
            "Resume: let the code go on" if paused else "Pause: stop the code where it is, for a while"
        )
        self._details.description = "details ▴" if opened else "details ▾"
        self._details.tooltip = f"{'Hide' if opened else 'Show'} processes, bytes and figures"
        if self._heard:
            self.box.children = self._all if self._controlled else (self._details,)
        elif not able() or time.monotonic() - self._since > _PATIENCE_SECONDS:
            self.box.children = (self._hint,)

    def ending(self) -> None:
        """Take no further presses: the run is being stopped."""
        self._pause.disabled = self._stop.disabled = True


def able() -> bool:
    """Whether the kernel can read messages beside a running cell."""
    return "kernel subshells" in _kernel_info().get("supported_features", ())


def heard() -> bool:
    """Whether it does: a front end has asked for a thread of its own."""
    if not able():
        return False
    try:
        return bool(_kernel().shell_channel_thread.manager.list_subshell())
    except AttributeError:  # not public: believe what the kernel says of itself
        return True


def _kernel() -> Any:
    from IPython.core.getipython import get_ipython

    return getattr(get_ipython(), "kernel", None)


def _kernel_info() -> dict[str, Any]:
    info = getattr(_kernel(), "kernel_info", None)
    return info if isinstance(info, dict) else {}
