"""What a run is given, from the caller to the parked sandbox."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox_magic.execution import variables
from sandbox_magic.jail.task import Task
from sandbox_magic.jail.view import places, programs
from sandbox_magic.jail.view.overlay import Copy
from sandbox_magic.model.languages import PYTHON, Language

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox_magic.execution.files import FileTransfer
    from sandbox_magic.execution.hint_facts import Known
    from sandbox_magic.execution.source import Source
    from sandbox_magic.jail.sandbox import Sandbox
    from sandbox_magic.model.policy import Limits, Policy


_READS = re.compile(rb"\bsys\.stdin\b|\bfileinput\b|/dev/stdin\b|\bopen\(0\b")
_OURS = ("", "inputs", "layer", "lib", "workspace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The cell, and what goes with it.

    Attributes:
        source: The cell, and the file that it is in.
        stdin: What it finds on standard input: bytes, where there are none input() asks, or a descriptor of the host's
            from which they are copied as they come.
        arguments: ``sys.argv[1:]``.
        files: Files for its working directory, by name.
        inputs: Variables for it, by name.
        outputs: The names of the variables that come out of it.
        language: What the cell is written in.
        languages: The user's own languages, to be named where a program is missing.
        compile_seconds: Real time for its compiler; None for as much as the limits give.
        last_value: Whether the value of its last expression is shown, as in a notebook.
        variable: Tells what the caller knows of a name, for a hint.
        shows_error: Whether an error that ends it is written to its standard error too, not only told apart.
        number: Which of its cells it is for who shows them, as in ``In [7]``; None where nobody counts.
        scores: Whether it is a checker, which finds ``score`` and sends its calls as a variable.
        query: In a session, what a front end asks of the code in place of running it: ``query:WHAT:CURSOR:DETAIL``.

    Raises:
        PolicyError: An input can't be passed in.
    """

    source: Source
    stdin: bytes | int = b""
    arguments: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    inputs: Mapping[str, object] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    language: Language = PYTHON
    languages: tuple[Language, ...] = ()
    compile_seconds: float | None = None
    last_value: bool = True
    variable: Callable[[str], Known] = lambda _: ""
    shows_error: bool = True
    number: int | None = None
    scores: bool = False
    query: str = ""
    _packed: bytes = field(init=False, default=b"", repr=False)

    def __post_init__(self) -> None:
        """Pack the variables as they are now."""
        if self.inputs:
            object.__setattr__(self, "_packed", variables.packed(self.inputs))

    def give(self, sandbox: Sandbox, policy: Policy, files: FileTransfer) -> None:
        """Hand everything over and say "go".

        Raises:
            PolicyError: The workspace can't be packed, or a program of the language is not there.
            SandboxUnavailable: It can't be written, or the parked sandbox is gone.
        """
        name = self._name
        path = f"{places.CELL}/{name}"
        program = programs.packed(self.language, sandbox.interpreter, policy.limits, self.languages, file=path)
        copied = sandbox.workspace if isinstance(sandbox.workspace, Copy) else None
        if self._packed:
            with sandbox.create("inputs") as file:
                file.write(self._packed)
        if policy.workspace or self.files:
            with sandbox.create("workspace") as file:
                files.hand_over(file, copied)
        words = {"value": self.last_value, "ask": self.stdin == b"", "inputs": bool(self._packed)}
        words |= {"workspace": copied is not None or bool(self.files), "characters": self.source.characters}
        words |= {"error-apart": not self.shows_error, "bash": policy.undo is not None and bool(program)}
        words |= {"lines": sandbox.watcher is not None, "score": self.scores}
        offered = [
            *(word for word, asked in words.items() if asked),
            *[self.query][: bool(self.query)],
            *([] if self.number is None else [f"in:{self.number}"]),
            *(f"out:{name}" for name in self.outputs),
        ]
        task = Task(
            source=self.source.text,
            name=name,
            place=self._place(policy, files),
            arguments=self.arguments,
            offered=" ".join(offered),
            program=program,
            compile_seconds=self.compiler_limit(policy.limits),
            gather=files.order,
        )
        sandbox.go(task, policy.limits)

    def compiler_limit(self, limits: Limits) -> float | None:
        """Return the real time for its compiler; None if it has none."""
        if not self.language.compiles:
            return None
        return limits.compile_seconds if self.compile_seconds is None else self.compile_seconds

    @property
    def reads_input(self) -> bool:
        """Whether the code reads standard input, as it seems."""
        return bool(_READS.search(self.source.text))

    @property
    def _name(self) -> str:
        """The name of its file in the directory that the sandbox sees read-only, where other things of ours are."""
        name = os.path.basename(self.source.path)
        return f"cell{self.language.suffix}" if name in _OURS else name

    def _place(self, policy: Policy, files: FileTransfer) -> str:
        """Return where its file should stand; empty where nothing of it may be seen.

        A file of the workspace's stands where it lies. Another one, and code that looks for what lies beside it,
        stands in the working directory; else that shows only what was put there.
        """
        path = self.source.path
        if path and (below := files.in_workspace(path)):
            return f"{places.WORKSPACE}/{below}"
        if not path and not self.language.looks_beside(self.source.text):
            return ""
        name = os.path.basename(path) or f"cell{self.language.suffix}"
        files.leave_out(name)
        return f"{places.working_directory(workspace=bool(policy.workspace))}/{name}"
