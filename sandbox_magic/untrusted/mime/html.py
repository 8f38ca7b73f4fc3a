"""HTML from a stranger, made into a part of a page that only shows.

Three steps, each of which lets through what it knows and no more: ``tokenizer`` brings the tags in order,
``html_writer`` writes anew those on the list with the attributes on the list, and nh3 parses the outcome as a browser
does and keeps what is on the list. The result is wrapped in an element that nothing in it can leave or cover.
"""

from __future__ import annotations

import hashlib
import re

from sandbox_magic.safe_import import importing
from sandbox_magic.untrusted.mime import media
from sandbox_magic.untrusted.mime.allowlist import LINK, MEDIA, SHAPED, TAGS
from sandbox_magic.untrusted.mime.first_rows import first_rows
from sandbox_magic.untrusted.mime.html_writer import NAMES, PAINTED, Writer, svg_url
from sandbox_magic.untrusted.mime.selectors import Scope
from sandbox_magic.untrusted.mime.svg import svg

MOST_CHARACTERS = 2 * 2**20
KEPT_CLASSES = frozenset({"dataframe"})


def _parsed(source: str) -> str:
    """Return what nh3 makes of it: parsed as a browser parses, and held against the list once more."""
    with importing():
        import nh3
    names = {*NAMES, "style", "type", "href", "src", "colspan", "rowspan", "span"}
    attributes = {tag: names | {*SHAPED["*"], *SHAPED.get(tag, ()), *MEDIA.get(tag, ())} for tag in (*TAGS, *MEDIA)}
    try:
        return nh3.clean(
            source,
            tags={*TAGS, *MEDIA},
            clean_content_tags={"script", "style"},
            attributes=attributes,
            attribute_filter=_attribute,
            url_schemes={"http", "https", "mailto", "data"},
            url_relative="deny",
            link_rel="noopener noreferrer nofollow",
            set_tag_attribute_values={"a": {"target": "_blank"}, "input": {"type": "checkbox"}},
        )
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException:  # noqa: BLE001 - a panic of its Rust part is no Exception
        raise ValueError("the sanitizer failed") from None


_HELD = {"img": "data:image/", "audio": "data:audio/", "video": "data:video/"}


def _attribute(tag: str, name: str, value: str) -> str | None:
    """Say for nh3 which attributes stay where the list of names does not say it."""
    if name == "src":
        return value if value.startswith(_HELD.get(tag, "\0")) else None
    if name == "href":
        return value if tag == "a" and LINK.fullmatch(value) else None
    return value


def drawing(source: str) -> str:
    """Return an SVG document as HTML that shows it.

    Raises:
        NotAPicture: It is none, or too much.
    """
    return f'<div style="{_BARE}"><img style="display: inline; margin: 0" src="{svg_url(svg(source))}"></div>'


_BARE = "font-size: var(--jp-code-font-size, 13px); line-height: normal; margin: 0"  # as Lab lays an SVG out


_MOST_OF_MEDIA = 2 * media.MOST_BYTES  # characters, in base64 and with some room
_ALONE = re.compile(  # as IPython's Audio and Video write it: one element and nothing else
    r"\s*+<(audio|video)\b[^<>]*+>\s*+<source\b[^<>]*+>[^<>]*+</\1>\s*+(?:</\w{1,9}>\s*+)?", re.IGNORECASE
)
_CONTAINED = "contain: paint; isolation: isolate; margin: 0; overflow: auto; padding: 0; position: relative"
_LIKE_LAB = "jp-RenderedHTMLCommon"  # or its rules for what is directly inside such an element would not hold


def clean(source: str) -> tuple[str, list[str]]:
    """Return the HTML as it may be in a page (or nothing, if nothing is to be seen), and what was left out.

    Of a table that is too large the first rows are kept.

    Raises:
        ValueError: It is too much.
    """
    try:
        return _cleaned(source)
    except ValueError as why:
        shorter, rows = first_rows(source)
        if not rows:
            raise
        shown, dropped = _cleaned(shorter)
        return shown, [*dropped, f"what follows the first {rows:,} rows of a table ({why})"]


def _cleaned(source: str) -> tuple[str, list[str]]:
    alone = len(source) <= _MOST_OF_MEDIA and _ALONE.fullmatch(source)
    most = _MOST_OF_MEDIA if alone else MOST_CHARACTERS
    if len(source) > most:
        raise ValueError("too long")
    name = "sandbox-" + hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()[:16]
    scope = Scope(name, f"s{name[8:]}-", KEPT_CLASSES)
    writer = Writer(scope)
    body = _parsed(writer.run(source, 2 * most))
    style = "\n".join(filter(None, writer.styles))
    if not writer.shows and not PAINTED.search(style):
        return "", list(writer.dropped)
    style = f"<style>\n{style}\n</style>\n" if style and "<" not in style else ""
    return f'<div class="{name} {_LIKE_LAB}" style="{_CONTAINED}">\n{style}{body}</div>', list(writer.dropped)
