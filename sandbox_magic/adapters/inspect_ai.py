"""A sandbox of inspect_ai: ``Task(..., sandbox="sandbox-magic")``, once this module is imported.

Options: ``SandboxEnvironmentSpec("sandbox-magic", Options(memory="1G"))``. Each sample has one session, and its files
stay there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import anyio
from inspect_ai import util
from pydantic import BaseModel

from sandbox_magic.adapters import cells
from sandbox_magic.execution.session import Session
from sandbox_magic.model.outcome import Outcome

if TYPE_CHECKING:
    from sandbox_magic.model.result import Result

_MARGIN_SECONDS = 10  # then a command that is late is ended with all around it


class Options(BaseModel, extra="allow", frozen=True):
    """As for `sandbox_magic.Session`."""


@util.sandboxenv(name="sandbox-magic")
class SandboxMagic(util.SandboxEnvironment):
    """One sample's sandbox."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()
        self.session: Session = Session(**{"timeout": None, **options})
        self._turn = anyio.Lock()

    @classmethod
    async def sample_init(cls, task_name: str, config: Any, metadata: Any) -> dict[str, util.SandboxEnvironment]:
        """Return the sandbox of a sample."""
        return {"default": cls(config.model_dump() if isinstance(config, BaseModel) else {})}

    @classmethod
    async def sample_cleanup(cls, task_name: str, config: Any, environments: Any, interrupted: bool) -> None:
        """End it."""
        for environment in environments.values():
            environment.as_type(cls).session.close()

    @classmethod
    def config_deserialize(cls, config: dict[str, Any]) -> BaseModel:
        """Return the options that a log has."""
        return Options(**config)

    async def exec(
        self, cmd: list[str], input: str | bytes | None = None, cwd: str | None = None,
        env: dict[str, str] | None = None, user: str | None = None, timeout: int | None = None,
        timeout_retry: bool = True, concurrency: bool = True,
    ) -> util.ExecResult[str]:  # fmt: skip
        """Run a command; of one that is killed at a limit standard error says why."""
        if user is not None:
            raise util.SandboxUserUnsupportedError("this sandbox has one user")
        most = util.SandboxEnvironmentLimits.MAX_EXEC_OUTPUT_SIZE
        given = input.encode() if isinstance(input, str) else input
        inputs = {"cmd": cmd, "given": given, "cwd": cwd, "env": env or {}, "timeout": timeout, "most": most}
        within: dict[str, Any] = {} if timeout is None else {"timeout": timeout + _MARGIN_SECONDS}
        result = await self._run(cells.EXEC, inputs, "late", "denied", "status", "out", "err", **within)
        if result.outputs.get("late") or result.outcome is Outcome.WALL_TIME:
            raise TimeoutError
        if result.outputs.get("denied"):
            raise PermissionError(f"{cmd[0]} can't be executed")
        if not result.ok:
            return util.ExecResult(False, -9, "", "\n".join((result.summary, result.stderr, *result.notes)))
        found: Any = result.outputs
        status, out, err = found["status"], found["out"], found["err"]
        return util.ExecResult(status == 0, status, out.decode(errors="replace"), err.decode(errors="replace"))

    async def write_file(self, file: str, contents: str | bytes) -> None:
        """Write a file, with the directories above it."""
        await self._on_file(cells.WRITE, file, data=contents.encode() if isinstance(contents, str) else contents)

    async def read_file(self, file: str, text: bool = True) -> Any:
        """Return what is in a file, as text or as bytes."""
        found = await self._on_file(cells.READ, file, most=util.SandboxEnvironmentLimits.MAX_READ_FILE_SIZE)
        if found["size"] > util.SandboxEnvironmentLimits.MAX_READ_FILE_SIZE:
            raise util.OutputLimitExceededError(util.SandboxEnvironmentLimits.MAX_READ_FILE_SIZE_STR, None)
        return found["data"].decode() if text else found["data"]

    async def _on_file(self, code: str, path: str, **given: Any) -> dict[str, Any]:
        result = await self._run(code, {"path": path, **given}, "failed", "size", "data")
        if not result.ok:
            raise OSError("; ".join((f"{path}: {result.summary}", *result.notes)))
        found: Any = result.outputs
        if found["failed"]:
            raise OSError(found["failed"], os.strerror(found["failed"]), path)
        return dict(found)

    async def _run(self, code: str, inputs: dict[str, Any], *outputs: str, **within: Any) -> Result:
        async with self._turn:
            return await self.session.arun(code, inputs=inputs, outputs=outputs, **within)
