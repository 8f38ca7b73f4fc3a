"""The options of the API as a type checker and an editor see them; a test holds them against the table."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Literal, TypedDict

from sandbox_magic.model.forwards import Forward
from sandbox_magic.model.languages import Language
from sandbox_magic.model.policy import Mount

Seconds = float | str | None
"""Seconds, text such as ``500ms``, ``30``, ``2m``, or None (``none``) for no limit."""
Size = int | float | str
"""Bytes, or text such as ``512M``, ``1.5G``."""
Path = str | os.PathLike[str]


class ManyOptions(TypedDict, total=False):
    """The keyword options of `sandbox_magic.run_many`: those of `Options` but what may be several there.

    An option that there is not is an error for a type checker. What a text says is not, for no type knows which texts
    are times: ``timeout="banana"`` is a `PolicyError` when it is called, before anything runs.

    Attributes:
        timeout: Wall time from its start; 30 s without it.
        cpu_time: CPU time of all its processes together.
        memory: Of all its processes and its writable space together; ``512M`` without it.
        processes: Processes and threads at once; 64 without it.
        cpus: Share of processors, such as 1.5.
        disk: Space to write in the working directory, in ``/tmp`` and in ``/dev/shm``, each; ``64M`` without it.
        open_files: Descriptors of each process; 256 without it.
        output_limit: Kept of each output stream, its head and tail; ``1M`` without it.
        on_output_limit: ``cut`` drops the middle and goes on, ``stop`` ends the run.
        python: The Python inside: ``kernel`` (this environment), ``system``, a version such as
            ``3.12``, or a path.
        strict: Refuse to run where a limit would only be monitored.
        trace: Whether what the code tries is listed.
        bind: Files or directories to read, each as ``PATH`` or ``PATH:NAME``.
        workspace: A directory to work in, copy-on-write.
        save: Patterns of files to save from the working directory.
        preload: Modules imported before the clock starts, under the limits.
        net: Hosts that it may connect to, each as ``HOST`` or ``HOST:PORT``, or the name of a preset.
        net_bytes: What may go out through ``net``, and what may come in; ``100M`` without it.
        packages: Packages for this run alone, each as ``NAME`` or ``NAME==VERSION`` and their like.
        warm: Whether it may run in a sandbox that was started before, and one is kept for the next run; so without it.
        language: What the code is written in; what its ``#!`` line says, else Python, without it.
        lang: The same.
        languages: Further languages: name -> its row.
        args: For the code: ``sys.argv[1:]``; one line is split as a shell does.
        outputs: Names of the variables that come out.
        output: The same.
    """

    timeout: Seconds
    cpu_time: Seconds
    memory: Size
    processes: int | str
    cpus: float | str | None
    disk: Size
    open_files: int | str
    output_limit: Size
    on_output_limit: Literal["cut", "stop"]
    python: Path
    strict: bool
    trace: bool
    bind: Path | Mount | Iterable[Path | Mount]
    workspace: Path
    save: Path | Iterable[Path]
    preload: str | Iterable[str]
    net: str | Forward | Iterable[str | Forward]
    net_bytes: Size
    packages: str | Iterable[str]
    warm: bool | Literal["at load"]
    language: str | Language
    lang: str | Language
    languages: str | Mapping[str, object] | tuple[Language, ...]
    args: str | Iterable[str]
    outputs: str | Iterable[str]
    output: str | Iterable[str]


class Options(ManyOptions, total=False):
    """The keyword options of `sandbox_magic.run` and `sandbox_magic.stream`: those of `ManyOptions`, and input.

    Attributes:
        inputs: Variables for the code, by name.
        input: The same.
        stdin: For the code's standard input.
    """

    inputs: Mapping[str, object]
    input: Mapping[str, object]
    stdin: str | bytes
