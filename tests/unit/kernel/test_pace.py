"""Not more messages than a server passes on, and nothing lost."""

import pytest

from sandbox_magic.kernel.pace import EVERY_SECONDS, MOST, Pace


class Sent(list):
    """What was sent, at a time that the test sets."""

    now = 0.0

    def __init__(self):
        super().__init__()
        self.pace = Pace(lambda kind, content: self.append((kind, content)), lambda: self.now)

    def write(self, text, name="stdout"):
        self.pace("stream", {"name": name, "text": text})

    def update(self, value, name="a"):
        self.pace("update_display_data", {"data": {"text/plain": value}, "transient": {"display_id": name}})

    def text(self, name="stdout"):
        return "".join(content["text"] for kind, content in self if kind == "stream" and content["name"] == name)


@pytest.fixture
def sent():
    return Sent()


def test_a_few_messages_go_out_as_they_come(sent):
    for number in range(MOST):
        sent.write(f"{number}\n", "stderr" if number % 2 else "stdout")
    assert len(sent) == MOST


def test_a_line_that_is_written_in_pieces_is_one_message(sent):
    for piece in ("a", "b", "\n"):
        sent.write(piece)
    assert sent == [("stream", {"name": "stdout", "text": "ab\n"})]


def test_the_beginning_of_a_line_waits_a_moment_only(sent):
    sent.write("a")
    sent.pace.go_on()
    assert sent == []
    sent.now = EVERY_SECONDS
    sent.pace.go_on()
    assert sent.text() == "a"


def test_the_two_streams_stay_in_order(sent):
    for piece, name in (("a", "stdout"), ("b", "stderr"), ("c\n", "stdout"), ("d\n", "stderr")):
        sent.write(piece, name)
    assert [content["text"] for _, content in sent] == ["a", "b", "c\n", "d\n"]


def test_of_a_flood_by_turns_nothing_is_lost_and_few_messages_come(sent):
    for number in range(20_000):
        sent.now = number / 10_000
        sent.write(f"{number}\n", "stderr" if number % 2 else "stdout")
    sent.pace.flush()
    assert sent.text() == "".join(f"{number}\n" for number in range(0, 20_000, 2))
    assert sent.text("stderr") == "".join(f"{number}\n" for number in range(1, 20_000, 2))
    assert len(sent) <= 2 * (MOST + 2 / EVERY_SECONDS) + 2


def test_of_many_updates_the_latest_of_each_display_is_shown(sent):
    for number in range(5000):
        sent.update(f"{number}", "ab"[number % 2])
    sent.pace.flush()
    assert len(sent) == MOST + 2
    assert [content["data"]["text/plain"] for _, content in sent[-2:]] == ["4998", "4999"]


def test_what_is_held_comes_before_anything_else_and_after_a_moment(sent):
    for _ in range(MOST + 2):
        sent.write("x\n")
    sent.pace("display_data", {"data": {}})
    assert sent[-2:] == [("stream", {"name": "stdout", "text": "x\nx\n"}), ("display_data", {"data": {}})]
    sent.write("y\n")
    sent.pace.go_on()
    assert sent[-1][0] == "display_data"
    sent.now += EVERY_SECONDS
    sent.pace.go_on()
    assert sent[-1] == ("stream", {"name": "stdout", "text": "y\n"})


def test_the_next_second_begins_anew_and_in_order(sent):
    for _ in range(MOST + 1):
        sent.write("x\n")
    sent.now = 1.0
    sent.write("y\n", "stderr")
    assert [content["text"] for _, content in sent[-2:]] == ["x\n", "y\n"]
