"""What a run is given, from the caller to the parked sandbox."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox_magic.execution import variables
from sandbox_magic.jail.task import Task
from sandbox_magic.jail.view import programs
from sandbox_magic.jail.view.overlay import Copy
from sandbox_magic.model.languages import PYTHON, Language

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox_magic.execution.files import FileTransfer
    from sandbox_magic.jail.sandbox import Sandbox
    from sandbox_magic.model.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The cell, and what goes with it.

    Attributes:
        source: The cell, verbatim.
        stdin: What it finds on standard input; where that is nothing, input() asks.
        arguments: ``sys.argv[1:]``.
        inputs: Variables for it, by name.
        outputs: The names of the variables that come out of it.
        language: What the cell is written in.
        languages: The user's own languages, to be named where a program is missing.
        last_value: Whether the value of its last expression is shown, as in a notebook.
        variable: Tells whether the caller has a variable of a name, for a hint.

    Raises:
        PolicyError: An input can't travel.
    """

    source: bytes
    stdin: bytes = b""
    arguments: tuple[str, ...] = ()
    inputs: Mapping[str, object] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    language: Language = PYTHON
    languages: tuple[Language, ...] = ()
    last_value: bool = True
    variable: Callable[[str], bool] = lambda _: False
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
        program = programs.packed(self.language, sandbox.interpreter, policy.limits, self.languages)
        copied = sandbox.workspace if isinstance(sandbox.workspace, Copy) else None
        if self._packed:
            with sandbox.create("inputs") as file:
                file.write(self._packed)
        if policy.workspace:
            with sandbox.create("workspace") as file:
                files.hand_over(file, copied)
        words = {"value": self.last_value, "ask": not self.stdin, "inputs": bool(self._packed)}
        words["workspace"] = copied is not None
        offered = [*(word for word, asked in words.items() if asked), *(f"out:{name}" for name in self.outputs)]
        task = Task(
            source=self.source,
            suffix=self.language.suffix,
            arguments=self.arguments,
            offered=" ".join(offered),
            program=program,
            gather=files.order,
        )
        sandbox.go(task, policy.limits)
