"""The application: who may ask, whose turn it is, what is answered.

Only JSON is read, and only for a host of its own: so no page in a browser can have anything run here, neither by a form
nor by a name that it makes point here.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import math
import time
from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from sandbox_magic.execution.asynchronous import AsyncRun, cores, finished
from sandbox_magic.jail import pool
from sandbox_magic.model.errors import SandboxError
from sandbox_magic.model.events import Ended, Event, Output
from sandbox_magic.model.output import Text
from sandbox_magic.model.result import Result
from sandbox_magic.serve import asked, fusion
from sandbox_magic.serve.asked import BadRequest
from sandbox_magic.serve.log import OUTCOME, Log
from sandbox_magic.version import installed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
    from typing import TextIO

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from sandbox_magic.execution.run import Run
    from sandbox_magic.model.policy import Policy

MOST_BYTES = 64 * 2**20  # of a request
_UPLOADING_BYTES = 4 * MOST_BYTES  # of all requests that have not come whole
_UPLOAD_SECONDS = 60  # for a request to come whole
_LOCAL = ("localhost", "127.0.0.1", "[::1]")
_SCHEME = "bearer "  # before a token, in any case, as names of hosts and types are (RFC 9110)
_ENDS = "the server ends"
_GONE = 499  # as nginx calls it: nobody is there to read it


class _Json(Response):
    """JSON in ASCII: a name may hold bytes that are no text."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        """Return it as it is sent."""
        return json.dumps(content, allow_nan=False).encode()


class _Events(StreamingResponse):
    """Server-sent events; whatever becomes of it, even before its first event, its source is closed.

    Args:
        source: What yields them.
        after: Called then.
    """

    def __init__(self, source: AsyncGenerator[bytes, None], after: Callable[[], None]) -> None:
        super().__init__(source, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        self._source = source
        self._after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        try:
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:  # the server ends, and their time with it
            await send({"type": "http.response.body", "body": _failed(_ENDS), "more_body": False})
        finally:
            try:
                await self._source.aclose()
            finally:
                self._after()


@asynccontextmanager
async def _with_spares(_application: Starlette) -> AsyncIterator[None]:
    """Have a spare for each run that goes on at once, while it serves."""
    with pool.spares.room_for(cores()):
        yield


class Full(Exception):  # noqa: N818 - reads as what it says
    """So many wait that one more is refused."""


class Late(Exception):  # noqa: N818 - reads as what it says
    """A request does not come whole."""


class _Uploads:
    """The bodies of requests, read within bounds: they wait in memory, and before their turn."""

    def __init__(self) -> None:
        self._bytes = 0

    async def read(self, request: Request) -> bytearray:
        """Return the body.

        Raises:
            BadRequest: It is too long.
            Full: All that come at the moment are too long together.
            Late: It does not come.
        """
        data = bytearray()
        try:
            async with asyncio.timeout(_UPLOAD_SECONDS):
                async for piece in request.stream():
                    data += piece
                    self._bytes += len(piece)
                    if len(data) > MOST_BYTES:
                        raise BadRequest(f"the request has more than {MOST_BYTES} bytes")
                    if self._bytes > _UPLOADING_BYTES:
                        raise Full
        except TimeoutError as error:
            raise Late from error
        else:
            return data
        finally:
            self._bytes -= len(data)


class Server:
    """Runs what is asked for, within what it allows.

    Args:
        policy: What each run may see and use at most.
        waiting: How many requests may wait for their turn; one more is refused with 429.
        token: What a caller must know; empty where everybody who reaches it may ask.
        hosts: The names by which it is asked for; empty for any, which needs a token.
        log: Where each request has its line; None for nowhere.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        waiting: int = 64,
        token: str = "",
        hosts: tuple[str, ...] = _LOCAL,
        log: TextIO | None = None,
    ) -> None:
        self._policy = policy
        self._most = cores() + waiting
        self._token = token
        self._hosts = hosts
        self._log = log
        self._uploads = _Uploads()
        self._asked = 0
        self._seconds = 1.0  # that a run takes, lately, without its wait
        registry = self._registry = CollectorRegistry()
        self._runs = Counter("sandbox_magic_runs", "Runs that have ended", ["outcome"], registry=registry)
        self._refused = Counter(
            "sandbox_magic_refused", "Requests refused because the queue is full", registry=registry
        )
        self._time = Histogram("sandbox_magic_request_seconds", "From a request to its result", registry=registry)
        self._now = Gauge("sandbox_magic_requests", "Requests that run or wait", registry=registry)
        self._now.set_function(lambda: self._asked)

    def application(self) -> Starlette:
        """Return what an ASGI server runs."""
        return Starlette(
            routes=[
                Route("/run_code", self._guarded(self._run_code), methods=["POST"]),
                Route("/v1/run", self._guarded(self._run), methods=["POST"]),
                Route("/v1/health", self._of_ours(self._health)),
                Route("/metrics", self._guarded(self._metrics)),
            ],
            middleware=[] if self._log is None else [Middleware(Log, self._log)],
            lifespan=_with_spares,
        )

    def _of_ours(self, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def of_ours(request: Request) -> Response:
            host = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
            if self._hosts and host.lower() not in self._hosts:
                return _Json({"error": "this host is not served"}, 421)
            return await answer(request)

        return of_ours

    def _guarded(self, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            given = request.headers.get("authorization", "")
            if given[: len(_SCHEME)].lower() == _SCHEME:
                given = given[len(_SCHEME) :]
            if self._token and not hmac.compare_digest(given.encode(), self._token.encode()):
                return _Json({"error": "the token is missing or wrong"}, 401, {"WWW-Authenticate": "Bearer"})
            try:
                return await answer(request)
            except (BadRequest, Late, ClientDisconnect, Full, asyncio.CancelledError) as error:
                return self._refusal(error)

        return self._of_ours(guarded)

    def _refusal(self, error: BaseException) -> Response:
        match error:
            case BadRequest():
                return _Json({"error": str(error)}, 422)
            case Late():
                return _Json({"error": "the request did not come whole"}, 408, {"Connection": "close"})
            case ClientDisconnect():
                return Response(status_code=_GONE)
            case asyncio.CancelledError():  # the server ends, and this one's time with it
                return _Json({"error": _ENDS}, 503, {"Connection": "close"})
            case _:
                self._refused.inc()
                wait = max(1, math.ceil(self._asked * self._seconds / cores()))
                return _Json({"error": "the queue is full"}, 429, {"Retry-After": str(wait)})

    async def _health(self, _request: Request) -> Response:
        return _Json({"status": "ok", "version": installed(), "requests": self._asked, "most": self._most})

    async def _metrics(self, _request: Request) -> Response:
        return Response(generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _run_code(self, request: Request) -> Response:
        try:
            whole = await self._body(request)
            run, fetched = fusion.read(whole).run(self._policy), asked.words(whole, "fetch_files")
            del whole  # it may be long, and its turn may come late
            result = await self._finished(request, run)
        except SandboxError as error:
            return _Json(fusion.failed(str(error)))
        return Response(status_code=_GONE) if result is None else _Json(fusion.written(result, fetched))

    async def _run(self, request: Request) -> Response:
        try:
            run = asked.read(await self._body(request)).run(self._policy)
            if "text/event-stream" in request.headers.get("accept", ""):
                entered, ended = self._enter(), list[Result]()
                return _Events(_events(run, ended), lambda: self._leave(request, entered, ended[0] if ended else None))
            result = await self._finished(request, run)
        except SandboxError as error:
            return _Json({"error": str(error)}, 400)
        return Response(status_code=_GONE) if result is None else _Json(result.to_dict())

    async def _body(self, request: Request) -> Mapping[str, Any]:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise BadRequest("the content type is not application/json")
        data = await self._uploads.read(request)
        try:
            whole = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise BadRequest(f"the request is no JSON: {error}") from error
        if not isinstance(whole, Mapping):
            raise BadRequest("the request is no object")
        return whole

    def _enter(self) -> tuple[float, float]:
        """Return the time now, and how many runs one after another it is until this one has ended."""
        if self._asked >= self._most:
            raise Full
        self._asked += 1
        return time.monotonic(), max(1.0, self._asked / cores())

    def _leave(self, request: Request, entered: tuple[float, float], result: Result | None) -> None:
        began, turns = entered
        self._asked -= 1
        request.scope[OUTCOME] = None if result is None else result.outcome.value
        took = time.monotonic() - began
        self._time.observe(took)
        self._seconds += (took / turns - self._seconds) / 10
        self._runs.labels("not run" if result is None else result.outcome.value).inc()

    async def _finished(self, request: Request, run: Run) -> Result | None:
        """Return the result; None where the client has gone, and the run has ended for that."""
        entered, result = self._enter(), None
        running = asyncio.ensure_future(finished(run))
        gone = asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait({running, gone}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                result = running.result()
            return result
        finally:
            gone.cancel()
            running.cancel()
            await asyncio.gather(running, gone, return_exceptions=True)
            self._leave(request, entered, result)


async def _events(run: Run, ended: list[Result]) -> AsyncGenerator[bytes, None]:
    """Yield the events of a run, and leave its result; closed, it ends the run."""
    try:
        async with AsyncRun(run) as events:
            async for event in events:
                name, data = _written(event)
                if isinstance(event, Ended):
                    ended.append(event.result)
                yield f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
    except SandboxError as error:
        yield _failed(str(error))


def _failed(why: str) -> bytes:
    return f"event: error\ndata: {json.dumps({'error': why})}\n\n".encode()


def _written(event: Event) -> tuple[str, dict[str, Any]]:
    """Return the name and the data of an event."""
    match event:
        case Ended(result):
            return "result", result.to_dict()
        case Text(stream, text):
            return "text", {"stream": stream, "text": text}
        case Output(name):
            return "output", {"name": name}
        case _:
            return type(event).__name__.lower(), json.loads(json.dumps(asdict(event), default=str))


async def _gone(request: Request) -> None:
    """Return when the client has cut the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
