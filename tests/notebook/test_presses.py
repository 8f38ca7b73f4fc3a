"""The dashboard's buttons in a real kernel, pressed as a front end presses them while the cell runs.

A front end that knows of subshells asks the kernel for one when it sees the first comm, and puts its id
into the header of what it sends to that comm. Here with the ipykernel that is installed, and with two others
that people have, which tools/test_needs.sh fetches: 7.3 finds its threads otherwise than 7.4, and 6.31 has none.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

FOREVER = "%%sandbox --timeout 80\nimport time\nprint('up', flush=True)\nwhile True: time.sleep(0.01)"
PREPARE = "%load_ext sandbox_magic\nfrom sandbox_magic.notebook.dashboard.dashboard import _loader\n_loader().join()"
STOP_SECONDS = 0.5 + 0.5  # what is promised, and what a busy machine adds
WAIT_SECONDS = 60
INSTALLED, OLDER, WITHOUT_THREADS = None, "7.3.0", "6.31.0"
FETCHED = Path(__file__).parents[2] / ".cache" / "ipykernel"


class Front:
    """A front end: it keeps the state of every widget, finds one by its class, and presses it."""

    def __init__(self, client):
        self.client = client
        self.subshell = None
        self.models = {}

    def ask_for_a_thread(self):
        self.client.control_channel.send(self.client.session.msg("create_subshell_request", {}))
        self.subshell = self.client.get_control_msg(timeout=WAIT_SECONDS)["content"]["subshell_id"]

    def run(self, source):
        """Run a cell to its end; return what it printed.

        The reply is awaited too: ipykernel 7.3 can leave a request unread that comes while it sends one.
        """
        return self.end(self.client.execute(source))[1].strip()

    def start(self, source=FOREVER):
        """Start a cell, and come back when its dashboard is there and says whether it can be pressed."""
        cell = self.client.execute(source)
        self.until(lambda: self.state("sandbox-buttons").get("children"))
        return cell

    def end(self, cell):
        """Await the end of a cell; return its reply and the text of its streams."""
        text = self._text(cell)
        while (reply := self.client.get_shell_msg(timeout=WAIT_SECONDS))["parent_header"].get("msg_id") != cell:
            pass
        return reply["content"], text

    def state(self, name):
        """Return the state of the widget of a class, nothing if there is none."""
        return self.models.get(self._find(name), {})

    def press(self, name):
        content = {"comm_id": self._find(name), "data": {"method": "custom", "content": {"event": "click"}}}
        message = self.client.session.msg("comm_msg", content)
        if self.subshell:
            message["header"]["subshell_id"] = self.subshell
        self.client.shell_channel.send(message)

    def until(self, reached, seconds=WAIT_SECONDS):
        """Take messages until something is so; return how long that took."""
        start = time.monotonic()
        while not reached():
            assert time.monotonic() < start + seconds
            self._next()
        return time.monotonic() - start

    def says(self, text):
        return text in self.state("sandbox-words").get("value", "")

    def elapsed(self):
        """Return the seconds of the run that its words say."""
        found = re.search(r"([0-9.]+) s of", self.state("sandbox-words").get("value", ""))
        return float(found[1]) if found else 0.0

    def shows(self):
        """Return the words on the buttons that are shown."""
        shown = [self.models[child.removeprefix("IPY_MODEL_")] for child in self.state("sandbox-buttons")["children"]]
        return [state.get("description") or state.get("value") for state in shown]

    def _find(self, name):
        return next((key for key, state in self.models.items() if name in state.get("_dom_classes", ())), None)

    def _text(self, cell):
        return "".join(m["content"]["text"] for m in self._messages(cell) if m["msg_type"] == "stream")

    def _messages(self, cell):
        while True:
            message = self._next()
            if message["parent_header"].get("msg_id") == cell:
                if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                    return
                yield message

    def _next(self):
        message = self.client.get_iopub_msg(timeout=WAIT_SECONDS)
        content = message["content"]
        if message["msg_type"] == "comm_open":
            self.models[content["comm_id"]] = dict(content["data"]["state"])
        elif message["msg_type"] == "comm_msg" and content["data"].get("method") == "update":
            self.models.setdefault(content["comm_id"], {}).update(content["data"]["state"])
        elif message["msg_type"] == "comm_close":
            self.models.pop(content["comm_id"], None)
        return message


SLOW = """
from ipykernel.comm.comm import BaseComm
publish = BaseComm.publish_msg
def publish_slowly(*arguments, **named):
    publish(*arguments, **named)
    time.sleep(0.02)
BaseComm.publish_msg = publish_slowly
"""


@contextmanager
def started(version):
    path = [] if version is INSTALLED else [str(FETCHED / version)]
    path += filter(None, [os.environ.get("PYTHONPATH")])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path)}
    manager, client = start_new_kernel(kernel_name="python3", env=environment)
    try:
        front = Front(client)
        front.run(PREPARE)
        if version is not INSTALLED:
            assert front.run("print(__import__('ipykernel').__version__)") == version, (
                "try: make test, which fetches it"
            )
        yield front, manager
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


@pytest.fixture(scope="module", params=[INSTALLED, OLDER], ids=["installed", OLDER])
def front(request):
    with started(request.param) as (front, _):
        front.ask_for_a_thread()
        yield front


@pytest.mark.alone
def test_stop_ends_the_run_within_half_a_second(front):
    """Although the main thread has moved the buttons again and again, which on ipykernel 7.4.0 would make them deaf."""
    cell = front.start()
    front.until(lambda: front.elapsed() >= 1)
    pressed = time.monotonic()
    front.press("sandbox-stop")
    reply, text = front.end(cell)
    assert time.monotonic() - pressed < STOP_SECONDS
    assert (reply["status"], reply["ename"]) == ("error", "RunFailed")
    assert reply["evalue"].startswith("stopped by you after ")
    assert "\nKeyboardInterrupt\n" in text
    assert front.run("print(_sandbox.outcome)") == "INTERRUPTED"
    assert front.models == {}


@pytest.mark.alone
def test_pause_stops_the_curve_and_tells_for_how_long_and_resume_goes_on(front):
    cell = front.start()
    assert front.shows() == ["Pause", "Stop", "details ▾"]
    front.press("sandbox-pause")
    front.until(lambda: front.shows()[0] == "Resume")
    front.until(lambda: front.says("paused for 0 s (goes on by itself after 10 min) · "))
    elapsed = front.state("sandbox-words")["value"].partition("after 10 min) · ")[2].partition(" ·")[0]
    front.until(lambda: front.says("paused for 1 s (goes on by itself after 10 min) · "))
    assert front.says(f"after 10 min) · {elapsed} · "), "the run's clock stands still"
    front.press("sandbox-pause")
    front.until(lambda: front.says("running") and not front.says(elapsed))
    front.until(lambda: front.shows()[0] == "Pause")
    front.press("sandbox-stop")
    reply, _ = front.end(cell)
    assert reply["evalue"].startswith("stopped by you")
    assert 0.9 < float(front.run("print(_sandbox.usage.paused_seconds)")) < WAIT_SECONDS
    assert front.run("print([mark.label for mark in _sandbox.timeline.marks])").startswith("['paused', 'resumed'")


@pytest.mark.alone
def test_a_paused_run_can_be_stopped(front):
    cell = front.start()
    front.press("sandbox-pause")
    front.until(lambda: front.says("paused"))
    pressed = time.monotonic()
    front.press("sandbox-stop")
    reply, _ = front.end(cell)
    assert time.monotonic() - pressed < STOP_SECONDS
    assert reply["evalue"].startswith("stopped by you")


def test_a_press_is_read_at_once_when_the_busy_thread_has_moved_the_button(front):
    front.run(f"import time\n{SLOW}")
    cell = front.start()
    front.until(lambda: front.state("sandbox-pause").get("tooltip"))
    front.press("sandbox-pause")
    front.until(lambda: front.shows()[0] == "Resume")
    front.press("sandbox-stop")
    reply, _ = front.end(cell)
    assert reply["evalue"].startswith("stopped by you")
    front.run("BaseComm.publish_msg = publish")


def test_details_are_made_when_they_are_opened_and_stay_open_for_the_kernel(front):
    """Closed again, they are moved no more."""
    cell = front.start()
    assert not front.state("sandbox-more")
    front.press("sandbox-details")
    front.until(lambda: "start of the sandbox" in front.state("sandbox-figures").get("value", ""))
    front.until(lambda: front.shows()[2] == "details ▴")
    front.press("sandbox-stop")
    front.end(cell)
    cell = front.start()
    front.until(lambda: front.state("sandbox-more"))
    front.press("sandbox-details")
    front.until(lambda: len(front.state("sandbox-dashboard")["children"]) == 6 and front.shows()[2] == "details ▾")
    figures, seen = front.state("sandbox-figures")["value"], set()
    front.until(lambda: seen.add(front.state("sandbox-words")["value"]) or len(seen) > 4)
    assert front.state("sandbox-figures")["value"] == figures
    front.press("sandbox-stop")
    front.end(cell)
    assert front.models == {}
    assert front.run("print(len(__import__('ipywidgets').widgets.widget._instances))") == "0"


def test_a_press_after_the_end_does_nothing(front):
    cell = front.start()
    stop = front._find("sandbox-stop")
    front.press("sandbox-stop")
    front.end(cell)
    front.models[stop] = {"_dom_classes": ["sandbox-stop"]}
    front.press("sandbox-stop")
    front.models.clear()
    assert front.run("%%sandbox\nprint('alive')") == "alive"


@pytest.mark.parametrize("version", [INSTALLED, WITHOUT_THREADS], ids=["nobody asks", WITHOUT_THREADS])
def test_where_nobody_hears_a_press_there_are_words_in_place_of_the_buttons(version):
    """So with ipykernel 6, and with a front end that asks for no thread; the kernel's interrupt works."""
    with started(version) as (front, manager):
        cell = front.start()
        (words,) = front.shows()
        assert "use the kernel's stop button" in words
        assert 'title="This kernel reads no press of a button while a cell runs.' in words
        manager.interrupt_kernel()
        reply, _ = front.end(cell)
        assert reply["evalue"].startswith("stopped by you")
