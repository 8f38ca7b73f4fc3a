"""The static picture's colours and type: its style sheet, light, dark, or as the page is."""

from __future__ import annotations

from typing import Literal

Theme = Literal["light", "dark", "auto"]

LEFT, RIGHT = 60, 88  # gutters, in pixels: of the ticks' labels, of the words at the curves' ends
_CAUSE_FROM = LEFT + RIGHT + 280  # pixels; in a narrower picture the words at the end would meet the limit's

# The curves have Okabe and Ito's colours, which colour-blind readers tell apart; as words on white
# they would be too pale to read (WCAG asks for a contrast of 4.5), so words have darker ones there.
_LIGHT = {
    "card": "#ffffff", "edge": "#dfe3e8", "ink": "#1f2328", "soft": "#59636e", "grid": "#eaedf0",
    "cpu": "#56B4E9", "cpu-word": "#0B6AA8", "memory": "#E69F00", "memory-word": "#8F5F00",
    "first": "#0072B2", "first-word": "#005F96", "second": "#CC79A7", "second-word": "#9C4577",
    "good": "#009E73", "bad": "#D55E00",
}  # fmt: skip
_DARK = {
    "card": "#15181c", "edge": "#30363d", "ink": "#e6e8ea", "soft": "#a3acb5", "grid": "#272c32",
    "cpu": "#56B4E9", "cpu-word": "#7CC6F2", "memory": "#E69F00", "memory-word": "#F2B233",
    "first": "#56B4E9", "first-word": "#7CC6F2", "second": "#DE8FBC", "second-word": "#F0B4D4",
    "good": "#2BB98F", "bad": "#F0803C",
}  # fmt: skip
_COLOURS = (
    ".card{{fill:{card};stroke:{edge}}}.grid{{stroke:{grid}}}.limit{{stroke:{soft}}}"
    ".moment{{stroke:{soft}}}text{{fill:{soft}}}.state{{fill:{ink}}}.halo{{stroke:{card}}}"
    ".cpu{{stroke:{cpu}}}.cpu-fill{{fill:{cpu}}}.cpu-word{{fill:{cpu-word}}}"
    ".memory{{stroke:{memory}}}.memory-fill{{fill:{memory}}}.memory-word{{fill:{memory-word}}}"
    ".first{{stroke:{first}}}.first-fill{{fill:{first}}}.first-word{{fill:{first-word}}}"
    ".second{{stroke:{second}}}.second-fill{{fill:{second}}}.second-word{{fill:{second-word}}}"
    ".good{{stroke:{good}}}.bad{{stroke:{bad}}}"
)
_SHAPES = (
    "text{font:10.5px system-ui,-apple-system,'Segoe UI',sans-serif}.words{font-size:12px}"
    ".state{font-weight:600;font-size:13px}.word{font-weight:600;font-size:11.5px}"
    ".curve{fill:none;stroke-width:1.8;stroke-linejoin:round;vector-effect:non-scaling-stroke}"
    ".part{stroke-width:1}.dashed{stroke-dasharray:6 3}.moment{opacity:.45}.flag{display:none}"
    ".area{opacity:.18}.share{opacity:.3}.limit{stroke-dasharray:5 4}"
    ".mark{fill:none;stroke-width:2.2;stroke-linecap:round}.thin{stroke-width:1.6}"
    ".halo{stroke-width:3;paint-order:stroke;stroke-linejoin:round}"
    f".card{{width:calc(100% - 1px)}}.plot{{width:calc(100% - {LEFT + RIGHT}px)}}"
    ".plot,.plot svg{overflow:visible;display:block}"
    f"@media(max-width:{_CAUSE_FROM}px){{.cause{{display:none}}}}"
)

# For the page around an <img>: a picture inside it prefers the colours that its element is said to have.
PAGE_STYLE = (
    "<style>img.sandbox-picture{width:100%;max-width:1200px;display:block}"
    "[data-jp-theme-light=true] img.sandbox-picture{color-scheme:only light}"
    "[data-jp-theme-light=false] img.sandbox-picture{color-scheme:only dark}</style>"
)


def stylesheet(theme: Theme) -> str:
    """Return the style sheet of the picture itself."""
    light, dark = _COLOURS.format_map(_LIGHT), _COLOURS.format_map(_DARK)
    both = {"light": light, "dark": dark, "auto": f"{light}@media(prefers-color-scheme:dark){{{dark}}}"}
    return _SHAPES + both[theme]
