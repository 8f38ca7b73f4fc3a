"""A LangChain tool that runs a model's Python in a sandbox: ``create_agent(model, [python_tool(timeout=30)])``."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from langchain_core.tools import StructuredTool

from sandbox_magic.adapters import answer
from sandbox_magic.execution.api import run
from sandbox_magic.model.result import Result  # noqa: TC001 - LangChain evaluates the types of what it calls

if TYPE_CHECKING:
    from typing import Unpack

    from sandbox_magic.execution.session import Session
    from sandbox_magic.model.option_types import Options

_ALONE = "Run Python code in a sandbox of its own, without a network. Its output and its last value are returned."
_KEPT = "Run Python code in a sandbox without a network, which keeps variables, imports and files between calls."


def python_tool(session: Session | None = None, **options: Unpack[Options]) -> StructuredTool:
    """Return the tool; its answer is text, and the `sandbox_magic.Result` is the message's ``artifact``.

    Code that fails is an answer. Where no sandbox can be started, `SandboxUnavailable` is raised.

    Args:
        session: Runs the code, and keeps its state between calls; without it each call has a sandbox of its own.
        **options: As for `sandbox_magic.run`, or of one cell where there is a session.
    """
    turn = threading.Lock()

    def python_sandbox(code: str) -> tuple[str, Result]:
        if session is None:
            result = run(code, **options)
        else:
            with turn:  # a model may ask for several calls at once
                result = session.run(code, **options)
        return answer.text(result), result

    return StructuredTool.from_function(
        python_sandbox,
        description=_ALONE if session is None else _KEPT,
        response_format="content_and_artifact",
    )
