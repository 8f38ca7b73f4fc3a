"""What a person sees in JupyterLab, read from the page of a real browser."""

import pytest

MOVING_CURVE = """
import time
import numpy as np
from bqplot import Axis, Figure, LinearScale, Lines

scales = {"x": LinearScale(), "y": LinearScale(min=0, max=100)}
line = Lines(x=np.arange(20.0), y=np.zeros(20), scales=scales)
display(Figure(marks=[line], axes=[Axis(scale=scales["x"])], animation_duration=0))
for step in range(40):
    time.sleep(0.1)
    line.y = np.arange(20.0) * step / 10
print("the cell has ended")
"""


def most_within(moments, seconds):
    """The largest number of moments that lie within so many seconds."""
    return max((sum(start <= moment <= start + seconds for moment in moments) for start in moments), default=0)


@pytest.mark.timeout(180)
def test_a_curve_moves_while_its_cell_runs(lab, tmp_path):
    """The ground the dashboard stands on: the page draws new points although the kernel is busy all the time."""
    lab.open(["6 * 7", MOVING_CURVE])
    lab.record(".bqplot path.line", "d")
    lab.start()
    lab.wait()

    assert lab.outputs(0)[0]["data"]["text/plain"] == "42"
    assert lab.text(1) == "the cell has ended\n"
    curves = lab.recorded()
    assert len({curve for _, curve in curves}) >= 10
    assert all(curve.count(",") + curve.count("L") >= 19 for _, curve in curves), curves
    assert most_within([moment for moment, _ in curves], seconds=1.0) >= 3

    lab.theme("JupyterLab Dark")
    lab.screenshot(tmp_path / "dark.png")
    assert (tmp_path / "dark.png").stat().st_size > 10_000


BUSY = """%%sandbox --memory 300M
import time

hoard, end = [], time.time() + 5
while time.time() < end:
    hoard.append(b"x" * 4_000_000)
    sum(range(300_000))
    time.sleep(0.07)
print("ended by itself", len(hoard))
"""
ENDLESS = """%%sandbox --timeout 60
import time
print("it has begun", flush=True)
while True:
    time.sleep(0.01)
"""


@pytest.mark.timeout(180)
def test_the_dashboard_moves_and_becomes_a_picture(lab, pictures):
    """While the cell runs the CPU curve has at least three states a second; afterwards an image is in its place."""
    lab.open(["%load_ext sandbox_magic", BUSY])
    lab.theme("JupyterLab Light")  # the last test's theme is kept
    lab.record(".sandbox-cpu path.line", "d")
    lab.start()
    lab.page.wait_for_selector(".sandbox-dashboard .sandbox-state")
    assert lab.page.inner_text(".sandbox-dashboard .sandbox-state") == "running"
    lab.page.wait_for_timeout(2500)
    lab.screenshot(pictures / "running-light.png", cell=1)
    assert lab.page.locator(".sandbox-dashboard").bounding_box()["height"] <= 200
    lab.wait()

    moments = [moment for moment, _ in lab.recorded()]
    assert most_within(moments, seconds=1.0) >= 3
    assert len({curve for _, curve in lab.recorded()}) >= 8
    assert lab.page.locator(".sandbox-dashboard").count() == 0
    picture = lab.page.locator("img.sandbox-picture")
    assert picture.get_attribute("alt").startswith("Sandbox run: done")
    assert picture.evaluate("image => image.complete && image.naturalWidth > 100")
    assert "ended by itself" in lab.text(1)
    lab.screenshot(pictures / "ended-light.png", cell=1)
    lab.theme("JupyterLab Dark")
    lab.screenshot(pictures / "ended-dark.png", cell=1)


@pytest.mark.timeout(180)
def test_the_stop_button_ends_the_cell_and_keeps_its_text(lab):
    """A real click on the notebook's own stop button."""
    lab.open(["%load_ext sandbox_magic", ENDLESS, "'not reached'"])
    lab.start()
    lab.page.wait_for_selector(".sandbox-dashboard .sandbox-state")
    lab.page.click('[data-command="notebook:interrupt-kernel"]:visible')
    lab.wait()
    assert "it has begun" in lab.text(1)
    assert lab.page.locator("img.sandbox-picture").get_attribute("alt").startswith("Sandbox run: stopped by you")
    assert lab.outputs(2) == []


@pytest.mark.timeout(180)
def test_a_saved_notebook_shows_the_picture_without_a_kernel(lab):
    """Reopened, with the server gone for the kernel's part: the image is there, and nothing says "model not found"."""
    lab.open(["%load_ext sandbox_magic", "%%sandbox\nimport time; time.sleep(0.6); print('hello')"], name="saved.ipynb")
    lab.start()
    lab.wait()
    lab.save()
    lab.open_file("saved.ipynb", kernel=False)
    picture = lab.page.locator("img.sandbox-picture")
    picture.wait_for()
    assert picture.evaluate("image => image.complete && image.naturalWidth > 100")
    assert "not found" not in lab.page.inner_text(".jp-Notebook")
