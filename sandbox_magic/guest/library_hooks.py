"""What is changed in libraries that would open a window or a browser, which a sandbox has not.

Loaded when the first of them has been imported. Each hook changes as little of a module as it can: what a library does
where somebody has asked for something else stays.
"""

from __future__ import annotations

import os

from . import figures

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any, Callable

    from .channel import Channel

_WINDOWS = ("gtk3agg", "gtk3cairo", "gtk4agg", "gtk4cairo", "macosx", "nbagg", "notebook", "ipympl", "widget", "qtagg",
            "qtcairo", "qt5agg", "qt5cairo", "tkagg", "tkcairo", "webagg", "wx", "wxagg", "wxcairo")  # fmt: skip
_PLOTLY = (
    "<plotly figure, not shown: it needs scripts. figure.write_html('figure.html') keeps it, and --save '*.html' "
    "brings it out>"
)
_PICTURES = ("png", "jpeg", "jpg", "svg", "pdf")  # that plotly's renderers draw, if kaleido is there


class LibraryHooks:
    """Changes modules, by their names; `cell_builtins.HOOKED` lists them, which a cold cell waits for.

    Args:
        shows: What shows things.
        channel: Where what is to be said goes.
        backend: The name of matplotlib's backend.
    """

    def __init__(self, shows: Any, channel: Channel, backend: str) -> None:
        self._shows = shows
        self._channel = channel
        self._backend = "module://" + backend
        self._hooks: dict[str, Callable[[Any], None]] = {
            "IPython.core.display_functions": self._into_ipython,
            "matplotlib": self._into_matplotlib,
            "matplotlib.backends.backend_agg": self._into_agg,
            "plotly.basedatatypes": self._into_plotly,
            "webbrowser": self._into_webbrowser,
            "PIL.ImageShow": self._into_pillow,
        }

    def change(self, module: Any) -> None:
        """Change a module that has just been imported."""
        self._hooks[module.__name__](module)

    def _into_ipython(self, module: Any) -> None:
        """Have its display functions be the guest's."""
        for name in ("display", "publish_display_data", "update_display", "clear_output"):
            setattr(module, name, getattr(self._shows, name))

    def _into_matplotlib(self, module: Any) -> None:
        """Make the guest's backend the default, also for those who ask for one with windows."""
        if "MPLBACKEND" not in os.environ:
            module.rcParams["backend"] = self._backend
        original = module.use

        def use(backend: Any, **how: Any) -> None:
            original(self._backend if str(backend).lower() in _WINDOWS else backend, **how)

        use.__doc__ = original.__doc__
        module.use = use

    def _into_agg(self, module: Any) -> None:
        """Have ``show()`` show where Agg was asked for, and leave the figures open, as they are there afterwards."""
        module.show = figures.show(lambda figure: self._shows.figure(figure, again=figure.stale), close=False)

    def _into_plotly(self, module: Any) -> None:
        """Have its figures say why they are not shown, in place of a dump or nothing."""
        figure = module.BaseFigure
        original = figure.show

        def show(shown: Any, *args: Any, **how: Any) -> Any:
            import plotly.io  # type: ignore[import-not-found, unused-ignore] # the cell's

            renderer = str(args[0] if args else how.get("renderer") or plotly.io.renderers.default)
            if any(kind in _PICTURES for kind in renderer.split("+")):
                return original(shown, *args, **how)
            self._shows.display({"text/plain": _PLOTLY, "application/vnd.plotly.v1+json": "{}"}, raw=True)
            return None

        show.__doc__ = original.__doc__
        figure.show = figure._ipython_display_ = show

    def _into_webbrowser(self, module: Any) -> None:
        """Have it said that a page was to be opened."""

        def open(url: str, new: int = 0, autoraise: bool = True) -> bool:  # noqa: A001, ARG001, FBT001, FBT002 - Python's
            """Say that there is no browser."""
            try:
                self._channel.send(b"note", b"browser")
            except self._channel.ChannelClosed:
                return False  # of a forked copy nobody hears
            return False

        module.open = open

    def _into_pillow(self, module: Any) -> None:
        """Have ``image.show()`` show the image."""
        module.register(Viewer(self._shows), 0)


class Viewer:
    """What Pillow shows an image with.

    Args:
        shows: What shows things.
    """

    def __init__(self, shows: Any) -> None:
        self._shows = shows

    def show(self, image: Any, **_how: object) -> bool:
        """Show it; return whether it could be."""
        self._shows.display(image)
        return True
