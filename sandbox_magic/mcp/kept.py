"""Long outputs: the beginning and the end go to the model at once, the rest is kept until it asks for it."""

from __future__ import annotations

from sandbox_magic.serve.asked import BadRequest

SHOWN = 10_000  # characters of a text in one answer
_TAIL = 2_000  # of these from its end, where an error says what it is
_KEPT = 32 * 2**20  # characters of all texts together


class Kept:
    """The latest long texts, by name; the oldest are forgotten.

    Args:
        most: How many characters are kept in all.
    """

    def __init__(self, most: int = _KEPT) -> None:
        self._most = most
        self._texts: dict[str, str] = {}
        self._count = 0

    def shown(self, text: str) -> str:
        """Return what of a text is shown at once, with a line that says how the rest can be read."""
        if len(text) <= SHOWN:
            return text
        name = self._keep(text)
        head, end = SHOWN - _TAIL, len(text) - _TAIL
        where = f'characters {head} to {end} of {len(text)} are left out: read_output(output="{name}", offset={head})'
        return f"{text[:head]}\n[{where}]\n{text[end:]}"

    def read(self, name: str, offset: int) -> str:
        """Return the piece of a text from a character on, with a line that says where it goes on.

        Raises:
            BadRequest: There is no such text, or no such character in it.
        """
        text = self._texts.get(name)
        if text is None:
            raise BadRequest(
                f"output {name!r} is not there, or no longer; there are {', '.join(self._texts) or 'none'}"
            )
        if not 0 <= offset <= len(text):
            raise BadRequest(f"offset is {offset}, and {name} has {len(text)} characters")
        end = offset + SHOWN
        rest = f"\n[it goes on at offset={end}, to {len(text)}]" if end < len(text) else ""
        return text[offset:end] + rest

    def _keep(self, text: str) -> str:
        self._count += 1
        name = f"output-{self._count}"
        self._texts[name] = text
        while len(self._texts) > 1 and sum(map(len, self._texts.values())) > self._most:
            del self._texts[next(iter(self._texts))]
        return name
