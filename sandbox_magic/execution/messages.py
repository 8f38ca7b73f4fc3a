"""The messages that the code sends on descriptor 3: marks, displays and questions. All of them are untrusted data."""

from __future__ import annotations

import json
import logging
import time
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from sandbox_magic.execution import attempt_options
from sandbox_magic.execution.code_words import CodeWords
from sandbox_magic.execution.variables import Outputs
from sandbox_magic.guest import wire
from sandbox_magic.model.output import Cleared, Display, InputRequest
from sandbox_magic.model.result import ErrorDetails
from sandbox_magic.model.units import size
from sandbox_magic.untrusted.text import Cleaner, label

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_BYTES = 32 * 2**20  # of all displays of a run, updates included
MOST_DISPLAYS = 1000
MOST_UPDATES = 10_000
MOST_QUESTIONS = 1000
MOST_CLEANING_SECONDS = 10.0  # of a run; the worst that fits into one display takes two
_LABEL_CHARACTERS = 60
_PROMPT_CHARACTERS = 1000
_PORT_DIGITS = 5
_WORD_BYTES = 4000  # of a name, a label, a prompt; our guest sends no longer ones
_PLACE_BYTES = 200
_ERROR_BYTES = 2**17  # of a message, of a traceback; our guest sends half of it
_MOST_LINE = 10**9
_MOST_FIELDS = 2000  # of a frame; a bundle of a thousand types is nobody's
_MOST_METADATA = 64 * 1024
_MOST_NOTES = 20
_SAID = {
    b"no snapshot": "There is no going back behind this cell: the session uses more than half of its memory, or as "
    "many processes as it may.",
    b"browser": "The code wanted to show a page in a web browser, which a sandbox has not; written to a file in the "
    "working directory it is brought out by --save '*.html'.",
    b"no ipython": "The chosen Python has no IPython: the cells run as plain Python, without magics.",
}
"""What the guest may have said of the run, in words of the host."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """One frame, decoded.

    Attributes:
        what: A mark's label, a display, a clearing, a question; None for what is only acknowledged.
        number: What a reply must repeat; 0 if none is awaited.
    """

    what: str | Display | Cleared | InputRequest | None
    number: int = 0


class MessageReader:
    """Decodes frames into messages, within bounds for the run as a whole.

    Args:
        outputs: The names of the variables that are asked for.
        reader: What puts the frames together.
        ids: The code's own names of places to show something -> ours.

    Attributes:
        outputs: Those variables, as they arrive.
        error: The exception that ended the code, as it says.
        sought: The host that it was to reach then, as it says and as ``--net`` takes it; empty for none.
        finished: Whether the code says that it ran past its last line.
        answer: What a session answers to a question of the front end.
        code_words: What it says of its attempts.
        notes: What was left out and why, each once, in plain sentences.
    """

    def __init__(
        self,
        outputs: Sequence[str] = (),
        reader: wire.Reader | None = None,
        ids: dict[str, str] | None = None,
    ) -> None:
        self.outputs: Outputs = Outputs(outputs)
        self.error: ErrorDetails | None = None
        self.sought: str = ""
        self.finished: bool = False
        self.answer: tuple[bytes, ...] = ()
        self.code_words: CodeWords = CodeWords()
        self._reader = reader or wire.Reader()
        self._ids: dict[str, str] = {} if ids is None else ids
        self._kept: list[Display] = []
        self._newest: dict[str, Display] = {}  # the last update of each id
        self._bytes = self._updates = self._questions = 0
        self._cleaning = 0.0
        self._notes: dict[str, None] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out and why, each once, in plain sentences."""
        return tuple(self._notes)

    @property
    def displays(self) -> tuple[Display, ...]:
        """What was shown, in order; an updated display as it was last."""
        return tuple(map(self._as_it_is_now, self._kept))

    def _as_it_is_now(self, display: Display) -> Display:
        newest = self._newest.get(display.display_id or "")
        return replace(newest, kind=display.kind, update=False) if newest else display

    def feed(self, data: bytes) -> list[Message]:
        """Take the next bytes.

        Raises:
            ValueError: They are not frames that our guest sends.
        """
        return [self._understood(frame) for frame in self._reader.feed(data)]

    def _understood(self, frame: Sequence[bytes]) -> Message:
        word, written, *fields = frame
        if len(fields) > _MOST_FIELDS:
            msg = "a frame of more fields than our guest sends"
            raise ValueError(msg)
        number = int(written) if written.isdigit() and len(written) < 20 else 0  # noqa: PLR2004 - as digits of 64 bits
        match word, fields:
            case b"mark", [name]:
                return Message(_label(name, _LABEL_CHARACTERS))
            case b"ask", [password, prompt]:
                return self._question(prompt, number, password=password == b"1")
            case ((b"display" | b"result"), [place, update, metadata, left, *pairs]) if len(pairs) % 2 == 0:
                offered = {_label(mime, 100): part for mime, part in zip(pairs[::2], pairs[1::2], strict=True)}
                self._say_too_large(left[:_WORD_BYTES])
                kind: Literal["display", "result"] = "result" if word == b"result" else "display"
                return Message(
                    self._display(offered, metadata, _text(place[:_PLACE_BYTES]), kind, update=update == b"1"), number
                )
            case b"clear", [wait]:
                return Message(self._clear(wait=wait == b"1"), number)
        self._take(word, fields)
        return Message(None, number)

    def _take(self, word: bytes, fields: Sequence[bytes]) -> None:
        """Keep what is for the result alone."""
        match word, fields:
            case b"output", [name, last, piece]:
                self.outputs.take(_text(name), piece, last=last == b"1")
            case b"unfit", [name, path, what, remedy]:
                self.outputs.refuse(_text(name), *(_text(each[:_WORD_BYTES]) for each in (path, what, remedy)))
            case b"error", [name, message, traceback, line]:
                self.error = _error(name, message, traceback, line)
            case b"sought", [host, port]:
                self.sought = attempt_options.forward(_text(host[:_WORD_BYTES]), _port(port))
            case b"tried", [kind, target, line, port]:
                self.code_words.take(kind, target[:_WORD_BYTES], line, _port(port))
            case b"finished", []:
                self.finished = True
            case b"answer", answer:
                self.answer = tuple(answer)
            case b"note", [key] if key in _SAID:
                self._note(_SAID[key])
            case _:
                msg = "a frame that our guest does not send"
                raise ValueError(msg)

    def _question(self, prompt: bytes, number: int, *, password: bool) -> Message:
        self._questions += 1
        if self._questions > MOST_QUESTIONS:
            self._note(f"The code asked more than {MOST_QUESTIONS} questions; the later ones were not shown.")
            return Message(None, number)
        return Message(InputRequest(prompt=_label(prompt, _PROMPT_CHARACTERS), password=password), number)

    def _display(
        self,
        offered: dict[str, bytes],
        metadata: bytes,
        place: str,
        kind: Literal["display", "result"],
        *,
        update: bool,
    ) -> Display | None:
        cost = sum(map(len, offered.values())) + len(metadata)
        if not self._has_room(cost, update=update):
            return None
        if update and place not in self._ids:
            self._note("Ignored an update to a display that this run did not create.")
            return None
        cleaned = self._cleaned(offered, metadata)
        if cleaned is None or not (cleaned[0] or place):
            return None
        if place and place not in self._ids:  # as many as there are displays, and no more
            self._ids[place] = uuid.uuid4().hex
        display = Display(
            data=cleaned[0], metadata=cleaned[1], kind=kind, display_id=self._ids.get(place) if place else None,
            update=update,
        )  # fmt: skip
        self._keep(display, cost)
        return display

    def _has_room(self, cost: int, *, update: bool) -> bool:
        full = self._updates >= MOST_UPDATES if update else len(self._kept) >= MOST_DISPLAYS
        if full or self._bytes + cost > MOST_BYTES:
            self._say_no_room()
            return False
        return True

    def _clear(self, *, wait: bool) -> Cleared | None:
        """Forget what was shown; as many clearings as updates, and each display that is cleared counts as one."""
        if self._updates >= MOST_UPDATES:
            self._say_no_room()
            return None
        self._updates += 1 + len(self._kept)
        self._kept.clear()
        self._newest.clear()
        return Cleared(wait=wait)

    def _say_no_room(self) -> None:
        most = f"{MOST_DISPLAYS} displays, {MOST_UPDATES} updates and {size(MOST_BYTES)}"
        self._note(f"Displays were left out: a run may show {most}.")

    def _cleaned(self, offered: dict[str, bytes], metadata: bytes) -> tuple[dict[str, str], dict[str, object]] | None:
        from sandbox_magic.untrusted.mime import bundle  # its sanitizer is loaded when something is shown

        if self._cleaning >= MOST_CLEANING_SECONDS:
            self._note("Displays were left out: sanitizing them took too long.")
            return None
        began = time.monotonic()
        try:
            cleaned = bundle.clean(offered, _metadata(metadata))
        except Exception as error:  # noqa: BLE001 - a cleaner that fails must not let anything pass, nor end the run
            _log.warning("a display was left out: %s: %s", type(error).__name__, error)
            self._note("A display was left out: it could not be sanitized.")
            return None
        finally:
            self._cleaning += time.monotonic() - began
        for reason in cleaned.dropped:
            self._note(f"Left out of a display: {label(reason, 200)}.")
        return dict(cleaned.data), dict(cleaned.metadata)

    def _keep(self, display: Display, cost: int) -> None:
        self._bytes += max(cost, sum(map(len, display.data.values())))
        if not display.update:
            self._kept.append(display)
            return
        self._updates += 1
        self._newest[display.display_id or ""] = display

    def _say_too_large(self, left: bytes) -> None:
        for mime in _text(left).split():
            self._note(f"Left out of a display: {label(mime, 100)}, which is too large.")

    def _note(self, sentence: str) -> None:
        if len(self._notes) < _MOST_NOTES:
            self._notes[sentence] = None


def _error(name: bytes, message: bytes, traceback: bytes, line: bytes) -> ErrorDetails:
    number = int(line) if line.isdigit() and len(line) < len(str(_MOST_LINE)) else None
    said, written = (Cleaner().feed(text[:_ERROR_BYTES], last=True) for text in (message, traceback))
    return ErrorDetails(name=_label(name, 200), message=said, traceback=written, line=number)


def _label(data: bytes, most: int) -> str:
    return label(_text(data[:_WORD_BYTES]), most)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _port(data: bytes) -> int | None:
    return int(data) if data.isdigit() and len(data) <= _PORT_DIGITS else None


def _metadata(data: bytes) -> dict[str, object] | None:
    if len(data) > _MOST_METADATA:
        return None
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
