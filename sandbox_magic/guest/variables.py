"""Variables passed into the cell and out of it, as values, never as pickles. Loaded only where some are asked for."""

from __future__ import annotations

import os

from .codec import base, codec

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any

    from .channel import Channel

INPUTS = "/sandbox/inputs"
MOST_BYTES = 64 * 2**20  # of all that goes out
_PIECE = 4 * 2**20  # of a value, in one frame
_MOST_WORDS = 500


class Exchange:
    """Both directions.

    Args:
        channel: Where the values go out.
        outputs: The names of the variables that are asked for.
    """

    def __init__(self, channel: Channel, outputs: list[str]) -> None:
        self._channel = channel
        self._outputs = outputs
        self._room = MOST_BYTES
        self._owner = os.getpid()

    def bring(self, namespace: dict[str, Any]) -> None:
        """Put the host's variables into the cell's namespace.

        Raises:
            DecodeError: A module that one of them needs is not here.
        """
        with open(INPUTS, "rb") as packed:
            given: Any = codec.decode(packed.read())
        namespace.update(given)

    def send(self, namespace: dict[str, Any]) -> None:
        """Send the variables that are asked for; of one that can't be passed out, why."""
        if os.getpid() != self._owner:  # a forked copy that came to the end of the cell too
            return
        for name in self._outputs:
            try:
                self._send(name, namespace)
            except self._channel.ChannelClosed:
                return

    def _send(self, name: str, namespace: dict[str, Any]) -> None:
        if name not in namespace:
            self._refuse(name, "", "not defined at the end of the cell", "")
            return
        try:
            data = codec.encode(namespace[name], most=self._room)
        except base.EncodeError as unfit:
            self._refuse(name, unfit.path, unfit.what, unfit.remedy)
            return
        except Exception as error:  # noqa: BLE001 - whatever a value of the cell's own making raises
            self._refuse(name, "", "a %s that raises %s" % (type(namespace[name]).__name__, type(error).__name__), "")
            return
        self._room -= len(data)
        pieces = [data[at : at + _PIECE] for at in range(0, len(data), _PIECE)]
        for number, piece in enumerate(pieces, 1):
            self._channel.send_and_wait(b"output", name.encode(), b"%d" % (number == len(pieces)), piece)

    def _refuse(self, name: str, *words: str) -> None:
        said = [word.encode("utf-8", "replace")[:_MOST_WORDS] for word in words]
        self._channel.send_and_wait(b"unfit", name.encode(), *said)
