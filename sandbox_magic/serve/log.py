"""A line of JSON for each request, when it is over: what was asked for and how it ended, never the code."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MOST_PATH = 100  # characters
OUTCOME = "sandbox_magic.outcome"
"""The key of a request's scope under which it is told how its run ended."""


class Log:
    """An application that logs the requests of another one.

    Args:
        application: The other one.
        file: Where the lines go; one that can't be written is lost, and no request with it.
    """

    def __init__(self, application: ASGIApp, file: TextIO) -> None:
        self._application = application
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the request answered; the answer names it as the line does."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        name, began, status = uuid.uuid4().hex, time.monotonic(), None

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", name.encode())]
            await send(message)

        try:
            await self._application(scope, receive, named)
        finally:
            line = {
                "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "id": name,
                "method": scope["method"],
                "endpoint": scope["path"][:_MOST_PATH],
                "status": status,
                "outcome": scope.get(OUTCOME),
                "seconds": round(time.monotonic() - began, 6),
            }
            with suppress(OSError, ValueError):
                print(json.dumps(line), file=self._file, flush=True)
