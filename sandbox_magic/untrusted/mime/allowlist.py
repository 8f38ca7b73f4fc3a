"""What HTML from a stranger may hold: elements, and for their attributes the form of a value."""

from __future__ import annotations

import re

TAGS = frozenset(
    """
    a abbr address article aside b bdi big blockquote br caption center cite code col colgroup dd del details dfn
    div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img input ins kbd label li main mark
    meter nav ol p pre progress q rp rt ruby s samp section small span strike strong sub summary sup table tbody
    td tfoot th thead time tr tt u ul var wbr
    """.split()
)
_NUMBER = re.compile(r"-?(?:\d{1,7}(?:\.\d{0,9})?|\.\d{1,9})")
_LENGTH = re.compile(r"\d{1,4}(?:\.\d{1,4})?(?:%|px)?")
_COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}|[a-zA-Z]{3,24}")
_PLACE = re.compile(r"left|right|center|justify|top|middle|bottom|baseline", re.IGNORECASE)
FLAG = re.compile(r".{0,30}", re.DOTALL)
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,4}")
_ANY = re.compile(r"[^\x00-\x1f\x7f]{0,2000}|[^\x00-\x08\x0b\x0e-\x1f\x7f]{0,2000}")

_CELL = {"align": _PLACE, "valign": _PLACE, "width": _LENGTH, "height": _LENGTH, "bgcolor": _COLOUR}
SHAPED = {  # attributes whose value is kept as it is, where it has this form
    "*": {"title": _ANY, "lang": _LANGUAGE, "dir": re.compile("ltr|rtl|auto"), "hidden": FLAG},
    "table": {"border": _LENGTH, "cellpadding": _LENGTH, "cellspacing": _LENGTH, **_CELL},
    "td": {**_CELL, "nowrap": FLAG},
    "th": {**_CELL, "nowrap": FLAG, "scope": re.compile("row|col|rowgroup|colgroup")},
    "tr": _CELL,
    "thead": _CELL,
    "tbody": _CELL,
    "tfoot": _CELL,
    "col": _CELL,
    "colgroup": _CELL,
    **{name: {"align": _PLACE} for name in ("p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "caption", "hr")},
    "img": {"alt": _ANY, "width": _LENGTH, "height": _LENGTH},
    "ol": {"start": re.compile(r"-?\d{1,6}"), "type": re.compile("[1aAiI]"), "reversed": FLAG},
    "ul": {"type": re.compile("disc|circle|square")},
    "li": {"value": re.compile(r"-?\d{1,6}")},
    "details": {"open": FLAG},
    "font": {"color": _COLOUR, "size": re.compile("[+-]?[1-7]"), "face": re.compile("[A-Za-z ,-]{1,60}")},
    "audio": {"loop": FLAG, "muted": FLAG, "preload": re.compile("none")},
    "video": {"loop": FLAG, "muted": FLAG, "preload": re.compile("none"), "width": _LENGTH, "height": _LENGTH},
    "input": {"checked": FLAG, "disabled": FLAG},
    "progress": {"value": _NUMBER, "max": _NUMBER},
    "meter": dict.fromkeys(("value", "min", "max", "low", "high", "optimum"), _NUMBER),
}
MEDIA = {  # what such an element always has: its controls, and no place but its own
    "audio": {"controls": "", "controlslist": "noremoteplayback"},
    "video": {"controls": "", "controlslist": "nofullscreen noremoteplayback", "disablepictureinpicture": ""},
}
SPAN = re.compile("[0-9]{1,4}")
SPANS = {"colspan", "rowspan", "span"}
LINK = re.compile(r"(?:https?://[\w\[]|mailto:)[^\s\x00-\x20\x7f<>\"'`\\]{1,2000}", re.IGNORECASE)

REASONS = {
    "script": "it would run in the page",
    "math": "only what shows text is kept",
    **dict.fromkeys(("iframe", "object", "embed", "applet"), "it would load a page"),
    **dict.fromkeys(("link", "base", "meta"), "it would reach the network"),
    **dict.fromkeys(("form", "button", "select", "textarea"), "it would ask for something"),
}
