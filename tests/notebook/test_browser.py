"""What a person sees in JupyterLab and Notebook 7, read from the page of a real browser."""

import json
import os

import nbformat
import pytest
from nbconvert import HTMLExporter
from nbformat.sign import NotebookNotary


def most_within(moments, seconds):
    """The largest number of moments that lie within so many seconds."""
    return max((sum(start <= moment <= start + seconds for moment in moments) for start in moments), default=0)


BUSY = """%%sandbox --memory 300M
import time

hoard, end = [], time.time() + 5
while time.time() < end:
    hoard.append(b"x" * 4_000_000)
    sum(range(300_000))
    time.sleep(0.07)
print("ended by itself", len(hoard))
"""
ENDLESS = """%%sandbox --timeout 150
import time
print("it has begun", flush=True)
while True:
    time.sleep(0.01)
"""


# The messages of ten minutes, sent in seconds: five updates for each second of the run.
MINUTES = """
import time, psutil
from sandbox_magic import Limits, Outcome, Policy, Result, Sample, Timeline, Usage
from sandbox_magic.notebook.dashboard.dashboard import Dashboard, _loader

def sample(seconds):
    memory = 2**20 + int(seconds % 60 * 2**22)
    return Sample(seconds=seconds, cpu_percent=90 + seconds % 7, cpu_seconds=seconds, memory_bytes=memory, processes=2)

def send(updates):
    for update in updates:
        dashboard._next_push = 0
        dashboard.add(sample(update / 5))
        time.sleep(0.001)
    print(psutil.Process().memory_info().rss, flush=True)

_loader().join()
dashboard = Dashboard(Policy(limits=Limits(wall_seconds=3600)))
dashboard.begin()
send(range(10, 600))
"""
FURTHER = "send(range(600, 2400))"
AT_LAST = """send(range(2400, 3000))
samples = tuple(sample(n) for n in range(600))
usage = Usage(wall_seconds=600.0, cpu_seconds=1.0)
dashboard.finish(Result(outcome=Outcome.COMPLETED, exit_code=0, usage=usage, timeline=Timeline(samples)))
"""
ENDED = "img.sandbox-picture"
CELLS = int(os.environ.get("CELLS", "25"))


def is_drawn(page):
    """Whether the page shows the one picture of the run: loaded, with a size."""
    page.wait_for_selector(ENDED)
    page.wait_for_function("one => document.querySelector(one).complete", arg=ENDED, polling=100)
    return page.locator(ENDED).evaluate("image => image.naturalWidth > 100")


@pytest.mark.timeout(180)
@pytest.mark.alone
def test_the_dashboard_moves_and_becomes_a_picture(front, pictures):
    """While the cell runs the CPU curve has at least three states a second; afterwards an image is in its place."""
    front.open(["%load_ext sandbox_magic", BUSY])
    front.theme("JupyterLab Light")  # the last test's theme is kept
    front.record(".sandbox-cpu path.line", "d")
    front.errors.clear()
    front.start()
    front.page.wait_for_selector(".sandbox-dashboard .sandbox-state")
    assert front.page.inner_text(".sandbox-dashboard .sandbox-state") == "running"
    assert front.page.locator(".sandbox-dashboard").bounding_box()["height"] <= 200
    front.page.wait_for_timeout(2000)
    front.screenshot(pictures / f"running-light{front.suffix}.png", cell=1)
    front.wait()

    moments = [moment for moment, _ in front.recorded()]
    assert most_within(moments, seconds=1.0) >= 3
    assert len({curve for _, curve in front.recorded()}) >= 8
    assert front.page.locator(".sandbox-dashboard").count() == 0
    assert front.page.locator(ENDED).get_attribute("alt").startswith("Sandbox run: done")
    assert is_drawn(front.page)
    assert "ended by itself" in front.text(1)
    assert front.errors == []
    front.screenshot(pictures / f"ended-light{front.suffix}.png", cell=1)
    front.theme("JupyterLab Dark")
    front.screenshot(pictures / f"ended-dark{front.suffix}.png", cell=1)


@pytest.mark.timeout(180)
def test_the_stop_button_ends_the_cell_and_keeps_its_text(lab):
    """A real click on the notebook's own stop button."""
    lab.open(["%load_ext sandbox_magic", ENDLESS, "'not reached'"])
    lab.start()
    lab.page.wait_for_selector(".sandbox-dashboard .sandbox-state")
    assert lab.until(lambda: "it has begun" in lab.text(1))
    lab.page.click('[data-command="notebook:interrupt-kernel"]:visible')
    lab.wait()
    assert lab.page.locator(ENDED).get_attribute("alt").startswith("Sandbox run: stopped by you")
    assert lab.outputs(2) == []


@pytest.mark.timeout(180)
def test_a_saved_notebook_shows_the_picture_without_a_kernel(front, tmp_path):
    """Trusted and untrusted, and as a page of its own; nothing says that a widget's model is not found."""
    name = f"saved{front.suffix}.ipynb"
    front.open(["%load_ext sandbox_magic", "%%sandbox\nimport time; time.sleep(0.6); print('hello')"], name=name)
    front.run()
    front.save()
    saved = nbformat.read(front.server.root / name, as_version=4)
    assert "widget" not in nbformat.writes(saved)
    saved.metadata = {"kernelspec": {"name": "gone", "display_name": "Gone", "language": "gone"}}
    nbformat.write(saved, front.server.root / f"again-{name}")  # another name, for the first has a kernel still
    front.come_back()
    for trusted in (False, True):
        if trusted:  # which the page asks the server for whenever it opens a notebook
            NotebookNotary(data_dir=str(front.server.data)).sign(saved)
        front.open_file(f"again-{name}", kernel=False)
        assert is_drawn(front.page)
        assert front.trusts(1) == trusted
        assert "not found" not in front.page.inner_text(".jp-Notebook")

    html, _ = HTMLExporter(embed_images=True).from_notebook_node(saved)
    assert "not found" not in html
    (tmp_path / "saved.html").write_text(html, encoding="utf-8")
    page = front.page.context.new_page()
    page.route("http*://**", lambda route: route.abort())
    page.goto((tmp_path / "saved.html").as_uri())
    assert is_drawn(page)
    page.close()


# What ipywidgets and bqplot write where a widget is taken away while a page that is slower than the cell still makes
# it: their own, and nothing of it is seen. A dashboard that is drawn has no error (above).
GOING = (
    "Cannot read properties of null (reading 'processLuminoMessage')",
    "Cannot read properties of null (reading 'widgets')",
    "Could not add child view to box",
    "A negative value is not valid.",
)
# So that each of many short cells has its dashboard.
AT_ONCE = """%load_ext sandbox_magic
from sandbox_magic.notebook.dashboard import dashboard
dashboard._loader().join()
dashboard.OPEN_AFTER_SECONDS = 0.02
"""
COUNT = """import gc, json, threading, psutil, ipywidgets
from comm import get_comm_manager
gc.collect()
widgets = len(ipywidgets.widgets.widget._instances), len(get_comm_manager().comms)
print(json.dumps([*widgets, threading.active_count(), psutil.Process().memory_info().rss, opened]))
"""
SHOWN = """opened = 0
def counted(self, *given, **named):
    global opened
    opened += 1
    return make(self, *given, **named)
from sandbox_magic.notebook.dashboard.panels import Panels
make, Panels.__init__ = Panels.__init__, counted
"""


@pytest.mark.timeout(180)
def test_many_cells_leave_no_widget_and_no_error_in_one_notebook(lab):
    """Neither in the kernel nor in the page, which keeps a small picture of each."""
    short = "%%sandbox\nimport time; time.sleep(0.15)"  # two samples on a slow machine too
    lab.open([AT_ONCE + SHOWN, *[short] * 5, COUNT, *[short] * CELLS, COUNT])
    lab.errors.clear()
    lab.run(seconds=150)
    first, last = (json.loads(lab.text(cell)) for cell in (6, CELLS + 7))
    assert last[4] - first[4] > 0.5 * CELLS, "dashboards were opened, where the machine did not stall"
    assert first[:2] == last[:2]
    assert last[2] <= first[2] + 2, "threads: of ipykernel's own one may come late, of ours there would be one a cell"
    assert last[3] - first[3] < CELLS * 100_000
    assert lab.models() == 0
    assert lab.page.locator(ENDED).count() == CELLS + 5
    assert lab.page.locator(".sandbox-dashboard, .bqplot").count() == 0
    assert lab.page.locator(".jp-OutputArea *").count() < 30 * CELLS
    assert "not found" not in lab.page.inner_text(".jp-Notebook")
    assert [error for error in lab.errors if not any(each in error for each in GOING)] == []


@pytest.mark.timeout(180)
def test_a_hidden_tab_keeps_up_without_growing(tab):
    """Ten minutes of a run's messages reach a tab that draws nothing meanwhile; in front again, it is up to date."""
    tab.open([MINUTES, FURTHER, AT_LAST])
    page = tab.page
    tab.start(cell=0)
    tab.wait()
    page.wait_for_selector(".sandbox-dashboard")
    other = page.context.new_page()
    other.bring_to_front()
    page.wait_for_function("document.visibilityState === 'hidden'", polling=100)
    models, (heap, nodes) = tab.models(), tab.memory()
    tab.start(cell=1)
    tab.wait()
    assert tab.models() == models
    for _ in range(20):  # a busy page drops late what it holds no longer
        later_heap, later_nodes = tab.memory()
        if later_heap - heap < 25_000_000 and later_nodes - nodes < 500:
            break
        page.wait_for_timeout(500)
    assert later_heap - heap < 25_000_000
    assert later_nodes - nodes < 500
    page.bring_to_front()
    page.wait_for_function("document.querySelector('.sandbox-wrap').innerText.includes('7 min 59 s')")
    other.bring_to_front()
    tab.start(cell=2)
    tab.wait()
    page.bring_to_front()
    assert is_drawn(page)
    assert tab.models() == 0
    first, _, last = (int(tab.text(cell)) for cell in range(3))
    assert last - first < 10_000_000
    assert tab.errors == []


CLEARING = """%%sandbox
import time
from IPython.display import clear_output
for n in range(60):
    clear_output(wait=True)
    print("step", n)
    time.sleep(0.05)
"""


def test_what_the_code_clears_is_gone_and_the_dashboard_stays(lab):
    """A widget while it runs, the picture at its end; of sixty steps the last one."""
    lab.open(["%load_ext sandbox_magic", CLEARING])
    lab.run()
    shown = [output.get("text") or output["data"]["text/html"] for output in lab.outputs(1)]
    assert len(shown) == 3, shown
    assert "sandbox-picture" in shown[0]
    assert "sandbox-below" in shown[1]
    assert "".join(shown[2]) == "step 59\n"
    assert lab.text(1).count("step") == 1
