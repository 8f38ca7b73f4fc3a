"""``sandbox-magic mcp``, asked by the SDK's own client over standard input and output."""

from __future__ import annotations

import asyncio
import base64
import sys
from contextlib import asynccontextmanager

import psutil
from mcp import Client, StdioServerParameters, types
from mcp.client.stdio import stdio_client

from sandbox_magic.cli.main import main
from sandbox_magic.mcp.server import Tools
from sandbox_magic.model.policy import Policy

SECONDS = "31415.92"
SLEEPS = f"import subprocess; subprocess.run(['sleep', '{SECONDS}'])"
WORDS = ("--timeout", "60", "--memory", "384M", "--python", "kernel")


@asynccontextmanager
async def connected(*words, mode="auto"):
    """Yield a client, and what came over the wire that was no message."""
    parameters = StdioServerParameters(command=sys.executable, args=["-P", "-m", "sandbox_magic", "mcp", *words])
    stray = []

    async def take(message):
        if isinstance(message, Exception):
            stray.append(message)

    async with Client(stdio_client(parameters), mode=mode, message_handler=take) as client:
        yield client, stray


def told(answer):
    """Return an answer's texts, and whether it is an error."""
    return "\n".join(block.text for block in answer.content if block.type == "text"), bool(answer.is_error)


async def until(true):
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - what other processes do sets no event
            await asyncio.sleep(0.02)


async def conversation():
    async with connected(*WORDS) as (client, stray):
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert names == ["run_python", "run_code", "session_run", "read_output"]

        # Text, the last value, a table and a picture.
        code = (
            "import os, sys, base64\nprint('out'); print('err', file=sys.stderr); os.write(1, b'\\xff raw\\n')\n6 * 7"
        )
        text, failed = told(await client.call_tool("run_python", {"code": code}))
        assert not failed
        assert text.startswith("COMPLETED: ")
        assert all(part in text for part in ("stdout:\nout\n", "stderr:\nerr", "shown:\n42"))
        frame = (
            "import pandas, matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()\npandas.DataFrame({'price': [7, 8]})"
        )
        answer = await client.call_tool("run_python", {"code": frame})
        assert "price" in told(answer)[0]
        picture = next(block for block in answer.content if block.type == "image")
        assert picture.mime_type == "image/png"
        assert base64.b64decode(picture.data).startswith(b"\x89PNG")

        # Another language, standard input, a failure that the model reads.
        bash = {"language": "bash", "code": "read x; echo got $x; exit 3", "stdin": "line\n"}
        text, failed = told(await client.call_tool("run_code", bash))
        assert failed
        assert "got line" in text

        # A long output, and the rest of it.
        text, _ = told(await client.call_tool("run_python", {"code": "print('x' * 20_000 + 'end')"}))
        assert 'read_output(output="output-1", offset=8000)' in text
        rest = await client.call_tool("read_output", {"output": "output-1", "offset": 15_000})
        assert told(rest) == ("x" * 5_000 + "end\n", False)

        # Nothing that the command line does not allow.
        for wrong, said in (
            ({"code": "1", "bind": "/etc"}, "no 'bind'"),
            ({"code": "1", "timeout": "banana"}, "banana"),
            ({"code": 1}, "code is of type int"),
            ({}, "code is missing"),
            ({"code": "1", "stdin": 5}, "stdin is of type int"),
        ):
            text, failed = told(await client.call_tool("run_python", wrong))
            assert failed
            assert said in text
        eats = {"code": "x = b'x' * 800_000_000", "memory": "8G"}
        assert told(await client.call_tool("run_python", eats))[1]
        late = {"code": "while True: pass", "timeout": 0.5}
        assert told(await client.call_tool("run_python", late))[0].startswith("WALL_TIME: ")

        # A session keeps its state; a call of another does not see it; one that is late costs only itself.
        assert not told(await client.call_tool("session_run", {"code": "x = 41; open('f', 'w').write('file')"}))[1]
        assert "42" in told(await client.call_tool("session_run", {"code": "x + 1"}))[0]
        assert "NameError" in told(await client.call_tool("run_python", {"code": "x"}))[0]
        text, _ = told(await client.call_tool("session_run", {"code": "x = 0\nwhile True: pass", "timeout": 0.5}))
        assert text.startswith("WALL_TIME: ")
        assert "41 file" in told(await client.call_tool("session_run", {"code": "print(x, open('f').read())"}))[0]
        assert stray == []


def test_a_client_gets_text_tables_and_pictures_and_has_a_session():
    asyncio.run(conversation())


def running(seconds):
    """Return the processes that sleep so long, which no other test does."""
    return [each for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == ["sleep", seconds]]


async def cancelled():
    async with connected(*WORDS, mode="legacy") as (client, stray):
        await client.call_tool("session_run", {"code": "x = 1"})
        for tool in ("run_python", "session_run"):
            asking = asyncio.create_task(client.call_tool(tool, {"code": SLEEPS}))
            await until(lambda: running(SECONDS))
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            await until(lambda: not running(SECONDS))
        assert "41" in told(await client.call_tool("session_run", {"code": "x + 40"}))[0]
        left = asyncio.create_task(client.call_tool("run_python", {"code": SLEEPS}))
        await until(lambda: running(SECONDS))
        assert stray == []
    await asyncio.gather(left, return_exceptions=True)
    await until(lambda: not running(SECONDS))


def test_a_call_that_is_cancelled_ends_its_run_and_a_client_that_leaves_all():
    asyncio.run(cancelled())


async def idle():
    tools = Tools(Policy(), idle_seconds=0.05)
    try:
        for before in ("", "The session has begun anew"):
            call = types.CallToolRequestParams(name="session_run", arguments={"code": "'x' in dir()"})
            text, failed = told(await tools.called(None, call))
            assert not failed
            assert text.startswith(before or "COMPLETED")
            assert "False" in text
            await until(lambda: not tools._session.alive)
    finally:
        tools.close()


def test_a_session_that_is_idle_ends_and_the_next_call_says_so():
    asyncio.run(idle())


async def begun_anew_in_a_call_that_is_cancelled():
    tools = Tools(Policy(), idle_seconds=None)

    async def called(code):
        call = types.CallToolRequestParams(name="session_run", arguments={"code": code})
        return told(await tools.called(None, call))[0]

    try:
        assert await called("x = 1")
        tools._session.reset()
        cancelled = asyncio.ensure_future(called(SLEEPS))
        await until(lambda: tools._session.alive)
        cancelled.cancel()
        await asyncio.wait({cancelled})
        assert cancelled.cancelled()
        assert (await called("'x' in dir()")).startswith("The session has begun anew")
        assert (await called("1")).startswith("COMPLETED")
    finally:
        tools.close()


def test_the_next_call_says_so_too_where_the_first_one_was_cancelled():
    asyncio.run(begun_anew_in_a_call_that_is_cancelled())


def test_what_the_command_line_does_not_allow_is_refused_before_it_serves(capsys):
    assert main(["mcp", "--workspace", "."]) == 2
    assert main(["mcp", "--idle", "banana"]) == 2
    assert "banana" in capsys.readouterr().err
