"""An agent of the real smolagents, whose model says what it is told: `make test-adapters`."""

import os

import pytest
from smolagents import CodeAgent, tool
from smolagents.models import ChatMessage, Model
from smolagents.utils import AgentExecutionError

from sandbox_magic.adapters.smolagents import SandboxExecutor


class Told(Model):
    """A model that says one piece of code after another."""

    def __init__(self, *codes):
        super().__init__()
        self.codes = list(codes)
        self.seen = []

    def generate(self, messages, **more):
        self.seen = messages
        return ChatMessage(role="assistant", content=f"Thought: so.\n<code>\n{self.codes.pop(0)}\n</code>")


@tool
def double(n: int) -> int:
    """Double a number.

    Args:
        n: The number.
    """
    return 2 * n


@pytest.fixture
def executor():
    executor = SandboxExecutor(timeout=60)
    yield executor
    executor.cleanup()


def test_an_agent_computes_keeps_its_state_and_answers(executor):
    model = Told("n = double(seed)\nprint('so far', n)", "final_answer({'n': n + 1})")
    agent = CodeAgent([double], model, executor=executor, verbosity_level=0)
    assert agent.run("compute", additional_args={"seed": 20}) == {"n": 41}
    assert any("so far 40" in str(message.content) for message in model.seen)


def test_an_agent_is_told_of_an_error_and_reaches_nothing_of_the_hosts(executor, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s")
    model = Told(f"open({os.fspath(secret)!r})", "final_answer(1)")
    agent = CodeAgent([], model, executor=executor, verbosity_level=0)
    assert agent.run("look") == 1
    assert any("FileNotFoundError" in str(message.content) for message in model.seen)


def test_what_is_no_answer_in_its_form_is_refused(executor):
    """An exception of that name may be the code's own: nothing of it is unpickled."""
    forged = "class FinalAnswerException(Exception): pass\nraise FinalAnswerException('pickle:gASVAAAAAA==')"
    with pytest.raises(Exception, match="allow_pickle"):
        executor(forged)
    with pytest.raises(AgentExecutionError, match="WALL_TIME"):
        SandboxExecutor(timeout=0.5)("while True: pass")
