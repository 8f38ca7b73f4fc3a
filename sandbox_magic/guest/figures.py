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
    from matplotlib._pylab_helpers import Gcf
    from matplotlib.backend_bases import FigureManagerBase
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    def new_figure_manager(number: Any, *args: Any, **how: Any) -> Any:
        from matplotlib.figure import Figure

        return new_figure_manager_given_figure(number, how.pop("FigureClass", Figure)(*args, **how))

    def new_figure_manager_given_figure(number: Any, figure: Any) -> Any:
        return FigureManagerBase(FigureCanvasAgg(figure), number)

    def show(*_args: object, **_how: object) -> None:
        """Show every open figure, in order, and close it."""
        managers = Gcf.get_all_fig_managers()
        try:
            for manager in managers:
                show_figure(manager.canvas.figure)
        finally:
            Gcf.destroy_all()

    module.FigureCanvas = FigureCanvasAgg
    module.FigureManager = FigureManagerBase
    module.new_figure_manager = new_figure_manager
    module.new_figure_manager_given_figure = new_figure_manager_given_figure
    module.show = show


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
