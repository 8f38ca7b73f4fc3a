"""A cell's events as the messages of its request: streams, displays, the value, questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sandbox_magic.execution.drive import View
from sandbox_magic.kernel.live import Live
from sandbox_magic.kernel.pace import Pace
from sandbox_magic.notebook.clearing import Clearing
from sandbox_magic.terminal.prompt import question

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox_magic.kernel.failure import Failure
    from sandbox_magic.kernel.lines import Answer
    from sandbox_magic.model.output import Cleared, Display, InputRequest, Text
    from sandbox_magic.model.result import Result
    from sandbox_magic.model.timeline import Sample

WHO = "cell"


class Publish(Protocol):
    """Sends one message to all front ends."""

    def __call__(self, kind: str, content: dict[str, object], /) -> None:
        """Send it.

        Args:
            kind: The message's type.
            content: Its content.
        """


class Ask(Protocol):
    """Asks the front end that sent the cell."""

    def __call__(self, prompt: str, *, password: bool) -> str | None:
        """Return what the person answers; None where nobody can be asked."""


class KernelView(View):
    """Sends each event as it comes. Every text and every display went through `untrusted` before.

    Args:
        publish: Sends a message.
        ask: Asks the person.
        number: The cell's execution count.

    Attributes:
        number: As above.
        watch: What follows the cell; None where nothing does.
        value: The plain text of the cell's value; None if it has none.
    """

    def __init__(self, publish: Publish, ask: Ask, number: int) -> None:
        self.value: str | None = None
        self._publish = Pace(publish)
        self._ask = ask
        self.number: int = number
        self.watch: Live | None = None
        self._clearing = Clearing(lambda followed: self._publish("clear_output", {"wait": followed}))

    def begin(self) -> None:
        """Tell who follows the cell that it starts."""
        if self.watch is not None:
            self.watch.begin(self.number)

    def write(self, event: Text) -> None:
        """Send the code's text."""
        if event.text:
            self._clearing.show(lambda: self._publish("stream", {"name": event.stream, "text": event.text}))

    def display(self, event: Display) -> None:
        """Send what the code showed, or its value."""
        self._clearing.show(lambda: self._send(event))

    def _send(self, event: Display) -> None:
        content: dict[str, object] = {"data": dict(event.data), "metadata": dict(event.metadata)}
        if event.display_id:
            content["transient"] = {"display_id": event.display_id}
        if event.kind == "result" and not event.update:
            self.value = event.text
            self._publish("execute_result", {**content, "execution_count": self.number})
        else:
            self._publish("update_display_data" if event.update else "display_data", content)

    def clear(self, event: Cleared) -> None:
        """Clear the cell's output, which is the code's alone."""
        self._clearing.ask(wait=event.wait)

    def ask(self, request: InputRequest) -> str | None:
        """Return what the person at the front end answers."""
        self._clearing.go_on(last=True)
        self._publish.flush()
        return self._ask(question(request, WHO), password=request.password)

    def add(self, sample: Sample) -> None:
        """Clear, and show what waits, if it is time to."""
        if self.watch is not None:
            self.watch.add(sample, self._publish)
        self._clearing.go_on()
        self._publish.go_on()

    def close(self) -> None:
        """Show what waits."""
        self._publish.flush()

    def finish(self, result: Result) -> None:
        """Clear, and show what waits."""
        if self.watch is not None:
            self.watch.end(result, self._publish)
        self._clearing.go_on(last=True)
        self._publish.flush()

    def say(self, answer: Answer) -> None:
        """Send the answer to a line."""
        if isinstance(answer, str):
            self._publish("stream", {"name": "stdout", "text": f"{answer}\n"})
            self._publish.flush()
        elif isinstance(answer, Live):
            self._publish("display_data", answer.show())
        else:
            self._publish("display_data", {"data": dict(answer), "metadata": {}})

    def confirm(self, what: str) -> bool:
        """Return whether the person says yes; no code can answer, and where nobody can be asked it is no."""
        answer = self._ask(f"sandbox asks: {what}Type yes: ", password=False)
        return answer is not None and answer.strip().lower() == "yes"

    def note(self, notes: Iterable[str]) -> None:
        """Send what a person should know of a cell that went well."""
        for note in notes:
            self._publish("stream", {"name": "stderr", "text": f"sandbox: {note}\n"})
        self._publish.flush()

    def fail(self, failure: Failure) -> None:
        """Send the error that the cell ends with."""
        self._publish("error", failure.content)
