"""Clearing: what is to be shown after it waits for it, and what is cleared before it was due is never shown."""

import time

import pytest

from sandbox_magic.notebook.clearing import EVERY_SECONDS, Clearing


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def page():
    """Gives a list of what is shown, and a clearing of it."""
    shown = []

    class Page(Clearing):
        def __init__(self):
            super().__init__(lambda followed: (shown.clear(), shown.append("..." if followed else "-")))
            self.shown = shown

        def write(self, text):
            self.show(lambda: shown.append(text))

    return Page()


def test_without_a_clearing_everything_is_shown_at_once(page):
    page.write("a")
    page.go_on()
    page.go_on(last=True)
    assert page.shown == ["a"]


def test_it_waits_for_new_output(page, clock):
    page.write("a")
    page.ask(wait=True)
    page.go_on(last=True)
    assert page.shown == ["a"]
    page.write("b")
    assert page.shown == ["...", "b"]


def test_it_clears_at_once_if_it_is_not_to_wait(page, clock):
    page.write("a")
    page.ask(wait=False)
    assert page.shown == ["-"]
    page.write("b")
    assert page.shown == ["-", "b"]


def test_what_comes_too_soon_is_held_and_what_is_cleared_meanwhile_is_never_shown(page, clock):
    for number in range(10):
        page.ask(wait=True)
        page.write(f"{number}")
        page.write("!")
    assert page.shown == ["...", "0", "!"]
    clock[0] += EVERY_SECONDS
    page.go_on()
    assert page.shown == ["...", "9", "!"]
    page.write("and on")
    assert page.shown[-1] == "and on"


def test_what_is_held_at_the_end_is_shown(page, clock):
    for number in range(3):
        page.ask(wait=number == 1)
        page.write(f"{number}")
    page.go_on(last=True)
    assert page.shown == ["...", "2"]
