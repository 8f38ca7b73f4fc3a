"""The picture that follows the cells, on a clock of the test's."""

import base64
import re
from types import SimpleNamespace

import pytest

from sandbox_magic.kernel.course import Course
from sandbox_magic.kernel.live import EVERY_SECONDS, Live
from sandbox_magic.model.timeline import Sample, Timeline


def result(*samples):
    usage = SimpleNamespace(wall_seconds=2.0, cpu_seconds=1.0)
    return SimpleNamespace(timeline=Timeline(samples=samples), usage=usage, limits=SimpleNamespace(memory_bytes=2**29))


class Following:
    def __init__(self):
        self.now = 0.0
        self.sent = []
        self.live = Live(Course(), clock=lambda: self.now)

    def publish(self, kind, content):
        assert kind == "update_display_data"
        self.sent.append(content)

    def sample(self, seconds):
        self.now += seconds
        self.live.add(Sample(seconds=self.now, cpu_seconds=self.now, memory_bytes=2**20), self.publish)


@pytest.fixture
def following():
    return Following()


def test_it_is_sent_to_nobody_who_has_not_asked(following):
    following.live.begin(1)
    following.sample(5)
    following.live.end(result(), following.publish)
    assert following.sent == []


def test_it_is_renewed_each_second_and_at_the_end_in_the_same_place(following):
    shown = following.live.show()
    following.live.begin(3)
    for _ in range(8):
        following.sample(EVERY_SECONDS / 4)
    assert len(following.sent) == 2
    assert "1 cell · ran for 2.00 s" in following.sent[-1]["data"]["text/plain"]
    drawn = re.search(r'base64,([^"]+)', following.sent[-1]["data"]["text/html"])
    assert "In [3]" in base64.b64decode(drawn[1]).decode()
    following.live.end(result(Sample(seconds=1.0, memory_bytes=2**20)), following.publish)
    assert len(following.sent) == 3
    assert {content["transient"]["display_id"] for content in following.sent} == {shown["transient"]["display_id"]}


def test_a_cell_that_could_not_start_is_not_counted(following):
    following.live.begin(1)
    following.live.begin(2)
    following.live.end(result(), following.publish)
    assert following.live.show()["data"]["text/plain"].startswith("the cells so far · 1 cell ·")
