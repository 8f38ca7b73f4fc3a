"""A notebook that has been cleaned as one page: no script, no network, nothing but what it holds."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any

from sandbox_magic.picture.drawing import page
from sandbox_magic.untrusted.mime import html, markdown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
_STYLE = """<style>
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 4px 0 } img { max-width: 100% }
.source { background: #80808018; border-radius: 4px; padding: 8px } .failed { color: #c5221f } .number { color: gray }
</style>"""


def render(cells: Sequence[Mapping[str, Any]], title: str) -> bytes:
    """Return the page.

    Args:
        cells: The notebook's cells, cleaned, as the format has them.
        title: Its title.
    """
    return page("\n".join((_STYLE, *map(_cell, cells))), title)


def _cell(cell: Mapping[str, Any]) -> str:
    if cell["cell_type"] == "markdown":
        return _prose(cell["source"])
    count = cell.get("execution_count")
    number = f'<span class="number">[{count or " "}]</span>' if cell["cell_type"] == "code" else ""
    outputs = "\n".join(map(_output, cell.get("outputs", ())))
    return f'{number}<pre class="source">{escape(cell["source"])}</pre>\n{outputs}'


def _prose(source: str) -> str:
    try:
        shown, _ = html.clean(markdown.render(source))
    except ValueError:
        return f"<pre>{escape(source)}</pre>"
    return shown


def _output(output: Mapping[str, Any]) -> str:
    match output["output_type"]:
        case "stream":
            return _text(output["text"])
        case "error":
            return _text("\n".join(output["traceback"]) or f"{output['ename']}: {output['evalue']}", "failed")
    data = output["data"]
    if "text/html" in data:
        return str(data["text/html"])
    for mime, value in data.items():
        if mime.startswith("image/"):
            return f'<img src="data:{mime};base64,{escape(value)}">'
    return _text(data.get("text/latex") or data.get("text/plain", ""))


def _text(text: str, kind: str = "output") -> str:
    return f'<pre class="{kind}">{escape(_COLOURS.sub("", text))}</pre>'
