"""What a person is told while a cell asks, when the kernel has gone, in long output, and at the end."""

import nbformat
import pytest

LOAD = "%load_ext sandbox_magic"
ENDLESS = "%%sandbox --timeout 120\nimport time\nprint('it has begun', flush=True)\nwhile True: time.sleep(0.01)"
AT_ONCE = "%%sandbox\nname = input('your name? ')\nprint('hello', name)"
LATER = "%%sandbox\nimport time\ntime.sleep(1.5)\nname = input('your name? ')\nprint('hello', name)"
WORDS = "waiting for your answer · the time limit waits too"
STOP = ".sandbox-stop:visible"
FIELD = ".jp-Stdin-input:visible"
PICTURE = "img.sandbox-picture:visible"


def opened(front, *cells, name=None):
    front.open([LOAD, *cells], name=name)
    front.start(0)
    front.wait()


def live(front, cell=1):
    """Start a cell that goes on until it is stopped, and wait for its dashboard."""
    front.start(cell)
    front.page.wait_for_selector(".sandbox-dashboard .sandbox-state")


def stopped(front):
    """Stop it and wait for its picture."""
    front.page.click(STOP)
    front.wait()
    front.page.wait_for_selector(PICTURE)


def shown(front):
    """What the page shows of the notebook as text, its pictures by their words."""
    pictures = [image.get_attribute("alt") for image in front.page.locator(PICTURE).all()]
    return "\n".join([front.page.inner_text(".jp-Notebook"), *pictures])


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("front", "source"),
    [
        pytest.param("lab", AT_ONCE, id="lab-at once"),
        pytest.param("lab", LATER, id="lab-later"),
        pytest.param("notebook7", LATER, id="notebook7-later"),  # the question is asked the same way in both
    ],
    indirect=["front"],
)
def test_a_question_has_its_words_and_a_stop_after_which_the_next_cell_runs(front, source):
    """The front end waits for an answer, and runs no other cell before it is told that nobody wants one any more."""
    opened(front, source, "print('the next one')")
    front.start(1)
    front.page.wait_for_selector(FIELD)
    front.page.wait_for_selector(f".sandbox-asks:visible:has-text('{WORDS}')")
    assert front.until(lambda: front.page.locator(STOP).count() == 1)
    stopped(front)
    assert front.until(lambda: "Sandbox run: stopped by you" in shown(front))
    assert front.until(lambda: WORDS not in shown(front))
    assert front.until(lambda: front.page.locator(FIELD).count() == 0)
    front.start(2)
    front.wait()
    assert front.text(2) == "the next one\n"
    assert front.page.locator(".jp-Dialog").count() == 0


@pytest.mark.timeout(180)
def test_an_answered_question_leaves_no_words_behind(lab):
    opened(lab, LATER.replace("%%sandbox", "%%sandbox --timeout 120") + "\nwhile True: time.sleep(0.01)")
    lab.start(1)
    lab.page.fill(FIELD, "Ada")
    lab.page.press(FIELD, "Enter")
    lab.page.wait_for_selector(".sandbox-pause:visible")
    assert lab.until(lambda: WORDS not in shown(lab))
    assert lab.until(lambda: "hello Ada" in lab.text(1))
    stopped(lab)
    assert WORDS not in shown(lab)


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("front", "restarted"),
    [
        pytest.param("lab", True, id="lab-kernel restarted"),
        pytest.param("lab", False, id="lab-kernel busy"),
        pytest.param("notebook7", True, id="notebook7-kernel restarted"),  # and its page is loaded again in both
    ],
    indirect=["front"],
)
def test_what_is_saved_while_it_runs_is_a_picture_with_its_time(front, restarted):
    """Nothing claims to run, and nothing asks for a widget, in the page as it is nor when it is loaded again."""
    name = f"meanwhile-{restarted}{front.suffix}.ipynb"
    opened(front, ENDLESS, name=name)
    front.start(1)
    front.page.wait_for_selector(".sandbox-dashboard .sandbox-state")
    outputs = "window.jupyterapp.shell.currentWidget.content.model.cells.get(1).outputs.toJSON()"
    front.page.wait_for_function(f"JSON.stringify({outputs}).includes('<img')", polling=100)
    assert front.page.locator(PICTURE).count() == 0, "the widget is there"
    front.save()
    if restarted:
        front.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        front.page.wait_for_selector(PICTURE)
        assert front.until(lambda: "as of " in shown(front))
        assert front.until(lambda: front.page.locator(".sandbox-button:visible").count() == 0)
    saved = nbformat.read(front.server.root / name, as_version=4)
    assert "running" not in "".join(
        output.get("data", {}).get("text/plain", "") for output in saved.cells[1].outputs[1:]
    )
    front.come_back()
    front.open_file(name, busy=not restarted)
    front.page.wait_for_selector(PICTURE)
    front.page.wait_for_timeout(2500)  # for so long ipywidgets looks for a widget before it says that there is none
    told = shown(front)
    assert "as of " in told
    assert "how it ended is not in here" in told
    assert front.page.locator(".sandbox-button:visible").count() == 0
    for claim in ("not found", "Loading widget", "running ·"):
        assert claim not in told


@pytest.mark.timeout(180)
def test_stop_stays_within_reach_in_long_output(front):
    """Whether the notebook scrolls, or the outputs by themselves."""
    opened(front, ENDLESS.replace("while True:", "for n in range(10**6):\n    print('line', n, flush=True);"))
    live(front)
    scroll = """() => {
        let each = document.querySelector('.sandbox-dashboard');
        const scrolls = e => ["auto", "scroll"].includes(getComputedStyle(e).overflowY) && e.scrollHeight > 2500;
        while (each && !scrolls(each)) each = each.parentElement;
        if (each) each.scrollTop = 1500;
        return each?.scrollTop > 1400;
    }"""
    front.page.wait_for_function(scroll, polling=200)
    box = front.page.locator(STOP).bounding_box()
    assert 0 <= box["y"] < front.page.viewport_size["height"] - 200
    stopped(front)
    assert "Sandbox run: stopped by you" in shown(front)


@pytest.mark.timeout(180)
def test_the_end_is_heard_once_and_its_details_can_be_opened(lab):
    opened(lab, ENDLESS)
    live(lab)
    assert lab.page.locator("[role=status]:visible, [role=alert]:visible, [aria-live]:visible").count() == 0
    stopped(lab)
    heard = lab.page.locator(".jp-OutputArea [role=status]")
    assert heard.count() == 1
    assert heard.locator("img").get_attribute("alt").startswith("Sandbox run: stopped by you")
    lab.page.click(".sandbox-below summary")
    assert "peak memory" in lab.page.inner_text(".sandbox-below")


@pytest.mark.timeout(180)
def test_a_picture_for_a_projector_is_larger(lab):
    lab.page.set_viewport_size({"width": 1900, "height": 900})
    opened(lab, ENDLESS, "%config SandboxMagics.picture = 'large'", ENDLESS)
    heights, words = [], []
    for cell in (1, 3):
        live(lab, cell)
        state = "document.querySelector('.sandbox-dashboard .sandbox-state')"  # written anew with each update
        words.append(lab.page.evaluate(f"{state}.getBoundingClientRect().height"))
        stopped(lab)
        heights.append(lab.page.locator(PICTURE).last.bounding_box()["height"])
        lab.start(2)
        lab.wait()
    assert words[1] == pytest.approx(1.6 * words[0], abs=2)
    assert heights[1] == pytest.approx(1.6 * heights[0], abs=2)


@pytest.mark.timeout(180)
def test_the_summary_of_a_success_is_not_red_and_that_of_a_failure_is(lab):
    opened(
        lab, "%%sandbox --no-dashboard\nprint('fine')", "%%sandbox --no-dashboard --no-raise-error\nraise ValueError"
    )
    for cell in (1, 2):
        lab.start(cell)
        lab.wait()
    assert [output["output_type"] for output in lab.outputs(1)] == ["stream", "display_data"]
    assert lab.outputs(1)[1]["data"]["text/plain"].startswith("sandbox: done · took ")
    assert lab.page.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 1
    assert "sandbox: failed" in lab.text(2)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("width", [480, 1280])
def test_words_keep_their_spaces(lab, width):
    lab.page.set_viewport_size({"width": width, "height": 900})
    opened(lab, ENDLESS)
    live(lab)
    line = lab.page.locator(".sandbox-dashboard .sandbox-wrap").text_content()
    assert "running " in line
    assert " s of 2 min CPU " in line
    stopped(lab)
