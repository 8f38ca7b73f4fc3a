"""The tools, and the server that offers them over standard input and output: one conversation, with one session."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from sandbox_magic.execution.asynchronous import finished
from sandbox_magic.execution.session import Session
from sandbox_magic.mcp.content import answer, text_block
from sandbox_magic.mcp.kept import SHOWN, Kept
from sandbox_magic.model.errors import SandboxError
from sandbox_magic.model.languages import LANGUAGES
from sandbox_magic.serve import asked
from sandbox_magic.serve.asked import BadRequest
from sandbox_magic.version import installed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from mcp.server.context import ServerRequestContext

    from sandbox_magic.model.policy import Policy

_INSTRUCTIONS = (
    "Code runs in a sandbox without a network, but for hosts that the user allows, and without the user's files. "
    "run_python and run_code start in an empty directory each time; session_run keeps variables, imports and files."
)
_ANEW = "The session has begun anew: its variables, imports and files of before are gone."
_CODE = {"code": {"type": "string", "description": "The code, as a whole program."}}
_TIMEOUT = {"timeout": {"type": "number", "exclusiveMinimum": 0, "description": "Seconds; lowers the server's limit."}}
_MORE = {
    **_TIMEOUT,
    "memory": {"type": "string", "description": "Such as 256M; lowers the server's limit."},
    "stdin": {"type": "string", "description": "What it reads from standard input."},
}
_LANGUAGE = {"language": {"type": "string", "enum": [language.name for language in LANGUAGES]}}
_OUTPUT = {
    "output": {"type": "string", "description": "Its name, as the line says that stands where something is left out."},
    "offset": {"type": "integer", "minimum": 0, "description": "The first character (default: 0)."},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tool:
    """A tool.

    Attributes:
        text: What the model is told of it.
        takes: Its arguments, as properties of a JSON schema.
        needs: Those that must be there.
        call: What answers it.
    """

    text: str
    takes: Mapping[str, Any]
    needs: tuple[str, ...]
    call: Callable[[Mapping[str, Any]], Awaitable[types.CallToolResult]]


class Tools:
    """What one conversation may call.

    Args:
        policy: What each run may see and use at most.
        idle_seconds: How long its session is kept after a cell; None for as long as the conversation.
    """

    def __init__(self, policy: Policy, *, idle_seconds: float | None) -> None:
        self._policy = policy
        self._idle_seconds = idle_seconds
        self._kept = Kept()
        self._session = Session(policy=policy)
        self._turn = asyncio.Lock()
        self._end: asyncio.TimerHandle | None = None
        self._began = self._anew = False
        python = (
            "Run Python code in a sandbox of its own. The value of the last expression, tables and figures are shown."
        )
        cell = "Run Python code in the conversation's session, which keeps variables, imports and files between calls."
        read = f"Read on in a long output, {SHOWN} characters at a time."
        self._tools = {
            "run_python": _Tool(text=python, takes=_CODE | _MORE, needs=("code",), call=self._run_python),
            "run_code": _Tool(
                text="Run code of another language in a sandbox of its own.",
                takes=_LANGUAGE | _CODE | _MORE, needs=("language", "code"), call=self._run_code,
            ),
            "session_run": _Tool(text=cell, takes=_CODE | _TIMEOUT, needs=("code",), call=self._session_run),
            "read_output": _Tool(text=read, takes=_OUTPUT, needs=("output",), call=self._read_output),
        }  # fmt: skip

    def close(self) -> None:
        """End the session."""
        self._keep_on()
        self._session.close()

    async def listed(
        self, _context: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        """Return the tools."""
        tools = [
            types.Tool(name=name, description=tool.text, input_schema=_schema(tool))
            for name, tool in self._tools.items()
        ]
        return types.ListToolsResult(tools=tools)

    async def called(
        self, _context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        """Return what a tool answers; an error for the model where it asks for what there is not."""
        try:
            return await self._call(params.name, params.arguments or {})
        except (BadRequest, SandboxError) as error:
            return types.CallToolResult(content=[text_block(str(error))], is_error=True)

    async def _call(self, name: str, arguments: Mapping[str, Any]) -> types.CallToolResult:
        tool = self._tools.get(name)
        if tool is None:
            raise BadRequest(f"there is no tool {name!r}; there are {', '.join(self._tools)}")
        if more := sorted(arguments.keys() - tool.takes.keys()):
            raise BadRequest(f"there is no {more[0]!r}; {name} takes {', '.join(tool.takes)}")
        return await tool.call({key: value for key, value in arguments.items() if value is not None})

    async def _run_python(self, arguments: Mapping[str, Any]) -> types.CallToolResult:
        return await self._run_code({**arguments, "language": "python"})

    async def _run_code(self, arguments: Mapping[str, Any]) -> types.CallToolResult:
        asked.member(arguments, "language", str)
        result = await finished(asked.read(arguments).run(self._policy, last_value=True))
        return answer(result, self._kept)

    async def _session_run(self, arguments: Mapping[str, Any]) -> types.CallToolResult:
        wanted = asked.read(arguments)
        seconds = wanted.policy(self._policy).limits.wall_seconds
        async with self._turn:
            self._keep_on()
            self._anew = self._anew or (self._began and not self._session.alive)
            self._began = True
            try:
                run = self._session.prepare(wanted.code, {} if seconds is None else {"timeout": seconds})
                told = answer(await finished(run), self._kept, *([_ANEW] if self._anew else ()))
                self._anew = False  # who cancels a call reads no answer
                return told
            finally:
                self._end_when_idle()

    async def _read_output(self, arguments: Mapping[str, Any]) -> types.CallToolResult:
        text = self._kept.read(asked.member(arguments, "output", str), asked.member(arguments, "offset", int, 0))
        return types.CallToolResult(content=[text_block(text)])

    def _keep_on(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None

    def _end_when_idle(self) -> None:
        if self._idle_seconds is not None:
            self._end = asyncio.get_running_loop().call_later(self._idle_seconds, self._session.reset)


def _schema(tool: _Tool) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(tool.takes),
        "required": list(tool.needs),
        "additionalProperties": False,
    }


async def serve(policy: Policy, *, idle_seconds: float | None) -> None:
    """Serve one conversation, until its client closes standard input; meanwhile what is printed goes to stderr.

    Args:
        policy: What each run may see and use at most.
        idle_seconds: As for `Tools`.
    """
    tools = Tools(policy, idle_seconds=idle_seconds)
    server: Server[Any] = Server(
        "sandbox-magic",
        version=installed(),
        instructions=_INSTRUCTIONS,
        on_list_tools=tools.listed,
        on_call_tool=tools.called,
    )
    try:
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())
    finally:
        tools.close()
