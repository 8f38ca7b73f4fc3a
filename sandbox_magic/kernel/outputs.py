"""A kernel's messages as the outputs of a notebook's file, as a client without a page keeps them."""

from __future__ import annotations

from typing import Any

_SHOWN = ("data", "metadata")


class Outputs:
    """Takes messages, cell by cell; an update reaches the outputs of earlier cells too.

    Attributes:
        cell: The outputs of the cell that runs, as the format has them.
    """

    def __init__(self) -> None:
        self.cell: list[dict[str, Any]] = []
        self._by_name: dict[str, list[dict[str, Any]]] = {}
        self._clears = False

    def begin(self) -> None:
        """Begin with the next cell."""
        self.cell = []
        self._clears = False

    def publish(self, kind: str, content: dict[str, Any]) -> None:
        """Take a message."""
        if kind == "clear_output":
            self._clears = bool(content["wait"])
            if not self._clears:
                self.cell.clear()
            return
        if kind == "update_display_data":
            for output in self._by_name.get(content["transient"]["display_id"], ()):
                output.update({key: content[key] for key in _SHOWN})
            return
        if self._clears:
            self.cell.clear()
            self._clears = False
        self._add(kind, content)

    def _add(self, kind: str, content: dict[str, Any]) -> None:
        last = self.cell[-1] if self.cell else {}
        if kind == "stream" and (last.get("output_type"), last.get("name")) == (kind, content["name"]):
            last["text"] += content["text"]
            return
        output = {"output_type": kind, **{key: value for key, value in content.items() if key != "transient"}}
        self.cell.append(output)
        if name := content.get("transient", {}).get("display_id"):
            self._by_name.setdefault(name, []).append(output)
