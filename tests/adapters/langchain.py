"""The LangChain tool with the real langchain-core: `make test-adapters`."""

import asyncio

from langchain_core.messages import ToolMessage

import sandbox_magic as sm
from sandbox_magic.adapters.langchain import python_tool


def called(tool, code):
    return {"type": "tool_call", "id": "1", "name": tool.name, "args": {"code": code}}


def test_a_model_calls_it_and_the_result_is_the_artifact():
    tool = python_tool(timeout=60)
    message = tool.invoke(called(tool, "print('out')\n6 * 7"))
    assert isinstance(message, ToolMessage)
    assert message.content.startswith("COMPLETED")
    assert "out" in message.content
    assert "42" in message.content
    assert message.artifact.ok
    message = asyncio.run(tool.ainvoke(called(tool, "1 / 0")))
    assert message.content.startswith("FAILED")
    assert "ZeroDivisionError" in message.content
    assert list(tool.tool_call_schema.model_json_schema()["properties"]) == ["code"]


def test_a_session_keeps_what_a_call_has_set():
    with sm.Session() as session:
        tool = python_tool(session, timeout=60)
        assert tool.invoke(called(tool, "n = 1")).artifact.ok
        assert "2" in asyncio.run(tool.ainvoke(called(tool, "n + 1"))).content
