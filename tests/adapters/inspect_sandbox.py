"""inspect_ai's own checks of a sandbox, and an evaluation in one: `make test-adapters`."""

import pytest
from inspect_ai import Task
from inspect_ai import eval as evaluate
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput
from inspect_ai.scorer import includes
from inspect_ai.solver import solver
from inspect_ai.util import SandboxEnvironmentSpec, sandbox
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


@solver
def computes():
    """What a model's tool would do; a model's own turn asks the network for its tokenizer."""

    async def solve(state, _generate):
        done = await sandbox().exec(["sh", "-c", "echo $((6 * 7)) > a; cat a b"])
        state.output = ModelOutput.from_content("mockllm/model", done.stdout)
        return state

    return solve


def test_a_sample_is_solved_in_it(tmp_path):
    task = Task(
        [Sample(input="compute", target="42\ngiven", files={"b": "given"})],
        solver=computes(),
        scorer=includes(),
        sandbox=SandboxEnvironmentSpec("sandbox-magic", Options(memory="512M")),
    )
    (log,) = evaluate(task, model="mockllm/model", log_dir=str(tmp_path), display="none")
    assert log.status == "success", log.error
    assert log.samples[0].scores["includes"].value == "C"
