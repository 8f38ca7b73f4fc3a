"""smolagents' executor: ``CodeAgent(tools, model, executor=SandboxExecutor(timeout=30, memory="512M"))``.

The agent's code and its tools run in one session without a network, which sees the packages of this Python. Nothing is
unpickled: an answer comes back as JSON, in smolagents' own form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smolagents.local_python_executor import CodeOutput
from smolagents.monitoring import AgentLogger, LogLevel
from smolagents.remote_executors import RemotePythonExecutor
from smolagents.utils import AgentExecutionError

from sandbox_magic.adapters import answer
from sandbox_magic.execution.session import Session

if TYPE_CHECKING:
    from typing import Unpack

    from sandbox_magic.model.option_types import Options


class SandboxExecutor(RemotePythonExecutor):
    """Runs an agent's code in a session.

    Args:
        logger: The agent's logger; without it only errors are logged.
        **options: As for `sandbox_magic.Session`.
    """

    def __init__(self, *, logger: AgentLogger | None = None, **options: Unpack[Options]) -> None:
        super().__init__([], logger or AgentLogger(level=LogLevel.ERROR))
        self._session = Session(**options)

    def run_code_raise_errors(self, code: str) -> CodeOutput:
        """Run a piece of code.

        Raises:
            AgentExecutionError: It failed, or was ended at a limit; the text is for the model.
        """
        result = self._session.run(code)
        error = result.error
        if error is not None and error.name.rpartition(".")[2] == self.FINAL_ANSWER_EXCEPTION:
            found = self._deserialize_final_answer(error.message, allow_pickle=False)
            return CodeOutput(output=found, logs=result.stdout, is_final_answer=True)
        if not result.ok:
            raise AgentExecutionError(answer.text(result), self.logger)
        return CodeOutput(output=answer.last_value(result), logs=result.stdout, is_final_answer=False)

    def install_packages(self, additional_imports: list[str]) -> list[Any]:
        """Install nothing: what this Python has is there, and nothing else can be."""
        return additional_imports

    def cleanup(self) -> None:
        """End the session."""
        self._session.close()
