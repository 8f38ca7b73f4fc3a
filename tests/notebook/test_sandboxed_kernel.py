"""The kernel "Python (sandboxed)", started as a front end starts it, seen from the client."""

import json
import os
import re
import signal
import sys
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

ROOT = Path(__file__).parents[2]
SPECS = ROOT / "jupyter-config" / "kernels"
WAIT_SECONDS = 60
STOP_SECONDS = 2.0 + 1.0  # a session gives IPython two seconds to say where it was interrupted; a busy machine adds one
FOREVER = "import time\nprint('up', flush=True)\nwhile True: time.sleep(0.01)"
DEAF = "import time\nprint('up', flush=True)\nwhile True:\n    try: time.sleep(9)\n    except BaseException: pass"


def manager(kind, base, specs=SPECS):
    """A manager that knows our kernelspec alone, as it is installed."""
    return kind(
        kernel_name="sandbox-python",
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(specs)]),
        connection_file=str(base / "connection.json"),
        config=Config(KernelManager={"transport_encryption": "auto"}),
    )


class Kernel:
    """A kernel in a notebook's folder; cells are sent, their messages and replies awaited."""

    def __init__(self, base, specs=SPECS, **variables):
        self.folder = base / "folder"
        self.folder.mkdir(exist_ok=True)
        self.manager = manager(KernelManager, base, specs)
        environment = os.environ | {"IPYTHONDIR": str(base / "ipython"), "HOME": str(base / "home")} | variables
        self.manager.start_kernel(cwd=str(self.folder), env=environment)
        self.client = self.manager.client()
        self.client.start_channels()
        try:
            self.client.wait_for_ready(timeout=60)
        except BaseException:
            self.close()
            raise

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()

    @property
    def process(self):
        return psutil.Process(self.manager.provisioner.pid)

    def messages(self, request):
        """Yield the messages of a request as they come, to its end."""
        while True:
            message = self.client.get_iopub_msg(timeout=WAIT_SECONDS)
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return
            if message["msg_type"] != "status":
                yield message["msg_type"], message["content"]

    def reply(self, request):
        while (reply := self.client.get_shell_msg(timeout=WAIT_SECONDS))["parent_header"].get("msg_id") != request:
            pass
        return reply["content"]

    def run(self, source, **options):
        """Run a cell to its end; return its messages but its own code, and the reply."""
        request = self.client.execute(source, **{"allow_stdin": False, "stop_on_error": False, **options})
        messages = [message for message in self.messages(request) if message[0] != "execute_input"]
        return messages, self.reply(request)

    def shows(self, source):
        """Return what a cell writes to standard output, all that it does but for a dashboard's picture."""
        messages, reply = self.run(source)
        assert reply["status"] == "ok", reply
        messages = [message for message in messages if message[0] != "update_display_data"]
        assert {(kind, content.get("name")) for kind, content in messages} <= {("stream", "stdout")}, messages
        return "".join(content["text"] for _, content in messages)

    def fails(self, source):
        """Return the error of a cell, which must be its last message."""
        messages, reply = self.run(source)
        kind, error = messages[-1]
        assert (kind, reply["status"]) == ("error", "error"), messages
        assert {key: reply[key] for key in error} == error
        return error

    def interrupt(self, source):
        """Run a cell and interrupt it when it has written something; return the error and how long it took."""
        request = self.client.execute(source, allow_stdin=False)
        messages, sent = [], None
        for kind, content in self.messages(request):
            messages.append((kind, content))
            if sent is None and kind == "stream":
                sent = time.monotonic()
                self.manager.interrupt_kernel()
        assert sent is not None, messages
        assert messages[-1][0] == "error", messages
        return messages[-1][1], time.monotonic() - sent


def text(messages, name="stdout"):
    """Return what a stream holds; how many messages bring it depends on the time of day."""
    return "".join(content["text"] for kind, content in messages if kind == "stream" and content["name"] == name)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    kernel = Kernel(tmp_path_factory.mktemp("kernel"))
    (kernel.folder / "data.csv").write_text("a,b\n1,2\n")
    try:
        yield kernel
    finally:
        kernel.close()


def test_the_text_of_both_streams_comes_and_the_value_with_its_count(kernel):
    messages, reply = kernel.run("import sys\nprint('out')\nprint('err', file=sys.stderr)\n6 * 7")
    assert (text(messages), text(messages, "stderr")) == ("out\n", "err\n")
    value = {"data": {"text/plain": "42"}, "metadata": {}, "execution_count": reply["execution_count"]}
    assert messages[-1] == ("execute_result", value)


def test_the_next_cell_has_what_the_one_before_set(kernel):
    kernel.shows("import math\nremembered = [math.pi]")
    assert kernel.shows("print(remembered[0] == math.pi)") == "True\n"


def test_what_it_shows_is_cleaned_and_what_was_left_out_is_said(kernel):
    source = "from IPython.display import HTML, Javascript, display\n"
    messages, _ = kernel.run(source + "display(HTML('<b>bold</b><script>1</script>'), Javascript('2'))")
    shown = [content["data"] for kind, content in messages if kind == "display_data"]
    assert "<b>bold</b>" in shown[0]["text/html"]
    assert "script>" not in json.dumps(shown)
    assert "application/javascript" not in json.dumps(shown)
    assert any("Left out of a display" in content.get("text", "") for _, content in messages)


def test_a_display_is_updated_under_the_hosts_own_name_for_it_also_by_a_later_cell(kernel):
    messages, _ = kernel.run("from IPython.display import display\nhandle = display('one', display_id='x')")
    first = messages[0][1]["transient"]["display_id"]
    assert first != "x", "the code's own name could be another display's"
    ((kind, content),), _ = kernel.run("handle.update('two')")
    assert (kind, content["transient"]["display_id"]) == ("update_display_data", first)


def test_output_is_cleared(kernel):
    messages, _ = kernel.run("from IPython.display import clear_output\nprint(1)\nclear_output(wait=True)\nprint(2)")
    behind = messages[messages.index(("clear_output", {"wait": True})) + 1 :]
    assert text(behind) == "2\n"


def uncoloured(words):
    """Return a traceback's text without its colours."""
    return re.sub(r"\x1b\[[0-9;:]*m", "", words)


def test_an_exception_is_one_error_with_its_traceback(kernel):
    messages, reply = kernel.run("def f(): return 1 / 0\nf()")
    ((kind, error),) = messages
    assert (kind, error["ename"], error["evalue"]) == ("error", "ZeroDivisionError", "division by zero")
    told = "\n".join(error["traceback"])
    assert "f()" in uncoloured(told)
    assert uncoloured(told) != told, "in colours, as in any notebook"
    assert "\x1b" not in uncoloured(told)
    assert (reply["status"], reply["payload"]) == ("error", [])


def test_a_traceback_counts_as_the_front_end_does(kernel):
    """With the lines that are answered outside, and the cells that took the state back to what it was before."""
    kernel.shows("%sandbox limits")
    kernel.fails("import os; os.abort()")
    messages, reply = kernel.run("1 / 0")
    number = reply["execution_count"]
    assert f"Cell In[{number}], line 1" in uncoloured("\n".join(messages[0][1]["traceback"]))
    kernel.run("6 * 7")
    assert kernel.shows(f"print(Out[{number + 1}], In[{number}], len(In))") == f"42 1 / 0 {number + 3}\n"


def test_nothing_of_the_hosts_is_within_reach(kernel, tmp_path):
    """The pair: the path is there on the host, and the connection can be made."""
    secret = tmp_path / "secret"
    secret.write_text("s")
    assert kernel.fails(f"open({str(secret)!r})")["ename"] == "FileNotFoundError"
    port = kernel.client.get_connection_info()["shell_port"]
    connect = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2).close()"
    assert kernel.fails(connect)["ename"] in ("ConnectionRefusedError", "OSError")
    exec(connect)


def test_the_folder_is_there_and_stays_as_it_is(kernel):
    assert kernel.shows("print(open('data.csv').read())").startswith("a,b\n1,2\n")
    assert kernel.run("_ = open('data.csv', 'a').write('3,4\\n')")[1]["status"] == "ok"
    assert kernel.shows("print(len(open('data.csv').readlines()))") == "3\n"
    assert (kernel.folder / "data.csv").read_text() == "a,b\n1,2\n"


def test_a_question_is_asked_and_answered(kernel):
    request = kernel.client.execute("print('got', input('name? '))")
    asked = kernel.client.get_stdin_msg(timeout=WAIT_SECONDS)["content"]
    assert asked == {"prompt": "the cell asks: name? ", "password": False}
    kernel.client.input("Ada")
    assert text(kernel.messages(request)).endswith("got Ada\n")
    request = kernel.client.execute("import getpass\nprint(len(getpass.getpass()))")
    assert kernel.client.get_stdin_msg(timeout=WAIT_SECONDS)["content"]["password"] is True
    kernel.client.input("12345")
    assert text(kernel.messages(request)).endswith("5\n")


def test_where_nobody_can_be_asked_it_is_the_end_of_input(kernel):
    assert kernel.fails("input()")["ename"] == "EOFError"


def test_an_interrupt_beside_a_question_ends_the_cell(kernel):
    request = kernel.client.execute("input('? ')")
    kernel.client.get_stdin_msg(timeout=WAIT_SECONDS)
    kernel.manager.interrupt_kernel()
    assert [content["ename"] for kind, content in kernel.messages(request) if kind == "error"] == ["KeyboardInterrupt"]


@pytest.mark.alone
@pytest.mark.parametrize("code", [FOREVER, DEAF])
def test_an_interrupt_ends_the_cell_and_keeps_the_state(kernel, code):
    kernel.shows("before = 5")
    error, seconds = kernel.interrupt(code)
    assert (error["ename"], seconds < STOP_SECONDS) == ("KeyboardInterrupt", True)
    assert kernel.shows("print(before)") == "5\n"


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import os; os._exit(0)", "SystemExit"),
        ("import os; os.abort()", "SIGNALLED"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGNALLED"),
        ("kept = []\nwhile True: kept.append(bytearray(2**24))", "OUT_OF_MEMORY"),
    ],
)
def test_a_cell_that_kills_its_interpreter_costs_only_itself(kernel, code, name):
    kernel.shows("before = list(range(1000))")
    error = kernel.fails(code)
    assert error["ename"] == name
    assert error["traceback"][-1].startswith("sandbox: The session is as it was before this cell.")
    assert kernel.shows("print(sum(before))") == "499500\n"


def test_a_limit_of_time_is_an_error_of_its_cell(tmp_path):
    kernel = Kernel(tmp_path, SANDBOX_MAGIC_KERNEL_OPTIONS="--timeout 5")
    try:
        kernel.shows("before = 5")
        error = kernel.fails(DEAF)
        assert (error["ename"], "stopped at the time limit" in error["evalue"]) == ("WALL_TIME", True)
        assert kernel.shows("print(before)") == "5\n"
    finally:
        kernel.close()


def test_a_silent_cell_shows_nothing_and_counts_for_nothing(kernel):
    before = kernel.run("1")[1]["execution_count"]
    messages, reply = kernel.run("silently = 1\nprint(silently)", silent=True)
    assert (messages, reply["status"]) == ([], "ok")
    assert kernel.run("2", store_history=False)[1]["execution_count"] == before + 1
    assert kernel.run("silently")[1]["execution_count"] == before + 1


def test_an_empty_cell_is_well_and_has_no_number(kernel):
    before = kernel.run("1")[1]["execution_count"]
    assert kernel.run(" \n")[1]["status"] == "ok"
    assert kernel.run("1")[1]["execution_count"] == before + 1


def test_user_expressions_are_refused_and_never_evaluated(kernel):
    """Here they would be evaluated outside of the sandbox."""
    _, reply = kernel.run("1", user_expressions={"x": "open('/etc/passwd').read()"})
    assert (reply["user_expressions"]["x"]["status"], reply["payload"]) == ("error", [])


LATE = "input('?'); import time; time.sleep(1); 1 / 0"  # when the next request has come


def test_cells_behind_one_that_failed_are_left_out_if_that_is_asked_for(kernel):
    requests = [kernel.client.execute(LATE, stop_on_error=True)]
    kernel.client.get_stdin_msg(timeout=WAIT_SECONDS)
    requests.append(kernel.client.execute("print('not to be seen')", stop_on_error=True))
    kernel.client.input("")
    assert [kernel.reply(request)["status"] for request in requests] == ["error", "aborted"]
    requests = [kernel.client.execute(code, stop_on_error=False) for code in ("1 / 0", "print('seen')")]
    assert [kernel.reply(request)["status"] for request in requests] == ["error", "ok"]


def test_its_lines_are_answered_outside(kernel):
    assert "%sandbox undo" in kernel.shows("%sandbox")
    kernel.shows("changed = 1")
    kernel.shows("changed = 2")
    kernel.shows("%sandbox undo")
    assert kernel.shows("print(changed)") == "1\n"
    assert "network" in kernel.shows("%sandbox isolation")
    kernel.shows("%sandbox restart")
    assert kernel.fails("changed")["ename"] == "NameError"
    assert kernel.fails("%sandbox nothing")["ename"] == "PolicyError"


def test_changes_are_listed_and_applied_only_when_the_person_says_so(kernel):
    """The line may be a stranger's: "Run All" must write nothing."""
    kernel.run("open('made.txt', 'w').write('m')")
    messages, _ = kernel.run("%sandbox changes")
    assert "made.txt" in messages[0][1]["data"]["text/plain"]
    assert kernel.shows("%sandbox apply") == "nothing was applied\n", "nobody can be asked"
    for answer, applied in (("y", False), ("yes", True)):
        request = kernel.client.execute("%sandbox apply")
        asked = kernel.client.get_stdin_msg(timeout=WAIT_SECONDS)["content"]["prompt"]
        assert asked.startswith("sandbox asks: apply what is added and harmless")
        assert "made.txt" in asked
        kernel.client.input(answer)
        assert {kind for kind, _ in kernel.messages(request)} == {"execute_input", "stream"}
        assert (kernel.folder / "made.txt").exists() is applied


def test_the_result_of_the_last_cell_is_shown_as_a_picture(kernel):
    kernel.run("1")
    messages, _ = kernel.run("%sandbox result")
    assert "Sandbox run: done" in messages[0][1]["data"]["text/html"]


def test_what_all_cells_have_used_is_shown_as_one_picture(kernel):
    kernel.run("import time; time.sleep(0.2)")
    messages, _ = kernel.run("%sandbox dashboard")
    data = messages[0][1]["data"]
    assert data["text/plain"].startswith("the cells so far · ")
    assert "Course of a sandbox run: the cells so far" in data["text/html"]


def test_that_picture_follows_the_cells(kernel):
    """After each cell, and while one runs: this one is interrupted when the picture has been renewed."""
    ((_, shown),), _ = kernel.run("%sandbox dashboard")
    request, renewed = kernel.client.execute("while True: pass", allow_stdin=False, stop_on_error=False), []
    for kind, content in kernel.messages(request):
        if kind == "update_display_data":
            assert content["transient"] == shown["transient"]
            renewed.append(content["data"]["text/plain"])
            if len(renewed) == 1:
                kernel.manager.interrupt_kernel()
    kernel.reply(request)
    assert len({shown["data"]["text/plain"], renewed[0], renewed[-1]}) == 3, renewed


def test_a_notebook_tightens_its_limits_and_never_loosens_them(tmp_path):
    kernel = Kernel(tmp_path)
    try:
        assert "timeout          5 s" in kernel.shows("%sandbox limits --timeout 5 --memory 128M")
        assert kernel.fails("while True: pass")["ename"] == "WALL_TIME"
        assert kernel.fails("x = bytearray(2**28)")["ename"] in ("MemoryError", "OUT_OF_MEMORY")
        assert "not loosened" in kernel.fails("%sandbox limits --timeout 30")["evalue"]
        assert "has begun" in kernel.fails("%sandbox limits --memory 64M")["evalue"]
    finally:
        kernel.close()


def test_hostile_modules_in_the_folder_are_not_imported_outside(tmp_path):
    """The control: inside, where they can do no harm, they are."""
    (tmp_path / "folder").mkdir()
    names = ["ipykernel", "numpy", "psutil", "sandbox_magic", "IPython", "zmq", "traitlets", "json", "markdown_it"]
    for name in names:
        (tmp_path / "folder" / f"{name}.py").write_text(
            f"import os\nprint('{name} of the folder')\nopen({str(tmp_path / name)!r}, 'w').close()\n"
        )
    (tmp_path / "folder" / "ipython_kernel_config.py").write_text(f"open({str(tmp_path / 'config')!r}, 'w')")
    kernel = Kernel(tmp_path)
    try:
        assert kernel.shows("print(6 * 7)") == "42\n"
        kernel.run("%sandbox doctor")
        kernel.run("from IPython.display import Markdown, display\ndisplay(Markdown('*a*'))")
        messages, _ = kernel.run("import sys; sys.path.insert(0, ''); import numpy")
        assert "numpy of the folder\n" in text(messages)
    finally:
        kernel.close()
    assert [path.name for path in tmp_path.iterdir() if path.name in (*names, "config")] == []


@pytest.fixture
def refusing(tmp_path):
    """Variables under which no sandbox starts: bwrap is there and refuses, as on a machine without namespaces."""
    program = tmp_path / "bin" / "bwrap"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'bwrap: Creating new namespace failed: No space left on device' >&2\nexit 1\n")
    program.chmod(0o755)
    return {"PATH": f"{program.parent}:{os.environ['PATH']}"}


def test_where_no_sandbox_starts_every_cell_says_why_and_runs_nothing(tmp_path, refusing):
    kernel = Kernel(tmp_path, **refusing)
    try:
        for _ in range(2):
            error = kernel.fails("print('ran')")
            assert (error["ename"], "is used up" in error["evalue"]) == ("SandboxUnavailable", True)
            assert any("max_user_namespaces" in line for line in error["traceback"])
    finally:
        kernel.close()


def test_a_wrong_option_is_said_by_every_cell_too(tmp_path):
    kernel = Kernel(tmp_path, SANDBOX_MAGIC_KERNEL_OPTIONS="--memory lots")
    try:
        for _ in range(2):
            assert "option memory" in kernel.fails("print('ran')")["evalue"]
    finally:
        kernel.close()


def executed(base, sources, **variables):
    (base / "work").mkdir(exist_ok=True)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    client = NotebookClient(notebook, km=manager(AsyncKernelManager, base), timeout=WAIT_SECONDS)
    environment = os.environ | {"IPYTHONDIR": str(base / "ipython")} | variables
    client.execute(cwd=str(base / "work"), env=environment, cleanup_kc=True)
    return notebook


def test_nbclient_runs_a_notebook_and_stops_where_it_fails(tmp_path):
    notebook = executed(tmp_path, ["x = 20", "print(x + 1)\nx + 2"])
    (printed, value) = notebook.cells[1].outputs
    assert (printed.text, value.data) == ("21\n", {"text/plain": "22"})
    with pytest.raises(CellExecutionError, match=r"ZeroDivisionError\S*: division by zero"):
        executed(tmp_path, ["1 / 0", "print('not to be seen')"])


def test_nbclient_says_why_where_no_sandbox_starts(tmp_path, refusing):
    with pytest.raises(CellExecutionError, match=r"sandbox: no sandbox could be started: .* is used up"):
        executed(tmp_path, ["print('ran')"], **refusing)


def living(process):
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def gone(processes, seconds):
    deadline = time.monotonic() + seconds
    while any(map(living, processes)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(living, processes))


@pytest.mark.parametrize("how", ["shutdown", "shutdown while a cell runs", "SIGTERM", "SIGKILL"])
def test_nothing_is_left_of_a_kernel_that_ends(tmp_path, how):
    kernel = Kernel(tmp_path)
    try:
        if "runs" in how or how == "SIGKILL":
            request = kernel.client.execute(FOREVER)
            assert any(kind == "stream" for kind, _ in kernel.messages(request))
        else:
            kernel.shows("print(1)")
        family = [kernel.process, *kernel.process.children(recursive=True)]
        assert len(family) >= 3, "bwrap and PID 1"
        if how.startswith("SIG"):
            kernel.process.send_signal(signal.Signals[how])
        else:
            kernel.client.shutdown()
        assert gone(family, 60), family
    finally:
        kernel.close()


def test_the_python_is_the_one_of_the_environment(kernel):
    assert kernel.shows("import sys; print(sys.version_info[:2])") == f"{sys.version_info[:2]}\n"


def test_the_guides_tighter_kernel_is_one(tmp_path):
    guide = (ROOT / "docs/kernel.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```json\n(\{\n  \"argv\".*?)```", guide, re.DOTALL)
    (tmp_path / "kernels" / "sandbox-python").mkdir(parents=True)
    (tmp_path / "kernels" / "sandbox-python" / "kernel.json").write_text(block)
    kernel = Kernel(tmp_path, specs=tmp_path / "kernels")
    try:
        told = kernel.shows("%sandbox limits")
        assert "timeout          10 s\n" in told
        assert "memory           256 MiB\n" in told
        (kernel.folder / "there.txt").write_text("")
        assert kernel.shows("import os\nprint(os.listdir())") == "[]\n"
    finally:
        kernel.close()
