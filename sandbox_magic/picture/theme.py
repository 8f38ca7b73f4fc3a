"""The static picture's colours and type: its style sheet, light, dark, or as the page is."""

from __future__ import annotations

from typing import Literal

Theme = Literal["light", "dark", "auto"]

LARGE = 1.6  # times the size, for a projector
LEFT, RIGHT = 60, 88  # gutters, in pixels: of the ticks' labels, of the words at the curves' ends
_CAUSE_FROM = LEFT + RIGHT + 280  # pixels; in a narrower picture the words at the end would meet the limit's

# The curves have Okabe and Ito's colours, which colour-blind readers tell apart; as words on white
# they would be too pale to read (WCAG asks for a contrast of 4.5), so words have darker ones there.
_LIGHT = {
    "card": "#ffffff", "edge": "#dfe3e8", "ink": "#1f2328", "soft": "#59636e", "grid": "#eaedf0",
    "cpu": "#56B4E9", "cpu-word": "#0B6AA8", "memory": "#E69F00", "memory-word": "#8F5F00",
    "run0": "#0072B2", "run0-word": "#005F96", "run1": "#CC79A7", "run1-word": "#9C4577",
    "run2": "#009E73", "run2-word": "#00704F", "run3": "#E69F00", "run3-word": "#8F5F00",
    "run4": "#D55E00", "run4-word": "#A84300", "run5": "#6E6E6E", "run5-word": "#565656",
    "good": "#009E73", "bad": "#D55E00",
}  # fmt: skip
_DARK = {
    "card": "#15181c", "edge": "#30363d", "ink": "#e6e8ea", "soft": "#a3acb5", "grid": "#272c32",
    "cpu": "#56B4E9", "cpu-word": "#7CC6F2", "memory": "#E69F00", "memory-word": "#F2B233",
    "run0": "#56B4E9", "run0-word": "#7CC6F2", "run1": "#DE8FBC", "run1-word": "#F0B4D4",
    "run2": "#2BB98F", "run2-word": "#5FD3B0", "run3": "#E69F00", "run3-word": "#F2B233",
    "run4": "#F0803C", "run4-word": "#F6A273", "run5": "#A9A9A9", "run5-word": "#C4C4C4",
    "good": "#2BB98F", "bad": "#F0803C",
}  # fmt: skip
RUNS = ("run0", "run1", "run2", "run3", "run4", "run5")  # the curves of a comparison
_COLOURS = (
    ".card{{fill:{card};stroke:{edge}}}.grid{{stroke:{grid}}}.limit{{stroke:{soft}}}"
    ".moment,.lead{{stroke:{soft}}}.pause{{color:{soft}}}text{{fill:{soft}}}.state{{fill:{ink}}}.halo{{stroke:{card}}}"
    + "".join(
        f".{name}{{{{stroke:{{{name}}}}}}}.{name}-fill{{{{fill:{{{name}}}}}}}.{name}-word{{{{fill:{{{name}-word}}}}}}"
        for name in ("cpu", "memory", *RUNS)
    )
    + ".good{{stroke:{good}}}.bad{{stroke:{bad}}}"
)
_SHAPES = (
    "text{font:10.5px system-ui,-apple-system,'Segoe UI',sans-serif}.words{font-size:12px}"
    ".state{font-weight:600;font-size:13px}.word{font-weight:600;font-size:11.5px}"
    ".curve{fill:none;stroke-width:1.8;stroke-linejoin:round;vector-effect:non-scaling-stroke}"
    ".part{stroke-width:1}.dashed{stroke-dasharray:6 3}.dotted{stroke-dasharray:2 3}"
    ".moment{opacity:.45}.flag{display:none}"
    ".area{opacity:.18}.share{opacity:.3}.pause{opacity:.1;fill:currentColor}"
    ".lead{stroke-dasharray:1 3;opacity:.7}.limit{stroke-dasharray:5 4}"
    ".mark{fill:none;stroke-width:2.2;stroke-linecap:round}.thin{stroke-width:1.6}"
    ".halo{stroke-width:3;paint-order:stroke;stroke-linejoin:round}"
    f".card{{width:calc(100% - 1px)}}.plot{{width:calc(100% - {LEFT + RIGHT}px)}}"
    ".plot,.plot svg{overflow:visible;display:block}"
    f"@media(max-width:{_CAUSE_FROM}px){{.cause{{display:none}}}}"
)

# For the page around an <img>: a picture inside it prefers the colours that its element is said to have.
PAGE_STYLE = (
    f"<style>.sandbox-large img.sandbox-picture{{zoom:{LARGE}}}"
    "img.sandbox-picture{width:100%;max-width:1200px;display:block}"
    "[data-jp-theme-light=true] img.sandbox-picture{color-scheme:only light}"
    "[data-jp-theme-light=false] img.sandbox-picture{color-scheme:only dark}</style>"
)


def colours(theme: Theme) -> dict[str, str]:
    """Return the colours of a picture by name; as on a light page, unless it is dark."""
    return _DARK if theme == "dark" else _LIGHT


def stylesheet(theme: Theme) -> str:
    """Return the style sheet of the picture itself."""
    light, dark = _COLOURS.format_map(_LIGHT), _COLOURS.format_map(_DARK)
    both = {"light": light, "dark": dark, "auto": f"{light}@media(prefers-color-scheme:dark){{{dark}}}"}
    return _SHAPES + both[theme]
