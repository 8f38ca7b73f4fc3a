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
