"""inspect_ai's own checks of a sandbox, and an evaluation whose model says what it is told: `make test-adapters`."""

import pytest
from inspect_ai import Task
from inspect_ai import eval as evaluate
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, get_model
from inspect_ai.scorer import includes
from inspect_ai.solver import generate, use_tools
from inspect_ai.tool import bash
from inspect_ai.util import SandboxEnvironmentSpec
from inspect_ai.util._sandbox.self_check import *  # noqa: F403

from sandbox_magic.adapters.inspect_ai import Options, SandboxMagic

pytestmark = pytest.mark.anyio
CANT = {"test_exec_as_user": "a sandbox has one user"}


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def sandbox_env(request):
    if why := CANT.get(request.node.originalname):
        request.applymarker(pytest.mark.xfail(reason=why, strict=True))
    environments = await SandboxMagic.sample_init("task", Options(memory="1G", disk="256M"), {})
    yield environments["default"]
    await SandboxMagic.sample_cleanup("task", None, environments, False)


def test_a_sample_is_solved_in_it(tmp_path):
    outputs = [
        ModelOutput.for_tool_call("mockllm/model", "bash", {"cmd": "echo $((6 * 7)) > a; cat a b"}),
        ModelOutput.from_content("mockllm/model", "it is 42"),
    ]
    task = Task(
        [Sample(input="compute", target="42", files={"b": "given"})],
        solver=[use_tools(bash(timeout=60)), generate()],
        scorer=includes(),
        sandbox=SandboxEnvironmentSpec("sandbox-magic", Options(memory="512M")),
    )
    (log,) = evaluate(
        task, model=get_model("mockllm/model", custom_outputs=outputs), log_dir=str(tmp_path), display="none"
    )
    assert log.status == "success", log.error
    (sample,) = log.samples
    assert any("42\ngiven" in message.text for message in sample.messages if message.role == "tool")
    assert sample.scores["includes"].value == "C"
