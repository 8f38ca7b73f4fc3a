"""matplotlib's backend: figures that ``show()`` and the end of the cell show, each once, in order, as pictures."""

from __future__ import annotations

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any, Callable


def fill(module: Any, show_figure: Callable[[Any], None]) -> None:
    """Make a module into a backend.

    Args:
        module: The module.
        show_figure: Shows one figure.
    """
    from matplotlib.backend_bases import FigureManagerBase
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    def new_figure_manager(number: Any, *args: Any, **how: Any) -> Any:
        from matplotlib.figure import Figure

        return new_figure_manager_given_figure(number, how.pop("FigureClass", Figure)(*args, **how))

    def new_figure_manager_given_figure(number: Any, figure: Any) -> Any:
        return FigureManagerBase(FigureCanvasAgg(figure), number)

    module.FigureCanvas = FigureCanvasAgg
    module.FigureManager = FigureManagerBase
    module.new_figure_manager = new_figure_manager
    module.new_figure_manager_given_figure = new_figure_manager_given_figure
    module.show = show(show_figure, close=True)


def show(show_figure: Callable[[Any], None], *, close: bool) -> Callable[..., None]:
    """Return what a backend has as ``show``.

    Args:
        show_figure: Shows one figure.
        close: Whether the figures are closed when they have been shown.
    """
    from matplotlib._pylab_helpers import Gcf

    def show(*_args: object, **_how: object) -> None:
        """Show every open figure, in order."""
        try:
            for manager in Gcf.get_all_fig_managers():
                show_figure(manager.canvas.figure)
        finally:
            if close:
                Gcf.destroy_all()

    return show


def picture(figure: Any) -> bytes | None:
    """Draw a figure as PNG, as IPython does; None if there is nothing on it."""
    if not figure.axes and not figure.lines:
        return None
    import io

    file = io.BytesIO()
    figure.canvas.print_figure(
        file, format="png", bbox_inches="tight", dpi=figure.dpi,
        facecolor=figure.get_facecolor(), edgecolor=figure.get_edgecolor(),
    )  # fmt: skip
    return file.getvalue()
