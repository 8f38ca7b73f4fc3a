"""The dashboard in a real kernel with the real widgets: what it sends, and that it leaves nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time

import pytest
from jupyter_client.manager import start_new_kernel

PREPARE = """
import json, re, sys, time
from ipywidgets.widgets.widget import _instances
from sandbox_magic import Limits, Outcome, Policy, Result, Sample, Timeline, Usage
from sandbox_magic.notebook.dashboard.dashboard import Dashboard, _loader

def sample(seconds):
    memory = 2**20 + int(seconds * 2**24)
    return Sample(seconds=seconds, cpu_percent=90 + seconds, cpu_seconds=seconds, memory_bytes=memory, processes=2)

def result(*samples, outcome=Outcome.COMPLETED):
    usage = Usage(wall_seconds=samples[-1].seconds if samples else 0.004, cpu_seconds=1.0)
    return Result(outcome=outcome, exit_code=0, usage=usage, timeline=Timeline(samples))

def run(seconds, dashboard=None, every=0.05):
    \"\"\"Feed a dashboard as the loop of a run does, each sample as if it were in time; one that comes is shown.\"\"\"
    dashboard, samples = dashboard or Dashboard(Policy()), [sample(n * every) for n in range(int(seconds / every))]
    for each in samples:
        dashboard._next_push = 0
        dashboard.add(each)
    return dashboard, samples

def run_in_real_time(seconds, every=0.05):
    \"\"\"Feed a dashboard in real time.\"\"\"
    dashboard, start, samples = Dashboard(Policy()), time.monotonic(), []
    while (now := time.monotonic() - start) < seconds:
        samples.append(sample(now))
        dashboard.add(samples[-1])
        time.sleep(every)
    return dashboard, samples
"""
VIEW = "application/vnd.jupyter.widget-view+json"


class Kernel:
    """A kernel that busy cells are run in, and every message it publishes meanwhile, with its time."""

    def __init__(self, client):
        self._client = client

    def run(self, source):
        """Run a cell to its end; return its messages."""
        number, messages = self._client.execute(source), []
        while True:
            message = self._client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != number:
                continue
            if message["msg_type"] == "error":
                pytest.fail("\n".join(message["content"]["traceback"]))
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return messages
            messages.append((time.monotonic(), message["msg_type"], message["content"]))

    def value(self, source):
        """Run a cell; return what it printed, read as JSON."""
        texts = [content["text"] for _, kind, content in self.run(source) if kind == "stream"]
        return json.loads("".join(texts))


@pytest.fixture(scope="module")
def kernel():
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        kernel = Kernel(client)
        kernel.run(PREPARE)
        kernel.run("_loader().join()")
        yield kernel
    finally:
        client.stop_channels()
        manager.shutdown_kernel()  # which lets `make coverage` see what it ran
        manager.cleanup_resources()


def displays(messages):
    kinds = ("display_data", "update_display_data")
    return [(kind, content) for _, kind, content in messages if kind in kinds]


def test_a_run_opens_one_widget_and_its_picture_takes_the_same_place(kernel):
    messages = kernel.run(
        "dashboard = Dashboard(Policy()); dashboard.begin()\n"
        "dashboard, samples = run(0.8, dashboard); dashboard.finish(result(*samples))"
    )
    (_, above), (_, below), (_, live), (_, details), (_, picture) = displays(messages)
    assert [kind for kind, _ in displays(messages)] == ["display_data"] * 2 + ["update_display_data"] * 3
    assert above["data"] == below["data"] == {"text/plain": ""}
    assert set(live["data"]) == {VIEW, "text/plain"}
    assert live["data"]["text/plain"] == "", "nothing that would be saved says that it runs"
    assert "<details>" in details["data"]["text/html"]
    assert set(picture["data"]) == {"text/html", "text/plain"}
    assert "<img " in picture["data"]["text/html"]
    assert picture["data"]["text/plain"].startswith("done · took ")
    assert "\n" not in picture["data"]["text/plain"]
    ids = [each["transient"]["display_id"] for each in (above, below, live, details, picture)]
    assert ids == [ids[0], ids[1], ids[1], ids[1], ids[0]]
    assert ids[0] != ids[1]


def test_meanwhile_a_static_picture_is_kept_with_its_time(kernel):
    """After a second, and then seldom: a browser keeps the old ones for a while."""
    source = """
dashboard = Dashboard(Policy())
dashboard.begin()
for n in range(1, 601):
    dashboard._next_push = 0
    dashboard.add(sample(n / 10))
dashboard.close()
"""
    bundles = [content["data"] for kind, content in displays(kernel.run(source)) if kind == "update_display_data"]
    still = [bundle for bundle in bundles if "sandbox-still" in bundle.get("text/html", "")]
    assert 5 < len(still) < 12
    assert all(re.search(r'alt="Course of a sandbox run: as of \d\d:\d\d:\d\d · ', each["text/html"]) for each in still)
    assert all("how it ended is not in here" in each["text/html"] for each in still)
    assert all(each["text/plain"] == "running when this was saved" for each in still)


def test_nothing_is_left_in_the_registry_of_widgets(kernel):
    """The style, layout and scales that the libraries made by themselves are closed too."""
    before = kernel.value("print(len(_instances))")
    messages = kernel.run(
        "dashboard, samples = run(0.6); open_now = len(_instances); dashboard.finish(result(*samples))"
    )
    assert kernel.value("print(open_now)") > before
    assert kernel.value("print(len(_instances))") == before
    kinds = [kind for _, kind, _ in messages]
    assert kinds.count("comm_open") == kinds.count("comm_close") > 0


def test_the_picture_stands_before_the_widgets_go(kernel):
    """So no front end has a moment to say that the model is not found."""
    messages = kernel.run("dashboard, samples = run(0.6); dashboard.finish(result(*samples))")
    kinds = [kind for _, kind, _ in messages]
    assert kinds.index("update_display_data") < kinds.index("comm_close")


@pytest.mark.alone
def test_the_curve_moves_three_times_a_second_while_the_cell_is_busy(kernel):
    messages = kernel.run("dashboard, samples = run_in_real_time(3); dashboard.close()")
    curves = {}
    for moment, kind, content in messages:
        if kind == "comm_msg" and "x" in content["data"].get("state", {}) | dict.fromkeys(
            path[0] for path in content["data"].get("buffer_paths", [])
        ):
            curves.setdefault(content["comm_id"], []).append(moment)
    moments = max(curves.values(), key=len)
    seconds = moments[-1] - moments[0]
    assert seconds > 1.5
    assert 3 <= (len(moments) - 1) / seconds <= 5.5


def test_a_long_series_stays_within_600_points(kernel):
    source = """
from sandbox_magic.notebook.dashboard import dashboard as module
before, module.PUSH_EVERY_SECONDS = module.PUSH_EVERY_SECONDS, 0
dashboard, most = Dashboard(Policy()), 0
for n in range(5000):
    if n < 4990:
        dashboard._recorder.add(sample(n))
    else:
        dashboard.add(sample(n))
        most = max(most, len(dashboard._panels._cpu._curves[0][0].x))
dashboard.close()
module.PUSH_EVERY_SECONDS = before
print(most)
"""
    texts = [content["text"] for _, kind, content in kernel.run(source) if kind == "stream"]
    assert 100 < int(texts[0]) <= 600


def test_curves_are_drawn_less_often_in_a_long_run_and_the_words_always(kernel):
    """Ten minutes: a hidden tab keeps every change of a curve until it is shown."""
    source = """
dashboard, drawn, said = Dashboard(Policy()), [], []
for n in range(1, 1001):
    dashboard._next_push = 0
    dashboard.add(sample(n * 0.6))
    if n == 1:
        dashboard._panels._cpu._curves[0][0].observe(drawn.append, "x")
        dashboard._panels._line.observe(said.append, "value")
dashboard.close()
print(json.dumps([len(drawn), len(said)]))
"""
    drawn, said = kernel.value(source)
    assert 250 < drawn < 450
    assert said > 900


@pytest.mark.alone
def test_a_sample_that_is_not_due_costs_next_to_nothing(kernel):
    source = """
dashboard = Dashboard(Policy())
dashboard.add(sample(1))
costs = []
for n in range(300):
    dashboard._next_push = time.monotonic() + 60
    start = time.perf_counter()
    dashboard.add(sample(1 + n / 100))
    costs.append(time.perf_counter() - start)
dashboard.close()
print(sorted(costs)[len(costs) // 2])
"""
    texts = [content["text"] for _, kind, content in kernel.run(source) if kind == "stream"]
    assert float(texts[0]) < 0.001


def test_a_short_run_opens_no_comm_and_shows_its_line_once(kernel):
    messages = kernel.run("dashboard = Dashboard(Policy()); dashboard.add(sample(0.004)); dashboard.finish(result())")
    (_, details), (kind, content) = displays(messages)
    assert kind == "display_data"
    assert "<details>" in details["data"]["text/html"]
    assert 'height="36"' in content["data"]["text/html"]
    assert not [kind for _, kind, _ in messages if kind.startswith("comm")]


def test_finish_and_close_after_the_end_show_nothing_more(kernel):
    source = "dashboard, samples = run(0.5); r = result(*samples)\n"
    source += "dashboard.finish(r); dashboard.finish(r); dashboard.close()"
    assert len(displays(kernel.run(source))) == 3


def test_closing_without_a_result_leaves_no_dead_widget_in_the_notebook(kernel):
    before = kernel.value("print(len(_instances))")
    shown = displays(kernel.run("dashboard, samples = run(0.5); dashboard.close(); dashboard.add(sample(9))"))
    assert [kind for kind, _ in shown] == ["display_data", "update_display_data", "display_data"]
    assert [set(content["data"]) for _, content in shown[1:]] == [{"text/plain"}] * 2
    assert kernel.value("print(len(_instances))") == before


def test_closing_before_anything_was_shown_shows_nothing(kernel):
    assert displays(kernel.run("dashboard = Dashboard(Policy()); dashboard.add(sample(0.1)); dashboard.close()")) == []


def test_trouble_with_the_front_end_does_not_reach_the_run(kernel):
    """A comm that cannot be sent ends the live picture, is said in one line, and the result is shown all the same."""
    source = """
from ipykernel.comm.comm import BaseComm
send = BaseComm.publish_msg
def broken(*args, **kwargs):
    raise OSError("the front end is gone")
BaseComm.publish_msg = broken
try:
    dashboard, samples = run(0.8)
finally:
    BaseComm.publish_msg = send
dashboard.finish(result(*samples))
"""
    before = kernel.value("print(len(_instances))")
    messages = kernel.run(source)
    said = "".join(content["text"] for _, kind, content in messages if kind == "stream")
    assert said.count("the front end is gone") == 1
    assert "Traceback" not in said
    *_, (_, content) = displays(messages)
    assert "<img " in content["data"]["text/html"]
    assert kernel.value("print(len(_instances))") == before


@pytest.mark.timeout(240)
def test_a_hundred_dashboards_leave_no_widget_no_thread_and_no_growth(kernel):
    """Half of them with the details open; what is kept once is there after the first ones."""
    source = """
import gc, threading
from comm import get_comm_manager
from sandbox_magic.model.timeline import Mark
from sandbox_magic.notebook.dashboard.panels import Panels
def cell(number):
    Panels.opened = not number % 2
    dashboard, samples = Dashboard(Policy()), [sample(n / 2) for n in range(1, 9)]
    for each in samples:
        dashboard._next_push = 0
        dashboard.add(each)
        dashboard.mark(Mark("a mark", each.seconds, True))
    dashboard.finish(result(*samples))
def counted():
    gc.collect()
    return len(_instances), len(get_comm_manager().comms), threading.active_count(), len(gc.get_objects())
for number in range(10):
    cell(number)
before = counted()
for number in range(100):
    cell(number)
print(json.dumps([before, counted()]))
"""
    before, after = kernel.value(source)
    assert before[:3] == after[:3]
    assert after[3] - before[3] < 100 * 20, "objects, of which one dashboard has thousands"


def test_marks_are_drawn_and_paused_time_is_not(kernel):
    """Samples are, from the mark "paused" to "resumed"; a mark of that name by the code pauses nothing."""
    source = """
from sandbox_magic.model.timeline import Mark
dashboard = Dashboard(Policy())
dashboard.add(sample(1.0))
dashboard.mark(Mark("paused", 1.5, True))
dashboard.mark(Mark("paused", 2.0))
dashboard.mark(Mark("first output", 2.0))
dashboard.add(sample(3.0))
words = "paused for [0-9]+ s [(]goes on by itself after 10 min[)] · 1.0 s of 30 s"
print(len(re.findall(words, dashboard._panels._line.value)))
dashboard.add(sample(4.0))
dashboard.mark(Mark("resumed", 2.0))
dashboard.add(sample(3.0))
seen = dashboard._recorder.timeline()
print([s.seconds for s in seen.samples], [m.seconds for m in seen.marks])
print(dashboard._panels._marks.value.count("<line "), "“paused”" in dashboard._panels._marks.value)
dashboard.close()
"""
    texts = [content["text"] for _, kind, content in kernel.run(source) if kind == "stream"]
    assert "".join(texts).split("\n")[:3] == ["1", "[1.0, 3.0] [1.5, 2.0, 2.0, 2.0]", "2 True"]


def test_the_loop_does_not_wait_while_the_widgets_are_imported():
    """An interrupt that fell into the import would break numpy for the kernel; so it is not the loop's."""
    source = (
        PREPARE
        + """
import threading
from sandbox_magic.notebook.dashboard import panels
gate, threads = threading.Event(), []
def load():
    threads.append(threading.current_thread())
    gate.wait(30)
panels.load = load
dashboard = Dashboard(Policy())
dashboard.add(sample(1.0))
dashboard.add(sample(1.1))
assert dashboard._panels is None
gate.set()
_loader().join()
dashboard.add(sample(1.2))
assert dashboard._panels is not None
assert threads == [_loader()] != [threading.main_thread()]
dashboard.close()
"""
    )
    ended = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_importing_the_dashboard_imports_no_widgets():
    """They cost a third of a second, which a cell that needs no picture must not pay."""
    heavy = "{'bqplot', 'ipywidgets', 'pandas', 'IPython'}"
    source = f"import sys, sandbox_magic.notebook.dashboard.dashboard; print({heavy} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"
