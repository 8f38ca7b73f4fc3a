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

from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.languages import LANGUAGES
from sandbox_magic.model.outcome import Outcome
from sandbox_magic.serve.asked import Asked, BadRequest, files_of, member, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandbox_magic.model.result import Result

_SECONDS = 10.0  # what it gives a compiler, and a run, of which a request says nothing else
_LEAST_SECONDS = 0.001
_MIB = 2**20
_NOTHING: Mapping[str, Any] = {
    "status": "", "message": "", "compile_result": None, "run_result": None, "executor_pod_name": None, "files": {},
}  # fmt: skip


def read(whole: Mapping[str, Any]) -> Asked:
    """Return what a request asks for.

    Raises:
        BadRequest: It is not of that form.
        PolicyError: Its language is not here.
    """
    memory = member(whole, "memory_limit_MB", int, -1)
    language, code = member(whole, "language", str), member(whole, "code", str)
    if language == "php" and "<?" not in code:
        code = f"<?php {code}"  # as there; the lines keep their numbers
    stdin = member(whole, "stdin", str, "")
    return Asked(
        code=code,
        seconds=_seconds(whole, "run_timeout"),
        compile_seconds=_seconds(whole, "compile_timeout"),
        memory_bytes=memory * _MIB if memory > 0 else None,
        options={
            "language": _known(language),
            "stdin": stdin,
            "args": words(whole, "args"),
            "save": [glob.escape(_plain(name)) for name in words(whole, "fetch_files")],
        },
        files=files_of(member(whole, "files", dict, {})),
    )


def _known(language: str) -> str:
    """Return the name of a language, all of which are ours too; raise for one of its that is not here.

    The nearest of our names, as a person is told it who has mistyped one, would be another language.
    """
    names = {name.casefold() for each in LANGUAGES for name in (each.name, *each.aliases)}
    if language.casefold() not in names:
        there = ", ".join(each.name for each in LANGUAGES)
        raise PolicyError(f"there is no language {language!r} here", remedy=f"one of {there}")
    return language


def _seconds(whole: Mapping[str, Any], name: str) -> float:
    seconds = member(whole, name, float, _SECONDS)
    if seconds < _LEAST_SECONDS:
        raise BadRequest(f"{name} is {seconds}; the least is {_LEAST_SECONDS}")
    return seconds


def _plain(name: str) -> str:
    return name.removeprefix("./")


def written(result: Result, fetched: Sequence[str] = ()) -> dict[str, Any]:
    """Return the response for a run.

    Args:
        result: How it ended.
        fetched: The files that were asked for, by the names that they have in the response.
    """
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
        "files": {
            name: base64.b64encode(data).decode()
            for name in fetched
            if (data := result.files.get(_plain(name))) is not None
        },
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
