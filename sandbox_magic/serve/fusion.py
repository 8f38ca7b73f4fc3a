"""The forms of SandboxFusion's ``POST /run_code``, as its clients send and read them.

A request has ``code``, ``language``, ``run_timeout``, ``compile_timeout``, ``memory_limit_MB``, ``stdin``, ``files``
(content in base64), ``fetch_files`` and ``args``; a response ``status``, ``message``, ``compile_result``,
``run_result``, ``executor_pod_name`` and ``files``. What a compiler says that fails is in ``compile_result``; warnings
of one that succeeds are in ``run_result``, for both write to the same pipes here.
"""

from __future__ import annotations

import base64
import glob
from typing import TYPE_CHECKING, Any

from sandbox_magic.model.outcome import Outcome
from sandbox_magic.serve.asked import Asked, files_of, member, words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox_magic.model.result import Result

_LANGUAGES = {"nodejs": "node", "R": "r"}  # its name -> ours, where they differ
_SECONDS = 10.0  # what it gives a run that asks for nothing else
_MIB = 2**20
_NOTHING: Mapping[str, Any] = {
    "status": "", "message": "", "compile_result": None, "run_result": None, "executor_pod_name": None, "files": {},
}  # fmt: skip


def read(whole: Mapping[str, Any]) -> Asked:
    """Return what a request asks for.

    Raises:
        BadRequest: It is not of that form.
    """
    memory = member(whole, "memory_limit_MB", int, -1)
    language = member(whole, "language", str)
    stdin = member(whole, "stdin", str, "")
    return Asked(
        code=member(whole, "code", str),
        seconds=member(whole, "run_timeout", float, _SECONDS),
        memory_bytes=memory * _MIB if memory > 0 else None,
        options={
            "language": _LANGUAGES.get(language, language),
            "stdin": stdin,
            "args": words(whole, "args"),
            "save": [glob.escape(name.removeprefix("./")) for name in words(whole, "fetch_files")],
        },
        files=files_of(member(whole, "files", dict, {})),
    )


def written(result: Result) -> dict[str, Any]:
    """Return the response for a run."""
    late = result.outcome in (Outcome.WALL_TIME, Outcome.CPU_TIME)
    code = None if late else result.exit_code
    if code is None and not late:
        code = -(result.signal or 9)  # as Python's subprocess has it
    last = {
        "status": "TimeLimitExceeded" if late else "Finished",
        "execution_time": result.usage.wall_seconds,
        "return_code": code,
        "stdout": result.stdout_bytes.decode("utf-8", "replace"),
        "stderr": result.stderr_bytes.decode("utf-8", "replace"),
    }
    return {
        **_NOTHING,
        "status": "Success" if result.ok else "Failed",
        "compile_result": last if result.compiled is False else _compiled(result),
        "run_result": None if result.compiled is False else last,
        "files": {name: base64.b64encode(data).decode() for name, data in result.files.items()},
    }


def _compiled(result: Result) -> dict[str, Any] | None:
    """Return the result of the compiler of a program that began; None without one."""
    if result.compiled is None:
        return None
    seconds = result.usage.compile_seconds
    return {"status": "Finished", "execution_time": seconds, "return_code": 0, "stdout": "", "stderr": ""}


def failed(message: str) -> dict[str, Any]:
    """Return the response where nothing was run."""
    return {**_NOTHING, "status": "SandboxError", "message": message}
