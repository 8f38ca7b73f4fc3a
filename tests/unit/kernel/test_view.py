"""A cell's events as messages."""

import pytest

from sandbox_magic import Display, Text
from sandbox_magic.kernel.failure import Failure
from sandbox_magic.kernel.pace import MOST
from sandbox_magic.kernel.view import KernelView
from sandbox_magic.model.output import Cleared, InputRequest


class Front:
    """A front end: what it got, and what its person answers."""

    def __init__(self, answer=None):
        self.got, self.asked, self.answer = [], [], answer
        self.view = KernelView(self._publish, self._ask, 7)

    def _publish(self, kind, content):
        self.got.append((kind, content))

    def _ask(self, prompt, *, password):
        self.asked.append((prompt, password))
        return self.answer


@pytest.fixture
def front():
    return Front()


def test_the_value_has_the_cells_number_and_is_kept_for_the_history(front):
    front.view.display(Display(data={"text/plain": "42"}, kind="result"))
    assert front.got == [("execute_result", {"data": {"text/plain": "42"}, "metadata": {}, "execution_count": 7})]
    assert front.view.value == "42"


def test_displays_and_updates_have_the_hosts_name_for_their_place(front):
    for update in (False, True):
        front.view.display(Display(data={"text/plain": "a"}, display_id="d1", update=update))
    (first, shown), (second, changed) = front.got
    assert (first, second) == ("display_data", "update_display_data")
    assert shown["transient"] == changed["transient"] == {"display_id": "d1"}


def test_a_question_comes_behind_what_was_written(front):
    front.view.write(Text("stdout", "before"))
    front.view.ask(InputRequest(prompt="name?"))
    assert front.got == [("stream", {"name": "stdout", "text": "before"})]
    assert front.asked == [("the cell asks: name? ", False)]


def test_what_is_cleared_before_it_was_due_is_never_shown(front):
    for number in range(3):
        front.view.clear(Cleared(wait=True))
        front.view.write(Text("stdout", f"{number}\n"))
    front.view.finish(None)
    assert front.got[-2:] == [("clear_output", {"wait": True}), ("stream", {"name": "stdout", "text": "2\n"})]
    assert len(front.got) <= 4


def test_notes_behind_a_flood_are_not_held_back(front):
    for number in range(MOST + 10):
        front.view.write(Text("stdout", f"{number}\n"))
    front.view.finish(None)
    front.view.note(["a word"])
    assert front.got[-1] == ("stream", {"name": "stderr", "text": "sandbox: a word\n"})
    front.view.write(Text("stdout", "x"))
    front.view.fail(Failure(name="E", message="m", traceback=()))
    assert [kind for kind, _ in front.got[-2:]] == ["stream", "error"]


@pytest.mark.parametrize(("answer", "yes"), [("yes", True), (" YES ", True), ("y", False), ("", False), (None, False)])
def test_only_a_whole_yes_is_one(answer, yes):
    front = Front(answer)
    assert front.view.confirm("apply?\n") is yes
    assert front.asked == [("sandbox asks: apply?\nType yes: ", False)]
