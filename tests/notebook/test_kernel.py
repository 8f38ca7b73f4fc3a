"""``%%sandbox`` in a real kernel, seen from the client: which messages come, when, and for which cell."""

import os
import re
import signal
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from jupyter_client import AsyncKernelManager, KernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

import sandbox_magic as sm
from sandbox_magic.jail.view import run_directory
from sandbox_magic.notebook.clearing import EVERY_SECONDS

WIDGET = "application/vnd.jupyter.widget-view+json"
FOREVER = "import time\nprint('up', flush=True)\nwhile True: time.sleep(0.01)"
STOP_SECONDS = 0.5 + 0.5  # what is promised, and what a busy machine adds
WAIT_SECONDS = 60


def manager(kind, folder):
    """The kernel of this Python, whatever the user has installed under its name."""
    own = KernelSpecManager(kernel_dirs=[])
    encrypted = Config(KernelManager={"transport_encryption": "auto"})  # or newer kernels warn of a plain socket
    return kind(kernel_spec_manager=own, connection_file=str(folder / "connection.json"), config=encrypted)


class Kernel:
    """A kernel whose folder is its working directory; cells are sent, their messages awaited."""

    def __init__(self, folder):
        self.manager = manager(KernelManager, folder)
        self.manager.start_kernel(cwd=str(folder), env=os.environ | {"IPYTHONDIR": str(folder / "ipython")})
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self._read = []

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()

    @property
    def process(self):
        return psutil.Process(self.manager.provisioner.pid)

    def messages(self, cell):
        """Yield a cell's messages as they come, to its end; those of other cells wait for their own turn."""
        passed = 0
        while True:
            if passed == len(self._read):
                self._read.append(self.client.get_iopub_msg(timeout=WAIT_SECONDS))
            message = self._read[passed]
            if message["parent_header"].get("msg_id") != cell:
                passed += 1
                continue
            del self._read[passed]
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return
            if message["msg_type"] not in ("status", "execute_input"):
                yield message["msg_type"], message["content"]

    def status(self, cell):
        """Await the reply to a cell."""
        while (reply := self.client.get_shell_msg(timeout=WAIT_SECONDS))["parent_header"]["msg_id"] != cell:
            pass
        return reply["content"]["status"]

    def run(self, source):
        """Run a cell to its end; return its messages."""
        return list(self.messages(self.client.execute(source, stop_on_error=False)))

    def value(self, expression):
        messages = self.run(f"print({expression})")
        assert {kind for kind, _ in messages} == {"stream"}
        return "".join(content["text"] for _, content in messages).strip()

    def interrupt_at(self, source, reached):
        """Run a cell, interrupt it at a message; return the messages, the reply's status, and how long it took."""
        cell = self.client.execute(source)
        messages, sent = [], None
        for message in self.messages(cell):
            messages.append(message)
            if sent is None and reached(*message):
                sent = time.monotonic()
                self.manager.interrupt_kernel()
        assert sent is not None, messages
        return messages, self.status(cell), time.monotonic() - sent


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    kernel = Kernel(tmp_path_factory.mktemp("kernel"))
    try:
        assert kernel.run("%load_ext sandbox_magic") == []
        yield kernel
    finally:
        kernel.close()


def text(messages, name="stdout"):
    streams = [content for kind, content in messages if kind == "stream"]
    return "".join(content["text"] for content in streams if content["name"] == name)


def only_text(messages):
    """Return what a cell writes to standard output, in however many messages, which must be all that it does."""
    assert {(kind, content.get("name")) for kind, content in messages} == {("stream", "stdout")}, messages
    return text(messages)


def kinds(messages):
    return [kind for kind, _ in messages]


def shown(messages, place=0):
    """What stands in the place of the picture, or the one of the widget, in the order in which it stood there."""
    displays = [content for kind, content in messages if kind in ("display_data", "update_display_data")]
    places = list(dict.fromkeys(content["transient"]["display_id"] for content in displays))
    assert kinds(messages).count("display_data") == len(places) == 2
    return [content["data"] for content in displays if content["transient"]["display_id"] == places[place]]


def is_picture(bundle):
    return set(bundle) == {"text/html", "text/plain"} and bool(
        re.search(
            r'<img [^>]*alt="Sandbox run: [^>]*src="data:image/svg\+xml;base64,[A-Za-z0-9+/=]+"', bundle["text/html"]
        )
    )


@pytest.mark.parametrize(
    "code", [FOREVER, FOREVER.replace("time.sleep(0.01)", "\n    try: time.sleep(9)\n    except: 0")]
)
@pytest.mark.alone
def test_output_comes_while_the_cell_runs_and_an_interrupt_ends_it_at_once(kernel, code):
    """The code would print and run for ever: so its text came before its end, and is kept after it."""
    messages, status, seconds = kernel.interrupt_at(f"%%sandbox\n{code}", lambda kind, _: kind == "stream")
    assert seconds < STOP_SECONDS
    assert status == "error"
    assert text(messages) == "up\n"
    assert kernel.value("_sandbox.outcome") == "INTERRUPTED"


def test_the_messages_of_cells_in_a_row_belong_each_to_its_own(kernel):
    """Sent at once; text, picture, and the error's line carry the cell's own header."""
    sources = [
        "import time\nprint('one'); time.sleep(0.6); print('end of one')",
        "print('two')",
        "print('three'); 1 / 0",
    ]
    cells = [kernel.client.execute(f"%%sandbox\n{source}") for source in sources]
    one, two, three = (list(kernel.messages(cell)) for cell in cells)
    assert [text(each) for each in (one, two, three)] == ["one\nend of one\n", "two\n", "three\n"]
    assert all(is_picture(shown(each)[-1]) for each in (one, two, three))
    assert ["error" in kinds(each) for each in (one, two, three)] == [False, False, True]


def test_a_failing_cell_sends_an_error_of_one_line(kernel):
    messages = kernel.run("%%sandbox\nprint('before')\n1 / 0")
    (error,) = (content for kind, content in messages if kind == "error")
    assert error["ename"] == "RunFailed"
    assert error["traceback"] == [f"sandbox: {error['evalue']}"]
    assert error["evalue"].startswith("failed (exit status 1) after ")
    assert text(messages) == "before\n"
    assert text(messages, "stderr").endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.alone
def test_a_short_cell_opens_no_comm(kernel):
    """Its words take the place that was kept for them above its output."""
    messages = kernel.run("%%sandbox\nprint('hi')")
    assert float(kernel.value("_sandbox.usage.wall_seconds")) < 0.2
    assert text(messages) == "hi\n"
    assert not [kind for kind in kinds(messages) if "comm" in kind]
    assert is_picture(shown(messages)[-1])
    assert not [bundle for bundle in (*shown(messages), *shown(messages, place=1)) if WIDGET in bundle]


@pytest.mark.alone
def test_a_longer_cell_has_a_widget_that_becomes_a_picture(kernel):
    """Above it, and the details are in its place; the widgets are closed after that, and none is left."""
    messages, status, seconds = kernel.interrupt_at(f"%%sandbox\n{FOREVER}", lambda _, it: WIDGET in it.get("data", {}))
    assert (status, seconds < STOP_SECONDS) == ("error", True)
    first, live, details = shown(messages, place=1)
    assert (first, live["text/plain"], WIDGET in live) == ({"text/plain": ""}, "", True)
    assert "<details>" in details["text/html"]
    last = shown(messages)[-1]
    assert (is_picture(last), last["text/plain"].startswith("stopped by you")) == (True, True)
    order = kinds(messages)
    assert order.count("comm_open") == order.count("comm_close") > 0
    assert order.index("stream") < order.index("comm_open"), "text does not wait for the widget"
    last_update = len(order) - 1 - order[::-1].index("update_display_data")
    assert last_update < order.index("comm_close"), "the picture stands before the widgets go"
    assert kernel.value("len(__import__('ipywidgets').widgets.widget._instances)") == "0"


def test_a_quiet_cell_and_one_without_a_dashboard_show_text_only(kernel):
    assert only_text(kernel.run("%%sandbox --quiet\nprint('hi')")) == "hi\n"
    *messages, ended = kernel.run("%%sandbox --no-dashboard\nprint('hi')")
    assert only_text(messages) == "hi\n"
    assert ended[0] == "display_data"
    assert ended[1]["data"]["text/plain"].startswith("sandbox: done")
    messages = kernel.run("%%sandbox --no-dashboard --no-raise-error\nraise SystemExit(3)")
    assert set(kinds(messages)) == {"stream"}
    assert "sandbox: failed (exit status 3)" in text(messages, "stderr")


def living(process):
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.alone
def test_a_kernel_killed_in_mid_run_leaves_no_process_and_the_next_start_sweeps_its_directory(tmp_path):
    kernel = Kernel(tmp_path)
    try:
        kernel.run("%load_ext sandbox_magic")
        cell = kernel.client.execute(f"%%sandbox --timeout none\n{FOREVER}")
        assert any(kind == "stream" for kind, _ in kernel.messages(cell))
        below = kernel.process.children(recursive=True)
        assert len(below) >= 3, "bwrap, PID 1 and the code"
        held = {os.readlink(entry) for entry in Path(f"/proc/{kernel.process.pid}/fd").iterdir() if entry.is_symlink()}
        (left,) = (path for path in held if path.startswith(run_directory._root() + "/run-"))
        kernel.process.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 1
        while alive := [process for process in below if living(process)]:
            assert time.monotonic() < deadline, alive
    finally:
        kernel.close()
    assert os.path.isdir(left)
    sm.run("pass", warm=False)  # a spare has started already
    assert not os.path.exists(left)


def test_a_notebook_stops_at_the_cell_that_failed(tmp_path):
    """As nbclient, papermill and "Run All" do; the cell after it is not run."""
    sources = ["%load_ext sandbox_magic", "%%sandbox\nimport sys; sys.exit(7)", "print('not to be seen')"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    client = NotebookClient(notebook, km=manager(AsyncKernelManager, tmp_path), timeout=WAIT_SECONDS)
    with pytest.raises(CellExecutionError, match=r"sandbox: failed \(exit status 7\)"):
        client.execute(cwd=str(tmp_path), cleanup_kc=True)
    assert [cell.execution_count for cell in notebook.cells] == [1, 2, None]


def test_hostile_modules_in_the_notebooks_folder_are_not_imported(tmp_path):
    """Not when it is loaded, not for the first widget; a module of no other package's name is (the control)."""
    names = ["psutil", "bqplot", "pandas", "numpy", "ipywidgets", "bqscales", "traittypes", "control"]
    for name in names:
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / name)!r}, 'w').close()\n")
    kernel = Kernel(tmp_path)
    try:
        kernel.run("%load_ext sandbox_magic")
        kernel.interrupt_at(f"%%sandbox\n{FOREVER}", lambda _, content: WIDGET in content.get("data", {}))
        kernel.run("%sandbox doctor\nimport control")
        assert kernel.value("'bqplot' in __import__('sys').modules") == "True"
    finally:
        kernel.close()
    assert [name for name in names if (tmp_path / name).exists()] == ["control"]


def visible(messages):
    """What stands below a cell besides the picture, in order: text, what was displayed, the value."""
    found = []
    for kind, content in messages:
        if kind == "stream" and content["name"] == "stdout":
            joined = found.pop() if found and isinstance(found[-1], str) else ""  # it may come in pieces
            found.append(joined + content["text"])
        elif kind == "execute_result" or (kind == "display_data" and content["transient"] == {}):
            found.append((kind, sorted(content["data"])))
    return found


def test_the_last_value_is_the_cells_own(kernel):
    """It stands in Out[n] as an ordinary cell's does, and in `_`; not before a semicolon."""
    messages = kernel.run("%%sandbox\nprint('text')\n[6 * 7]")
    (value,) = (content for kind, content in messages if kind == "execute_result")
    assert value["data"] == {"text/plain": "[42]"}
    assert kernel.value(f"repr(Out[{value['execution_count']}])") == "[42]"
    assert kinds(messages)[-1] == "execute_result"
    assert "execute_result" not in kinds(kernel.run("%%sandbox\n6 * 7;"))
    assert kernel.value("_sandbox.displays") == "()"


def test_text_displays_value_and_figures_stand_in_the_order_of_an_ordinary_cell(kernel):
    """The figure that was left open comes below the value, where the ordinary cell of the same code has it."""
    code = "import matplotlib.pyplot as plt\nprint('a')\ndisplay({'x': 1})\nprint('b')\nplt.plot([1, 2])"
    picture = ["image/png", "text/plain"]
    expected = ["a\n", ("display_data", ["text/plain"]), "b\n", ("execute_result", ["text/plain"])]
    expected.append(("display_data", picture))
    assert visible(kernel.run(f"%%sandbox\n{code}")) == expected
    assert visible(kernel.run(f"%matplotlib inline\n{code}")) == expected


def noted(messages):
    """Return the notes: they stand in the picture's own output, below it."""
    *_, ended = [content["data"] for _, content in messages if "sandbox-picture" in str(content.get("data"))]
    return ended["text/plain"].partition("\n")[2]


def test_a_display_is_updated_in_its_place_under_a_name_of_ours(kernel):
    code = "h = display('one', display_id='sandbox-1')\nh.update('two')\nfrom IPython.display import update_display"
    messages = kernel.run(f"%%sandbox\n{code}\nupdate_display('x', display_id='another-cells')")
    own = [
        (kind, content["transient"]["display_id"], content["data"]["text/plain"])
        for kind, content in messages
        if content.get("data", {}).get("text/plain") in ("'one'", "'two'", "'x'")
    ]
    assert [(kind, shown) for kind, _, shown in own] == [("display_data", "'one'"), ("update_display_data", "'two'")]
    assert len({name for _, name, _ in own}) == 1
    assert own[0][1] != "sandbox-1"
    assert "Ignored an update to a display that this run did not create." in noted(messages)


def test_an_active_page_does_not_reach_the_front_end(kernel):
    code = "from IPython.display import *\ndisplay(HTML('<script>1</script><b>x</b>'), Javascript('1')); clear_output()"
    messages = kernel.run(f"%%sandbox\n{code}")
    assert "<script" not in repr(messages).replace("text/html: <script> (it would run in the page)", "")
    assert text(messages, "stderr") == "", "where the code could write the same"
    assert "application/javascript" not in [mime for _, content in messages for mime in content.get("data", {})]
    notes = noted(messages)
    assert [notes.count(word) for word in ("<script>", "application/javascript")] == [1, 1]


STEPS = """%%sandbox {options}
import time
from IPython.display import clear_output
display("gone")
for n in range(40):
    clear_output(wait=True)
    print("step", n)
    display(n)
    time.sleep({pause})
"""


@pytest.mark.parametrize("options", ["", "--quiet"])
@pytest.mark.parametrize("pause", ["0", "0.02"], ids=["quick", "slow"])
def test_a_progress_loop_that_clears_leaves_its_last_step_and_the_picture(tmp_path, options, pause):
    """In a client that does what it is told to; the page is told a few times a second."""
    sources = ["%load_ext sandbox_magic", STEPS.format(options=options, pause=pause)]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    client = NotebookClient(notebook, km=manager(AsyncKernelManager, tmp_path), timeout=WAIT_SECONDS)
    client.execute(cwd=str(tmp_path), cleanup_kc=True)
    shown = [output.get("text") or output["data"]["text/plain"] for output in notebook.cells[1].outputs]
    if not options:
        picture, details = (output["data"]["text/html"] for output in notebook.cells[1].outputs[:2])
        assert "sandbox-picture" in picture
        assert "<details>" in details
        del shown[:2]
    assert shown == ["step 39\n", "39"]


def test_clearing_is_not_done_more_often_than_a_page_can_show(kernel):
    told = kinds(kernel.run(STEPS.format(options="", pause="0.02"))).count("clear_output")
    seconds = float(kernel.value("_sandbox.usage.wall_seconds"))
    assert 1 <= told <= min(39, seconds / EVERY_SECONDS + 2)


def test_a_file_that_is_run_from_a_cell_of_its_own_is_cleared_too(kernel, tmp_path):
    (tmp_path / "steps.py").write_text(STEPS.partition("\n")[2].format(pause="0"))
    line = f"%sandbox run {tmp_path}/steps.py"
    assert "clear_output" in kinds(kernel.run(line))
    assert "clear_output" not in kinds(kernel.run(f"{line}\nprint('mine')"))


def test_a_run_in_the_background_clears_no_cell(kernel):
    """Which might be another's by then."""
    kernel.run("import sandbox_magic.notebook.views as views\ncleared, told = [], views.clear_output")
    kernel.run("views.clear_output = lambda wait: cleared.append(wait)")
    try:
        kernel.run(STEPS.format(options="--bg", pause="0"))
        kernel.run("assert _sandbox.wait().stdout.count('step') == 40")
        assert kernel.value("cleared") == "[]"
        kernel.run(STEPS.format(options="", pause="0"))
        assert kernel.value("cleared") != "[]", "the control"
    finally:
        kernel.run("views.clear_output = told")


def test_a_cell_that_is_not_the_sandboxs_alone_keeps_its_output(kernel):
    cell = "print('mine')\nget_ipython().run_cell_magic('sandbox', '', 'from IPython.display import clear_output\\n"
    messages = kernel.run(cell + "clear_output(); print(7)')")
    assert "clear_output" not in kinds(messages)
    assert text(messages, "stdout") == "mine\n7\n"


def asked(kernel, code, *answers):
    """Run a cell whose questions are answered in turn, by a text or by calling; give questions, messages and status."""
    cell = kernel.client.execute(f"%%sandbox\n{code}", allow_stdin=True, stop_on_error=False)
    questions = []
    for answer in answers:
        questions.append(kernel.client.get_stdin_msg(timeout=WAIT_SECONDS)["content"])
        if callable(answer):
            answer()
        else:
            kernel.client.input(answer)
    return questions, list(kernel.messages(cell)), kernel.status(cell)


def test_questions_are_asked_in_the_notebook_and_marked_as_the_cells(kernel):
    code = "name = input('Na\\u202eme? ')\nprint('hello', name)\nimport getpass\nlen(getpass.getpass())"
    questions, messages, status = asked(kernel, code, "Ada", "secret")
    assert questions == [
        {"prompt": "the cell asks: Na\\u202eme? ", "password": False},
        {"prompt": "the cell asks: Password: ", "password": True},
    ]
    assert (status, text(messages)) == ("ok", "hello Ada\n")
    assert "secret" not in repr(messages)
    assert "'text/plain': '6'" in repr(messages)


def test_without_anybody_to_ask_it_is_the_end_of_input(kernel):
    """nbclient and papermill do not allow input."""
    cell = kernel.client.execute("%%sandbox\ninput('Name? ')", allow_stdin=False, stop_on_error=False)
    messages = list(kernel.messages(cell))
    assert text(messages) == "Name? "
    assert text(messages, "stderr").endswith("EOFError: EOF when reading a line\n")


def test_the_stop_button_ends_a_question(kernel):
    for _ in range(3):  # the code has 0.3 seconds to end, and the machine may stall just then
        _, messages, status = asked(kernel, "input('Name? ')", kernel.manager.interrupt_kernel)
        assert status == "error"
        if "KeyboardInterrupt" in text(messages, "stderr"):
            break
    assert kernel.value("_sandbox.outcome") == "INTERRUPTED"
    assert "KeyboardInterrupt" in text(messages, "stderr")
    assert only_text(kernel.run("%%sandbox --quiet\nprint('next')")) == "next\n"


def test_a_question_goes_away_when_the_run_ends_behind_it(kernel):
    """A thread computes to its limit; the kernel is free again without an answer."""
    code = "import threading\ndef spin():\n    while True: pass\nthreading.Thread(target=spin).start()\ninput()"
    cell = kernel.client.execute(f"%%sandbox --timeout 5\n{code}", allow_stdin=True, stop_on_error=False)
    kernel.client.get_stdin_msg(timeout=WAIT_SECONDS)
    list(kernel.messages(cell))
    assert kernel.status(cell) == "error"
    assert kernel.value("_sandbox.outcome") == "WALL_TIME"
    assert only_text(kernel.run("print(1)")) == "1\n"


@pytest.mark.parametrize("configured", [False, True], ids=["without configuration", "with our snippet"])
def test_a_module_of_our_name_in_the_folder_is_not_run_where_we_were_imported_first(tmp_path, configured):
    """A kernel looks into the notebook's folder first, for the extensions of its configuration too."""
    snippet = (Path(__file__).parents[2] / "jupyter-config" / "ipython_config.snippet.py").read_text()
    profile = tmp_path / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    (profile / "ipython_config.py").write_text(snippet if configured else snippet.replace("import sandbox_magic", ""))
    (tmp_path / "sandbox_magic.py").write_text("open('marker', 'w')\ndef load_ipython_extension(shell): pass\n")
    kernel = Kernel(tmp_path)
    try:
        kernel.run("%load_ext sandbox_magic")
        shown = kernel.run("%%sandbox --quiet\nprint('ran')")
        noticed = text(kernel.run("%unload_ext sandbox_magic\n%load_ext sandbox_magic"), "stderr")
    finally:
        kernel.close()
    assert (tmp_path / "marker").exists() != configured
    assert (text(shown) == "ran\n") == configured
    assert ("sandbox_magic.py lies in this folder" in noticed) == configured


def test_the_second_cell_of_a_fresh_notebook_is_warm_and_a_spare_can_be_there_at_once(tmp_path):
    for number, (setting, warm) in enumerate([("", [False, True]), ("at load", [True, True])]):
        folder = tmp_path / str(number)
        folder.mkdir()
        kernel = Kernel(folder)
        try:
            if setting:
                kernel.run(f"get_ipython().config.SandboxMagics.warm = {setting!r}")
            kernel.run("%load_ext sandbox_magic")
            wait = "from sandbox_magic.jail import pool; pool.spares.filled(60)"
            found = []
            for _ in range(2):
                if setting or found:
                    kernel.run(wait)
                kernel.run("%%sandbox\nprint(1)")
                found.append(kernel.value("_sandbox.usage.warm") == "True")
            assert found == warm
        finally:
            kernel.close()


def test_what_a_cell_in_the_background_writes_belongs_to_it(kernel, tmp_path):
    tmp_path.chmod(0o755)
    wait = "import os, time\nwhile not os.path.exists('told/go on'): time.sleep(0.01)"
    source = f"%%sandbox --bg --no-dashboard --timeout 60 --bind {tmp_path}:told\n{wait}\nprint('from behind')"
    cell = kernel.client.execute(source, stop_on_error=False)
    assert kernel.status(cell) == "ok"
    assert "from behind" not in text(kernel.messages(cell))
    (tmp_path / "go on").touch()
    assert kernel.value("_sandbox.wait(60).stdout") == "from behind"
    told = kernel.client.get_iopub_msg
    late = [each for each in kernel._read if each["parent_header"].get("msg_id") == cell]
    while not any("from behind" in each["content"].get("text", "") for each in late):
        message = told(timeout=WAIT_SECONDS)
        late += [message] * (message["parent_header"].get("msg_id") == cell)
