"""The dashboard's buttons, marks and details in JupyterLab, with real clicks while the cell runs."""

from __future__ import annotations

import re
import time

import pytest

STOP_SECONDS = 0.5 + 1.0  # what is promised, and what the browser and a busy machine add
ENDLESS = """%%sandbox --timeout 150 --memory 300M
import re
import time
print("it has begun", flush=True)
mark("begun")
hoard, number = [], 0
while True:
    number += 1
    if number in (20, 40):
        mark(f"round {number}")
    if len(hoard) < 40:
        hoard.append(b"x" * 4_000_000)
    sum(range(200_000))
    time.sleep(0.03)
"""
NARROW = {"width": 496, "height": 900}  # leaves the dashboard 380 pixels
CURVE = ".sandbox-cpu path.line"


def start(lab):
    lab.open(["%load_ext sandbox_magic", ENDLESS, "'not reached'"])
    lab.start()
    lab.page.locator(".sandbox-button").nth(2).wait_for()


def state(lab):
    return lab.page.inner_text(".sandbox-dashboard .sandbox-state")


def stop(lab):
    """Click Stop; return how long the cell took to end."""
    clicked = time.monotonic()
    lab.page.click(".sandbox-stop")
    lab.wait()
    return time.monotonic() - clicked


def overlaps(lab, selector):
    """Whether any two elements that are shown lie over each other, by more than the room around their letters."""
    return lab.page.evaluate(
        """selector => {
            const cut = document.querySelector(".sandbox-wrap").getBoundingClientRect().bottom;
            const boxes = [...document.querySelectorAll(selector)]
                .filter(element => !element.closest(".sandbox-wrap") || element.getBoundingClientRect().top < cut)
                .map(element => element.getBoundingClientRect()).filter(box => box.width);
            return boxes.some((a, i) => boxes.slice(i + 1).some(b =>
                Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
                Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2));
        }""",
        selector,
    )


@pytest.mark.timeout(180)
@pytest.mark.alone
def test_a_click_on_stop_ends_the_cell(lab):
    """In Lab; where it is clicked in Notebook 7 (test_story.py) nothing is measured."""
    start(lab)
    assert stop(lab) < STOP_SECONDS
    assert lab.page.locator("img.sandbox-picture").get_attribute("alt").startswith("Sandbox run: stopped by you")
    assert lab.page.locator(".sandbox-dashboard").count() == 0
    (error,) = (output for output in lab.outputs(1) if output["output_type"] == "error")
    assert error["evalue"].startswith("stopped by you after ")
    assert "it has begun" in lab.text(1)
    assert lab.outputs(2) == []


@pytest.mark.timeout(180)
def test_pause_holds_the_curve_and_resume_lets_it_go_on(lab):
    start(lab)
    lab.page.click(".sandbox-pause")
    lab.page.wait_for_selector(".sandbox-mark.paused")
    assert lab.until(lambda: state(lab).startswith("paused for "))
    assert lab.until(lambda: lab.page.inner_text(".sandbox-pause") == "Resume")
    lab.page.wait_for_function(
        "/paused for [1-9][0-9]* s .goes on by itself after 10 min/"
        ".test(document.querySelector('.sandbox-wrap').innerText)"
    )
    curve = lab.page.get_attribute(CURVE, "d")
    lab.page.wait_for_timeout(700)
    assert heights(lab.page.get_attribute(CURVE, "d")) == heights(curve), (
        "it moves aside for the pause, and that is all"
    )
    lab.page.click(".sandbox-pause")
    lab.page.wait_for_selector(".sandbox-mark.running")
    many = len(heights(curve))
    lab.page.wait_for_function(
        "([selector, many]) => document.querySelector(selector).getAttribute('d').split(',').length - 1 > many",
        arg=[CURVE, many],
    )
    assert lab.until(lambda: state(lab) == "running")
    assert lab.until(lambda: lab.page.inner_text(".sandbox-pause") == "Pause")
    assert lab.errors == []
    stop(lab)
    assert lab.page.locator("img.sandbox-picture").get_attribute("alt").startswith("Sandbox run: stopped by you")


def heights(path):
    """The points of a curve without their moments, but for the last, which the present moves along with itself."""
    return [point.partition(",")[2] for point in re.split("[ML]", path)[1:]][:-1]


@pytest.mark.timeout(180)
def test_it_tells_exact_values_and_details_and_fits_wide_and_narrow(lab, pictures):
    """In both themes; no label lies over another, and it stays low until it is opened."""
    start(lab)
    page, board = lab.page, lab.page.locator(".sandbox-dashboard")
    page.wait_for_function("document.querySelectorAll('.sandbox-marks text').length === 3")
    box = board.bounding_box()
    page.mouse.move(box["x"] + 60 + (box["width"] - 148) / 4, box["y"] + 80)
    page.wait_for_function("""() => {  // at one moment: the strips are made anew as the run goes on
        const strip = document.querySelector('.sandbox-strips > i:hover')
        const said = strip ? window.getComputedStyle(strip, '::after').content : ''
        return said.includes('CPU') && said.split(' · ').length === 4
    }""")
    for theme in ("Light", "Dark"):
        lab.theme(f"JupyterLab {theme}")
        for width, size in (("wide", {"width": 1280, "height": 900}), ("narrow", NARROW)):
            page.set_viewport_size(size)
            page.wait_for_timeout(700)
            assert lab.until(lambda: board.bounding_box()["height"] <= 200)
            assert lab.until(lambda: page.locator(".sandbox-marks text:visible").count() >= 1)
            assert lab.until(lambda: not overlaps(lab, ".sandbox-marks text, .sandbox-button, .sandbox-wrap > span"))
            board.screenshot(path=pictures / f"dashboard-{theme.lower()}-{width}.png")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.click(".sandbox-button.sandbox-details")
    page.wait_for_selector(".sandbox-more .sandbox-processes path.line", state="attached")  # it is flat
    page.wait_for_function("document.querySelector('.sandbox-figures').innerText.includes('start of the sandbox')")
    assert lab.until(lambda: board.bounding_box()["height"] > 200)
    board.screenshot(path=pictures / "dashboard-dark-details.png")
    lab.theme("JupyterLab Light")
    board.screenshot(path=pictures / "dashboard-light-details.png")
    page.click(".sandbox-button.sandbox-details")
    page.wait_for_selector(".sandbox-more", state="detached")
    assert lab.until(lambda: board.bounding_box()["height"] <= 200)
    assert lab.errors == []
    stop(lab)


@pytest.mark.timeout(180)
def test_every_button_can_be_read_aloud_and_reached_by_keyboard(lab):
    start(lab)
    buttons = lab.page.locator(".sandbox-button")
    words = ["Pause", "Stop", "details ▾"]
    assert lab.until(lambda: [button.inner_text() for button in buttons.all()] == words)
    assert all(button.get_attribute("title") for button in buttons.all())
    assert lab.until(lambda: lab.page.inner_text(".sandbox-told").startswith("CPU: "))
    lab.page.focus(".sandbox-stop")
    lab.page.keyboard.press("Enter")
    lab.wait()
    assert lab.page.locator("img.sandbox-picture").get_attribute("alt").startswith("Sandbox run: stopped by you")
