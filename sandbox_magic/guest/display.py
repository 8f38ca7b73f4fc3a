"""What a value looks like: every representation that it offers, sent to the host as data.

Loaded when the first thing is shown. It follows what IPython does where there is a shell, without
importing IPython: the same methods in the same order, and a representation that fails is shown as
an error while the others are used.
"""

from __future__ import annotations

import os
import sys

from . import pretty

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any, Callable

    from .channel import Channel

METHODS = (
    ("text/html", "_repr_html_"),
    ("text/markdown", "_repr_markdown_"),
    ("image/svg+xml", "_repr_svg_"),
    ("image/png", "_repr_png_"),
    ("application/pdf", "_repr_pdf_"),
    ("image/jpeg", "_repr_jpeg_"),
    ("text/latex", "_repr_latex_"),
    ("application/json", "_repr_json_"),
    ("application/javascript", "_repr_javascript_"),
)
_IN_BASE64 = ("image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf")
_WIDGET = "application/vnd.jupyter.widget-view+json"
_ROOM = 12 * 2**20  # for all representations of one value, of a frame's 16
_MOST_ROWS = 4 * 2**20  # bytes of the rows of a table; the host takes two million characters
_MOST_METADATA = 64 * 1024


class Handle:
    """What ``display(..., display_id=...)`` returns: shows another object in the same place.

    Args:
        shows: Where it is shown.
        display_id: The place.
    """

    def __init__(self, shows: Display, display_id: str) -> None:
        self._shows = shows
        self.display_id = display_id

    def __repr__(self) -> str:
        return "<DisplayHandle display_id=%s>" % self.display_id

    def display(self, obj: object, **how: Any) -> None:
        """Show it in one more place of the same id."""
        self._shows.display(obj, display_id=self.display_id, **how)

    def update(self, obj: object, **how: Any) -> None:
        """Show it in place of what was there."""
        self._shows.update_display(obj, display_id=self.display_id, **how)


class Display:
    """Shows values.

    Args:
        channel: Where they go.
        show_error: Shows an error as Python does, without our frames.

    Attributes:
        shell: Whose ``bundle``, ``publish`` and ``clear`` are called: our own, or those of a shell, which has its own
            ideas of how things look, and magics that catch what is shown.
        figures_once: Whether a figure that the code has shown is not shown at the end of the cell too.
    """

    def __init__(self, channel: Channel, show_error: Callable[[BaseException], None]) -> None:
        self._channel = channel
        self._show_error = show_error
        self._figures: Any = None  # those that have been shown, while they live
        self.shell: Any = self
        self.figures_once = True

    def display(  # noqa: PLR0913 - IPython's
        self,
        *objects: object,
        include: Any = None,
        exclude: Any = None,
        metadata: Any = None,
        transient: Any = None,
        display_id: Any = None,
        raw: bool = False,
        clear: bool = False,
        update: bool = False,
        **_how: object,
    ) -> Handle | None:
        """Show objects as a notebook does.

        Args:
            *objects: What to show; with ``raw`` each is a dict from MIME types to data.
            include: The only MIME types to send.
            exclude: MIME types not to send.
            metadata: Goes with the data.
            transient: May hold the ``display_id``.
            display_id: A name for the place, to update it later; True makes one up.
            raw: See ``objects``.
            clear: Clear what was shown before.
            update: Show it in the place of that name.

        Returns:
            A handle to update it, if ``display_id`` is given.
        """
        if clear:
            self.clear_output(wait=True)
        if display_id is True:
            display_id = os.urandom(16).hex()
        place = display_id or (transient or {}).get("display_id")
        if update and not place:
            raise TypeError("display_id required for update_display")
        if not objects and display_id:
            objects, raw = ({},), True
        for obj in objects:
            data, own = (dict(obj), {}) if raw else self.shell.bundle(obj, include, exclude)  # type: ignore[call-overload] # a mapping
            if data or raw:
                self.shell.publish(data, _merged(own, metadata), place, update=update)
        return Handle(self, display_id) if display_id else None

    def publish_display_data(self, data: Any, metadata: Any = None, *_source: object, **how: Any) -> None:
        """Show data that is a dict from MIME types already."""
        self.display(data, raw=True, metadata=metadata, **how)

    def update_display(self, obj: object, *, display_id: Any, **how: Any) -> None:
        """Show an object in the place of that name."""
        self.display(obj, display_id=display_id, **{**how, "update": True})

    def clear_output(self, wait: bool = False) -> None:  # noqa: FBT001, FBT002 - IPython's
        """Have what was written and shown so far be cleared; with ``wait`` once there is something new."""
        self.shell.clear(wait=wait)

    def clear(self, *, wait: bool) -> None:
        """Have the host clear it."""
        _flush()
        try:
            self._channel.send_and_wait(b"clear", b"%d" % bool(wait))
        except self._channel.ChannelClosed:
            return

    def result(self, value: object) -> None:
        """Show the value of the cell's last expression."""
        self.publish_result(*self.bundle(value, None, None))

    def publish_result(self, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        """Send it as that value."""
        if data:
            self._send(b"result", data, metadata, None)

    def publish(self, data: dict[str, Any], metadata: dict[str, Any], place: Any, *, update: bool = False) -> None:
        """Send what is shown."""
        self._send(b"display", data, metadata, place, update=update)

    def figure(self, figure: Any, *, again: bool = False) -> None:
        """Show a figure of matplotlib, unless it has been shown already; again, if it has changed since."""
        if again or not self.figures_once or self._figures is None or figure not in self._figures:
            self.display(figure)
            figure.stale = False

    def remember(self, figure: Any) -> None:
        """Take it that a figure has been shown."""
        import weakref

        if self._figures is None:
            self._figures = weakref.WeakSet()
        self._figures.add(figure)

    def _send(
        self, kind: bytes, data: dict[str, Any], metadata: dict[str, Any], place: Any, *, update: bool = False
    ) -> None:
        if _WIDGET in data and "text/html" not in data:
            from . import widgets

            data = {**data, "text/html": widgets.static(data[_WIDGET]) or None}
        parts = {str(mime): _encoded(str(mime), value) for mime, value in data.items() if value is not None}
        parts.update({mime: _first_rows(part) for mime, part in parts.items() if mime == "text/html"})
        left = []
        while sum(map(len, parts.values())) > _ROOM:
            largest = max(parts, key=lambda mime: len(parts[mime]))
            del parts[largest]
            left.append(largest)
        pairs = [piece for mime, part in parts.items() for piece in (mime.encode("utf-8", "replace")[:200], part)]
        _flush()
        try:
            self._channel.send_and_wait(
                kind, str(place or "").encode("utf-8", "replace")[:200], b"%d" % update,
                _json(metadata, _MOST_METADATA), "\n".join(left).encode("utf-8", "replace")[:2000], *pairs,
            )  # fmt: skip
        except self._channel.ChannelClosed:
            print(parts.get("text/plain", b"").decode("utf-8", "replace") + "\n", end="")  # in one piece

    def bundle(self, obj: Any, include: Any, exclude: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what an object offers; nothing if it has shown itself."""
        own = _method(obj, "_ipython_display_")
        if own is not None and self._tried(lambda: (own(), True)) is not None:
            return {}, {}
        data: dict[str, Any] = {}
        metadata: dict[str, Any] = {}
        bundle = _method(obj, "_repr_mimebundle_")
        if bundle is not None:
            found = self._tried(lambda: _pair(bundle(include=include, exclude=exclude)))
            data.update((found and found[0]) or {})
            metadata.update((found and found[1]) or {})
        for mime, make in (("text/plain", lambda: pretty.text(obj)), *self._makers(obj)):
            if mime not in data and _wanted(mime, include, exclude):
                found = self._tried(lambda make=make: _pair(make()))  # type: ignore[misc] # bound early
                if found is not None and found[0] is not None:
                    data[mime] = found[0]
                    if found[1]:
                        metadata[mime] = found[1]
        kept = {mime: value for mime, value in data.items() if _wanted(mime, include, exclude)}
        return kept, metadata

    def _makers(self, obj: Any) -> list[tuple[str, Callable[[], Any]]]:
        makers = [(mime, _method(obj, name)) for mime, name in METHODS]
        found = [(mime, maker) for mime, maker in makers if maker is not None]
        figure = getattr(sys.modules.get("matplotlib.figure"), "Figure", None)
        if figure is not None and isinstance(obj, figure):
            from . import figures

            self.remember(obj)
            found.append(("image/png", lambda: figures.picture(obj)))
        return found

    def _tried(self, make: Callable[[], Any]) -> Any:
        """Return what the method returns; if it raises, show the error and return None."""
        try:
            return make()
        except NotImplementedError:
            return None
        except Exception as error:  # noqa: BLE001 - whatever the cell's own representation raises
            self._show_error(error)
            return None


def _method(obj: Any, name: str) -> Any:
    """Return an object's method; None for a class, and for what answers to every name."""
    if isinstance(obj, type):
        return None
    try:
        if getattr(obj, "_ipython_canary_method_should_not_exist_", None) is not None:
            return None
        found = getattr(obj, name, None)
    except Exception:  # noqa: BLE001 - whatever its __getattr__ raises
        return None
    return found if callable(found) else None


def _pair(value: Any) -> tuple[Any, Any]:
    """Return data and metadata: a representation may come with its own."""
    return (value[0], value[1]) if isinstance(value, tuple) and len(value) == 2 else (value, None)


def _wanted(mime: str, include: Any, exclude: Any) -> bool:
    return (not include or mime in include) and (not exclude or mime not in exclude)


def _merged(own: dict[str, Any], more: Any) -> dict[str, Any]:
    for key, value in (more or {}).items():
        both = isinstance(own.get(key), dict) and isinstance(value, dict)
        own[key] = _merged(own[key], value) if both else value
    return own


def _encoded(mime: str, value: Any) -> bytes:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if mime == "application/json" or mime.endswith("+json"):
        return _json(value, _ROOM)
    text = (value if isinstance(value, str) else str(value)).encode("utf-8", "replace")
    if mime in _IN_BASE64:
        import binascii

        try:
            return binascii.a2b_base64(text)
        except ValueError:
            return text
    return text


def _first_rows(page: bytes) -> bytes:
    """Cut a table that is longer than any page that is shown; where it is shown less of it is kept."""
    if len(page) <= _MOST_ROWS:
        return page
    end = page.rfind(b"</tr>", 0, _MOST_ROWS)
    return page if end < 0 else page[: end + 5]


def _json(value: Any, most: int) -> bytes:
    """Write a value as JSON; as nothing if it can't be."""
    if not value and isinstance(value, dict):
        return b"{}"
    import json

    try:
        text = json.dumps(value, default=str).encode()
    except (TypeError, ValueError, RecursionError):
        return b"{}"
    return text if len(text) <= most else b"{}"


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):  # the cell closed it, or put something else there
            continue
