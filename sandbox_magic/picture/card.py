"""A result as a notebook shows it: its picture, its notes, and the rest folded below. No script in it."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from sandbox_magic.model import summary
from sandbox_magic.model.units import seconds, size
from sandbox_magic.picture import course

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sandbox_magic.model.attempts import Attempts
    from sandbox_magic.model.isolation import Guard, Isolation
    from sandbox_magic.model.result import Result, Usage

SHOWN_CHARACTERS = 2000  # of each stream; the whole of it is in the result
_MOST_PATHS = 12
_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
_REDRAWN = re.compile(r"[^\n]*\r(?!\n)")  # what a progress bar wrote over

# It takes the page's colours, so it is as light or as dark as the page; a front end that drops the style
# shows the same elements plainly.
STYLE = """<style>
.sandbox-result{max-width:1200px;font:12px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif}
.sandbox-result img{margin-bottom:5px}
.sandbox-result :is(p,.sandbox-table){margin:5px 14px}
.sandbox-result details{margin:0 14px;border-top:1px solid #8883}
.sandbox-result details :is(p,.sandbox-table){margin:0 0 8px}
.sandbox-below details{border:0;margin:-6px 0 0}
.sandbox-result summary{padding:4px 0;cursor:pointer}
.sandbox-result :is(p,summary){overflow-wrap:anywhere}
.sandbox-result small{font-size:inherit;opacity:.7;margin-left:.5em}
.sandbox-result pre{margin:0 0 8px;padding:6px 8px;max-height:240px;overflow:auto;background:#8881;border-radius:4px;
font:11.5px/1.45 ui-monospace,'DejaVu Sans Mono',monospace;white-space:pre-wrap;overflow-wrap:anywhere}
.sandbox-result .sandbox-table{overflow-x:auto}
.sandbox-result.sandbox-result table{margin:0;border:0;border-collapse:collapse;font-size:12px;table-layout:auto}
.sandbox-result.sandbox-result :is(th,td){padding:2px 18px 2px 0;border:0;text-align:left;vertical-align:top;
max-width:none;background:none;white-space:normal;font-weight:normal;font-variant-numeric:tabular-nums}
.sandbox-result.sandbox-result thead th{opacity:.7}
.sandbox-result.sandbox-result :is(tbody th,.figures td){white-space:nowrap}
</style>"""

_NO_FIELD = (
    "<style>.jp-OutputArea:has(.sandbox-result):not(:has(.sandbox-asks)) .jp-OutputArea-stdin-item"
    "{display:none}</style>"
)


def noted(result: Result, *, large: bool = False, unanswered: bool = False) -> str:
    """Return the picture of a run and its notes, for an output of their own, in which the code can put nothing.

    A screen reader says the picture's text once, when it comes.

    Args:
        result: The run.
        large: Whether it is to be read from afar.
        unanswered: Whether it ended with a question on screen, whose field is hidden then, for it asks no more.
    """
    style = STYLE + _NO_FIELD * unanswered
    image = f'<div role="status"{" class=sandbox-large" * large}>{course.html(result)}</div>'
    return f'{style}<div class="sandbox-result">{image}{_notes(result)}</div>'


def _notes(result: Result) -> str:
    return "".join(f"<p>{escape(note)}</p>" for note in result.notes)


def folded(result: Result) -> str:
    """Return what a run cost and what held it, folded, for an output below its picture."""
    figures = [f"{name}: {value}" for name, value in _figures(result.usage)]
    held = [f"{guard.name}: {guard.text}, {guard.strength}" for guard in result.isolation.guards]
    tried = ["", str(result.attempts)] if result.attempts is not None else []
    text = "\n".join((*figures, *tried, "", *held)).strip()  # no table: a page keeps its elements for every cell
    inside = f"<pre>{escape(text)}</pre>"
    return f'{STYLE}<div class="sandbox-result sandbox-below">{_folded("details", "", inside)}</div>'


def html(result: Result) -> str:
    """Return the card of a run. What the code wrote is escaped, and cut to its first 2000 characters a stream."""
    folded = (
        *_stream("output", "stdout", result.stdout),
        *_stream("errors", "stderr", result.stderr),
        _folded("figures", _cost(result), table(_figures(result.usage))),
        *_attempts(result.attempts),
        *_isolation(result.isolation),
    )
    return f'{STYLE}<div class="sandbox-result">{course.html(result)}{_notes(result)}{"".join(folded)}</div>'


def table(rows: Iterable[Sequence[str]], head: Sequence[str] = (), *, kind: str = "figures") -> str:
    """Return a table of texts, the first of each row its name; everything is escaped.

    Args:
        rows: Texts of each row.
        head: Texts above the columns.
        kind: ``figures`` are not wrapped, ``prose`` is.
    """
    top = "".join(f"<th>{escape(text)}</th>" for text in head)
    body = "".join(
        f"<tr><th>{escape(name)}</th>{''.join(f'<td>{escape(text)}</td>' for text in texts)}</tr>"
        for name, *texts in rows
    )
    above = f"<thead><tr>{top}</tr></thead>" if top else ""
    return f'<div class="sandbox-table {kind}"><table>{above}<tbody>{body}</tbody></table></div>'


def plain(text: str) -> str:
    """Return text as a terminal without colours would show it."""
    return _REDRAWN.sub("", _COLOURS.sub("", text)).replace("\r", "").encode("utf-8", "replace").decode()


def _folded(name: str, about: str, inside: str) -> str:
    return f"<details><summary>{escape(name)} <small>{escape(about)}</small></summary>{inside}</details>"


def _stream(name: str, attribute: str, text: str) -> Iterator[str]:
    if not text:
        return
    lines = text.count("\n") + (not text.endswith("\n"))
    about = f"{lines:,} {'line' if lines == 1 else 'lines'}"
    last = attribute == "stderr"  # what an error is stands in its last line
    part = text[-SHOWN_CHARACTERS:] if last else text[:SHOWN_CHARACTERS]
    cut = ""
    if len(text) > SHOWN_CHARACTERS:
        which = "last" if last else "first"
        part = part.partition("\n")[2] or part if last else part  # what is cut need not be a whole escape sequence
        cut = f"<p>The {which} {len(part):,} of {len(text):,} characters; all of them: .{attribute}</p>"
    yield _folded(name, about, f"<pre>{escape(plain(part))}</pre>{cut}")


def _cost(result: Result) -> str:
    usage = result.usage
    moved = [
        f"{size(value)} {verb}"
        for verb, value in (("read", usage.read_bytes), ("written", usage.written_bytes))
        if value is not None
    ]
    return ", ".join(moved)


def _figures(usage: Usage) -> Iterator[tuple[str, str]]:
    yield "real time", seconds(usage.wall_seconds)
    yield "CPU time", _known(usage.cpu_seconds, seconds)
    yield "peak memory", _known(usage.peak_memory_bytes, size)
    yield "most processes at once", _known(usage.peak_processes, str)
    yield "bytes read", _known(usage.read_bytes, size)
    yield "bytes written", _known(usage.written_bytes, size)
    for name, through in usage.network.items():
        sent, received = size(through.sent_bytes), size(through.received_bytes)
        refused = f", {through.refused} refused" if through.refused else ""
        yield name, f"{through.connections} connections, {sent} sent, {received} received{refused}"
    if usage.paused_seconds:
        yield "paused for", seconds(usage.paused_seconds)
    yield "start of the sandbox", seconds(usage.park_seconds)


def _known(value: float | None, write: Callable[[float], str]) -> str:
    return "unknown" if value is None else write(value)


def attempts(listed: Attempts) -> str:
    """Return a list of attempts by itself, as of a session."""
    notes = "".join(f"<p>{escape(sentence)}</p>" for sentence in listed.sentences)
    inside = f"<p>{escape(listed.about)}</p>{notes}{_table_of(listed)}"
    return f'{STYLE}<div class="sandbox-result">{inside}</div>'


def _attempts(listed: Attempts | None) -> Iterator[str]:
    if listed is not None:
        yield _folded("attempts", listed.about, _table_of(listed))


def _table_of(listed: Attempts) -> str:
    lines = listed.lines()
    line = "where in the cell" if any(line[-2] for line in lines) else ""
    last = "what would allow it" if any(line[-1] for line in lines) else ""
    return table(lines, ("kind", "what", "how often", "first", "answer", line, last), kind="prose") if lines else ""


def _isolation(isolation: Isolation) -> Iterator[str]:
    if not isolation.guards:
        return
    weaker = [guard.name for guard in isolation.weaker]
    about = f"{len(weaker)} of {len(isolation.guards)} weaker: {', '.join(weaker)}" if weaker else "all enforced"
    shared = [summary.printable(path, 200) for path in isolation.shared[:_MOST_PATHS]]
    more = len(isolation.shared) - len(shared)
    paths = ", ".join(shared) + (f" and {more} more" if more else "")
    below = [
        f"<p>{escape(text)}</p>"
        for text in (f"The code could also read: {paths}." if shared else "", isolation.bwrap)
        if text
    ]
    head = (
        "",
        "held by",
        "how strictly",
        "to make it stronger" if any(guard.remedy for guard in isolation.guards) else "",
    )
    rows = table(map(_guard, isolation.guards), head, kind="prose")
    yield _folded("isolation", about, rows + "".join(below))


def _guard(guard: Guard) -> tuple[str, str, str, str]:
    return guard.name, guard.text, guard.strength, guard.remedy
