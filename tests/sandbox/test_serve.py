"""``sandbox-magic serve``: what others' clients send and read, who may ask, a bounded queue, and a cut request."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

import sandbox_magic as sm
from sandbox_magic.cli.main import main
from sandbox_magic.execution.asynchronous import cores
from sandbox_magic.model.policy import Limits, Policy
from sandbox_magic.serve import app, asked, fusion

SLEEPS = "print('up', flush=True)\nimport time; time.sleep(600)"


class Served:
    """A server, and how it is asked."""

    def __init__(self, process, place):
        self.process = process
        self.place = place

    def connection(self):
        if self.place.startswith("unix:"):
            connection = http.client.HTTPConnection("localhost", timeout=60)
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(self.place.removeprefix("unix:"))
            return connection
        return http.client.HTTPConnection(self.place.removeprefix("http://"), timeout=60)

    def begin(self, path, whole=None, **headers):
        """Send a request; return the connection."""
        connection = self.connection()
        headers = {
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        body = whole if isinstance(whole, (str, bytes, type(None))) else json.dumps(whole)
        connection.request("GET" if whole is None else "POST", path, body, headers)
        return connection

    def ask(self, path, whole=None, **headers):
        """Return the status, the headers and the body of the response."""
        connection = self.begin(path, whole, **headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        told = response.headers.get("Content-Type", "")
        return (
            response.status,
            response.headers,
            json.loads(body) if told.startswith("application/json") else body.decode(),
        )

    @property
    def asked(self):
        return self.ask("/v1/health")[2]["requests"]

    def until(self, count):
        deadline = time.monotonic() + 60
        while self.asked != count:
            assert time.monotonic() < deadline
            time.sleep(0.02)


@contextmanager
def server(*words):
    command = [sys.executable, "-P", "-m", "sandbox_magic", "serve", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stderr.readline()
            assert line.startswith("sandbox: serving on "), line + process.stderr.read()
            yield Served(process, line.split()[-1])
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                _, left = process.communicate(timeout=60)
            finally:
                process.kill()
        assert "Traceback" not in left


@pytest.fixture(scope="module")
def served():
    with server("--port", "0", "--timeout", "60", "--memory", "256M", "--queue", "1", "--cpu-time", "20") as found:
        yield found


# As SandboxFusion's client sends it: every field, with its default.
DEFAULT = {
    "compile_timeout": 10,
    "run_timeout": 10,
    "memory_limit_MB": -1,
    "stdin": None,
    "files": {},
    "fetch_files": [],
}


def fused(served, code, **more):
    status, _, whole = served.ask("/run_code", DEFAULT | {"code": code, "language": "python"} | more)
    assert status == 200
    assert set(whole) == {"status", "message", "compile_result", "run_result", "executor_pod_name", "files"}
    return whole


def test_a_client_of_sandbox_fusion_is_answered_in_its_form(served):
    whole = fused(
        served,
        "print(input() + open('a.txt').read())",
        stdin="in ",
        files={"a.txt": base64.b64encode(b"file").decode()},
    )
    assert (whole["status"], whole["message"], whole["compile_result"]) == ("Success", "", None)
    ran = whole["run_result"]
    assert set(ran) == {"status", "execution_time", "return_code", "stdout", "stderr"}
    assert (ran["status"], ran["return_code"], ran["stdout"], ran["stderr"]) == ("Finished", 0, "in file\n", "")
    assert ran["execution_time"] > 0
    failed = fused(served, "import sys; sys.exit(3)")
    assert (failed["status"], failed["run_result"]["return_code"]) == ("Failed", 3)
    killed = fused(served, "import os; os.kill(os.getpid(), 6)")
    assert (killed["status"], killed["run_result"]["status"], killed["run_result"]["return_code"]) == (
        "Failed",
        "Finished",
        -6,
    )
    late = fused(served, "while True: pass", run_timeout=0.5)
    assert (late["status"], late["run_result"]["status"], late["run_result"]["return_code"]) == (
        "Failed",
        "TimeLimitExceeded",
        None,
    )
    bash = fused(served, "echo out > b.txt; echo hi", language="bash", fetch_files=["./b.txt", "none"])
    assert (bash["run_result"]["stdout"], bash["files"]) == ("hi\n", {"./b.txt": base64.b64encode(b"out\n").decode()})
    for language in ("cuda", "typescript"):  # the name nearest to the second is that of another language
        unknown = fused(served, "x", language=language)
        assert (unknown["status"], unknown["run_result"]) == ("SandboxError", None)
        assert f"no language '{language}' here\nTry: one of python, bash" in unknown["message"]
    for language in ("nodejs", "sql", "R"):  # names of its that are not the first of ours
        assert fusion.read({"code": "", "language": language}).options["language"] == language
    assert fusion.read({"code": "echo 1;", "language": "php"}).code == "<?php echo 1;"


def test_a_compiler_has_a_result_of_its_own_in_sandbox_fusions_form(served):
    whole = fused(served, '#include <stdio.h>\nint main() { puts("hi"); return 3; }', language="cpp")
    compiled = whole["compile_result"]
    assert set(compiled) == {"status", "execution_time", "return_code", "stdout", "stderr"}
    assert (compiled["status"], compiled["return_code"]) == ("Finished", 0)
    assert compiled["execution_time"] > 0
    assert (whole["status"], whole["run_result"]["return_code"], whole["run_result"]["stdout"]) == ("Failed", 3, "hi\n")
    whole = fused(served, "int main() { return x; }", language="cpp")
    assert (whole["status"], whole["run_result"]) == ("Failed", None)
    assert (whole["compile_result"]["status"], whole["compile_result"]["return_code"]) == ("Finished", 1)
    assert "error" in whole["compile_result"]["stderr"]


# Each step names two further types, so a compiler that reads this never comes to an end.
ENDLESS = """\
template <class A, class B> struct Pair {};
template <class T, int N> struct Tree : Tree<Pair<T, int>, N - 1>, Tree<Pair<int, T>, N - 1> {};
template <class T> struct Tree<T, 0> {};
int main() { return sizeof(Tree<int, 60>); }
"""


def test_a_compiler_has_the_time_that_a_request_gives_it_and_never_more_than_the_server(served):
    whole = fused(served, ENDLESS, language="cpp", compile_timeout=0.5)
    compiled = whole["compile_result"]
    assert (whole["status"], compiled["status"], compiled["return_code"]) == ("Failed", "TimeLimitExceeded", None)
    assert whole["run_result"] is None
    assert 0.5 <= compiled["execution_time"] < 30
    request = {"code": "", "language": "cpp", "compile_timeout": 10**6}
    for most, seconds in ((2.0, 60.0), (90.0, 90.0), (None, 10.0**6)):
        run = fusion.read(request).run(Policy(limits=Limits(wall_seconds=most)))
        assert run._loop._cell.compile_seconds == seconds


def test_each_request_has_a_line_without_its_code(tmp_path):
    path = tmp_path / "log"
    with server("--port", "0", "--log", str(path)) as served:
        name = served.ask("/v1/run", {"code": "secret = 5; exit(3)"})[1]["X-Request-Id"]
        served.ask("/v1/run", {"code": "print(1)"}, Accept="text/event-stream")
        served.ask("/run_code", "{")
        served.ask("/v1/health")
    text = path.read_text()
    assert "secret" not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["method"], line["endpoint"], line["status"], line["outcome"]) for line in lines] == [
        ("POST", "/v1/run", 200, "FAILED"),
        ("POST", "/v1/run", 200, "COMPLETED"),
        ("POST", "/run_code", 422, None),
        ("GET", "/v1/health", 200, None),
    ]
    assert lines[0]["id"] == name
    assert all(line["seconds"] > 0 and line["time"].endswith("Z") for line in lines)


def test_a_request_gets_the_whole_result_or_its_events(served):
    wanted = {"code": "y = x + 1\nprint(y)", "inputs": {"x": 1}, "outputs": ["y"], "timeout": 30}
    status, _, whole = served.ask("/v1/run", wanted)
    assert status == 200
    result = sm.Result.from_dict(whole)
    assert (result.ok, result.stdout, result.outputs) == (True, "2\n", {"y": 2})
    _, headers, events = served.ask("/v1/run", wanted, Accept="text/event-stream")
    assert headers["Content-Type"].startswith("text/event-stream")
    pairs = [event.split("\n", 1) for event in events.strip().split("\n\n")]
    told = [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in pairs]
    assert ("text", {"stream": "stdout", "text": "2\n"}) in told
    assert told[-1][0] == "result"
    assert sm.Result.from_dict(told[-1][1]).outputs == {"y": 2}
    written = {"Content_Type": "Application/JSON; charset=utf-8", "Host": "LocalHost"}
    assert served.ask("/v1/run", wanted, **written)[0] == 200
    assert 'sandbox_magic_runs_total{outcome="COMPLETED"}' in served.ask("/metrics")[2]


def test_a_request_lowers_the_limits_and_never_raises_them(served):
    for timeout, memory, expected in (
        (1, "64M", (1.0, 2**26)),
        (600, "8G", (60.0, 2**28)),
        (None, None, (60.0, 2**28)),
    ):
        _, _, whole = served.ask("/v1/run", {"code": "1", "timeout": timeout, "memory": memory})
        assert (whole["limits"]["wall_seconds"], whole["limits"]["memory_bytes"]) == expected
    most = Policy(limits=Limits(wall_seconds=None))
    assert asked.Asked(code="").policy(most).limits.wall_seconds is None
    assert asked.Asked(code="", seconds=5.0).policy(most).limits.wall_seconds == 5.0
    assert fusion.read({"code": "", "language": "python", "memory_limit_MB": 10**9}).policy(Policy()).limits == Limits(
        wall_seconds=10.0
    )


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/run_code", "{", {}, 422),
        ("/run_code", "[]", {}, 422),
        ("/run_code", {"language": "python"}, {}, 422),
        ("/run_code", {"code": 5, "language": "python"}, {}, 422),
        ("/run_code", {"code": "", "language": "python", "run_timeout": "x"}, {}, 422),
        ("/run_code", {"code": "", "language": "python", "compile_timeout": "x"}, {}, 422),
        ("/run_code", {"code": "", "language": "cpp", "compile_timeout": 0}, {}, 422),
        ("/run_code", {"code": "", "language": "cpp", "compile_timeout": -1}, {}, 422),
        ("/run_code", {"code": "", "language": "python", "run_timeout": 0}, {}, 422),
        ("/run_code", {"code": "", "language": "python", "files": {"a": "%"}}, {}, 422),
        ("/run_code", {"code": "", "language": "python", "run_timeout": 10**400}, {}, 422),
        ("/run_code", {"code": "", "language": "python", "fetch_files": [5]}, {}, 422),
        ("/run_code", {"code": "", "language": "python", "args": [None]}, {}, 422),
        ("/v1/run", {"code": "1", "timeout": 10**400}, {}, 422),
        ("/v1/run", {"code": "1", "memory": 10**400}, {}, 422),
        ("/v1/run", {"code": "1", "stdin": 0}, {}, 422),
        ("/v1/health", None, {"Host": "evil.example:8080"}, 421),
        ("/v1/run", {"code": "1", "bind": "/etc"}, {}, 422),
        ("/v1/run", {"code": "1", "python": "/bin/sh"}, {}, 422),
        ("/v1/run", {"code": "1", "timeout": "banana"}, {}, 422),
        ("/v1/run", {"code": "1", "save": ["../x"]}, {}, 400),
        ("/v1/run", {"code": "1", "outputs": [5]}, {}, 400),
        ("/v1/run", {"code": "1"}, {"Content_Type": "text/plain"}, 422),  # what a form of a strange page can send
        ("/v1/run", {"code": "1"}, {"Host": "evil.example:8080"}, 421),  # a name that was made to point here
        ("/v1/run", None, {}, 405),
        ("/none", None, {}, 404),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_and_nothing_breaks(served, path, body, headers, status):
    assert served.ask(path, body, **headers)[0] == status
    assert served.asked == 0


def test_a_request_that_is_cut_before_it_has_come_whole_leaves_nothing():
    with server("--port", "0") as served:  # which looks for a traceback in the end
        host, _, port = served.place.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), 60) as cut:
            head = "POST /v1/run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            cut.sendall(f"{head}Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n".encode())
            assert cut.recv(100).startswith(b"HTTP/1.1 100")  # it reads
        assert served.ask("/v1/run", {"code": "1"})[0] == 200


class Asking:
    """A request to the application itself, whose body comes when the test sends it."""

    def __init__(self, application, *headers):
        self.pieces = asyncio.Queue()
        headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), *headers]
        scope = {"type": "http", "method": "POST", "path": "/v1/run", "headers": headers, "query_string": b""}
        self.sent = []
        self.answer = asyncio.ensure_future(application(scope, self.pieces.get, self.send))

    async def send(self, message):
        self.sent.append(message)

    async def body(self, data, *, more):
        self.pieces.put_nowait({"type": "http.request", "body": data, "more_body": more})
        while self.pieces.qsize():  # noqa: ASYNC110 - until it has been taken
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def status(self):
        await asyncio.wait_for(self.answer, 60)
        return self.sent[0]["status"]


async def uploads(application):
    slow, more = Asking(application), Asking(application)
    await slow.body(b"x" * 60, more=True)
    await more.body(b"x" * 60, more=True)
    assert await more.status() == 429  # together they are too much
    await slow.body(b"", more=False)
    assert await slow.status() == 422  # it came, and is no JSON
    alone = Asking(application)
    await alone.body(b"x" * 60, more=False)
    assert await alone.status() == 422, "what has been read is not counted any more"


async def never(application):
    asking = Asking(application)
    await asking.body(b"x", more=True)
    assert await asking.status() == 408


def test_what_is_sent_and_never_ends_holds_neither_memory_nor_its_place(monkeypatch):
    monkeypatch.setattr(app, "_UPLOADING_BYTES", 100)
    asyncio.run(uploads(app.Server(Policy()).application()))
    monkeypatch.setattr(app, "_UPLOAD_SECONDS", 0.05)
    asyncio.run(never(app.Server(Policy()).application()))


async def full():
    """Return how long a full queue took, and how long who comes then is told to wait."""
    application, waiting = app.Server(Policy(), waiting=8 * cores()).application(), 9 * cores()

    async def fill():
        asking = [Asking(application) for _ in range(waiting)]
        for each in asking:
            await each.body(b'{"code": "import time; time.sleep(0.35)"}', more=False)
        return asking

    began = time.monotonic()
    for asking in await fill():
        assert await asking.status() == 200
    took = time.monotonic() - began
    asking, late = await fill(), Asking(application)
    await late.body(b'{"code": "1"}', more=False)
    assert await late.status() == 429
    for each in asking:
        each.answer.cancel()
    await asyncio.wait([each.answer for each in asking])
    return took, int(dict(late.sent[0]["headers"])[b"retry-after"])


def test_who_is_refused_is_told_about_how_long_the_queue_takes():
    """Not how long each waited in it, times all of them."""
    took, told = asyncio.run(full())
    assert told <= 1 + 2 * took


async def ended(*headers):
    """Return what is sent for a request whose time is over when the server ends, as uvicorn cancels it."""
    asking = Asking(app.Server(Policy()).application(), *headers)
    await asking.body(json.dumps({"code": SLEEPS, "timeout": 600}).encode(), more=False)
    async with asyncio.timeout(60):
        while not asyncio.all_tasks() - {asyncio.current_task(), asking.answer}:  # noqa: ASYNC110 - until it runs
            await asyncio.sleep(0.01)
        while headers and not any(b"up" in message.get("body", b"") for message in asking.sent):  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.01)
        asking.answer.cancel()
        await asyncio.sleep(0)
        asking.answer.cancel()  # as its event loop does when it is closed
        await asking.answer
    return asking.sent


def test_a_request_whose_time_is_over_when_the_server_ends_is_refused_in_its_form():
    start, body = asyncio.run(ended())
    assert (start["status"], json.loads(body["body"])) == (503, {"error": "the server ends"})
    *_, last = asyncio.run(ended((b"accept", b"text/event-stream")))
    assert last["body"] == b'event: error\ndata: {"error": "the server ends"}\n\n'
    assert not last["more_body"]


@pytest.mark.parametrize("headers", [{}, {"Accept": "text/event-stream"}])
def test_a_request_that_is_cut_ends_its_run(served, headers):
    connection = served.begin("/v1/run", {"code": SLEEPS}, **headers)
    sock = connection.sock
    response = connection.getresponse() if headers else None
    if response is not None:
        assert response.readline().startswith(b"event: ")
    served.until(1)
    sock.shutdown(socket.SHUT_RDWR)
    served.until(0)
    if response is not None:
        response.close()
    connection.close()


def test_one_too_many_is_refused_with_a_word_when_to_come_again(served):
    waiting = [served.begin("/v1/run", {"code": SLEEPS}) for _ in range(cores() + 1)]
    try:
        served.until(cores() + 1)
        status, headers, _ = served.ask("/run_code", {"code": "1", "language": "python"})
        assert status == 429
        assert int(headers["Retry-After"]) >= 1
        assert served.ask("/v1/run", {"code": "1"}, Accept="text/event-stream")[0] == 429
    finally:
        for connection in waiting:
            connection.close()
    served.until(0)
    assert served.ask("/v1/run", {"code": "1"})[0] == 200
    assert "sandbox_magic_refused_total 2.0" in served.ask("/metrics")[2]


def listens(path):
    with socket.socket(socket.AF_UNIX) as one:
        try:
            one.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        return True


def test_it_ends_in_good_order_and_a_unix_socket_is_its_owners_alone(tmp_path):
    path, token = tmp_path / "s", tmp_path / "token"
    token.write_text("secret\n")
    tmp_path.chmod(0o755)
    (tmp_path / "told").mkdir(mode=0o755)
    words = ("--unix", str(path), "--token-file", str(token), "--bind", f"{tmp_path}/told:told", "--timeout", "60")
    with server(*words) as served:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert served.ask("/v1/run", {"code": "1"})[0] == 401
        assert served.ask("/v1/run", {"code": "1"}, Authorization="Bearer wrong")[0] == 401
        assert served.ask("/v1/run", {"code": "1"}, Authorization="bearer secret")[0] == 200
        assert served.ask("/v1/health")[0] == 200
        found = []
        code = "import os, time\nprint('up', flush=True)\nwhile not os.path.exists('told/go on'): time.sleep(0.01)\n"
        code += "print('whole')"
        asking = threading.Thread(
            target=lambda: found.append(served.ask("/v1/run", {"code": code}, Authorization="Bearer secret"))
        )
        asking.start()
        served.until(1)
        served.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 60
        while listens(path):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        (tmp_path / "told" / "go on").touch()
        asking.join(60)
        assert found[0][2]["stdout"] == "up\nwhole\n"  # what runs has its time
        assert served.process.wait(60) == 0
    assert not os.path.exists(path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--host", "0.0.0.0"], "can be reached from other machines"),
        (["--host", "::"], "can be reached from other machines"),
        (["--port", "banana"], "can't listen"),
        (["--token-file", "none"], "can't be read"),
        (["--unix", "none/s"], "can't listen"),
        (["--save", "*"], "a request says"),
        (["--log", "none/l"], "can't be written"),
    ],
)
def test_what_would_open_it_to_all_is_refused(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    assert main(["serve", *words]) == 2
    assert said in capsys.readouterr().err
