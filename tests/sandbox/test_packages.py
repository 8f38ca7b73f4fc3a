"""``--with``: packages of an index are there for one run alone, and what is wrong with them is said before it.

The index is the tests' own, on this machine's loopback.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import signal
import socket
import tarfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

import sandbox_magic as sm
from sandbox_magic.execution.stopping import NotStarted, Stopper
from sandbox_magic.model.errors import StoppedEarly
from sandbox_magic.net import pinning

DEMO = "sandbox_demo-1.5-py3-none-any.whl"
METADATA = "Metadata-Version: 2.1\nName: {}\nVersion: 1.5\n{}"


def wheel(name, files, needs=""):
    """Return a wheel as pip wants it."""
    metadata = {
        f"{name}-1.5.dist-info/METADATA": METADATA.format(name, needs and f"Requires-Dist: {needs}\n"),
        f"{name}-1.5.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path, text in {**files, **metadata}.items():
            archive.writestr(path, text)
        archive.writestr(f"{name}-1.5.dist-info/RECORD", "")
    return data.getvalue()


def sdist(name):
    """Return source code that would run when it is built."""
    data, code = io.BytesIO(), b"raise SystemExit('it ran')"
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for path, text in {"setup.py": code, "PKG-INFO": METADATA.format(name, "").encode()}.items():
            info = tarfile.TarInfo(f"{name}-1.5/{path}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text))
    return data.getvalue()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def index(tmp_path, monkeypatch):
    """An index that pip is configured for, with packages of the tests' own; gives what ends it."""
    evil = "import os, sys; sys.stderr.write('a pth file was run')\n"
    demo = {"sandbox_demo.py": "x = 42\n", "evil.pth": evil}
    files = {
        "sandbox-demo": (DEMO, wheel("sandbox_demo", demo, "sandbox-needed")),
        "sandbox-needed": ("sandbox_needed-1.5-py3-none-any.whl", wheel("sandbox_needed", {"sandbox_needed.py": ""})),
        "sandbox-source": ("sandbox_source-1.5.tar.gz", sdist("sandbox_source")),
        "sandbox-hostile": ("sandbox_hostile-1.5-py3-none-any.whl", wheel("sandbox_hostile", {"../../out.py": ""})),
    }  # fmt: skip
    for name, (file, data) in files.items():
        folder = tmp_path / "simple" / name
        folder.mkdir(parents=True)
        (folder / file).write_bytes(data)
        link = f'<a href="{file}#sha256={hashlib.sha256(data).hexdigest()}">{file}</a>'
        (folder / "index.html").write_text(f"<!DOCTYPE html><html><body>{link}</body></html>")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_address[1]}/simple")

        def end():
            server.shutdown()
            thread.join()
            server.server_close()

        yield end
        end()


CODE = """
import socket, subprocess, sys
import sandbox_demo, sandbox_needed
print(sandbox_demo.x)
subprocess.run([sys.executable, "-c", "import sandbox_demo; print(sandbox_demo.x)"], check=True)
for attempt in (
    lambda: open(sandbox_demo.__file__, "a"),
    lambda: open("/packages/new", "w"),
    lambda: socket.create_connection(("localhost", @PORT@)),
):
    try:
        attempt()
        print("done")
    except OSError:
        print("refused")
"""


def test_packages_are_there_for_the_run_alone_and_for_the_next_one_at_once(index, monkeypatch):

    code = CODE.replace("@PORT@", os.environ["PIP_INDEX_URL"].rpartition(":")[2].removesuffix("/simple"))
    result = sm.run(code, packages=["sandbox-demo==1.*"])
    assert (result.stdout, result.stderr) == ("42\n42\n" + "refused\n" * 3, "")
    assert importlib.util.find_spec("sandbox_demo") is None
    without = sm.run("import sandbox_demo")
    assert without.error is not None
    assert without.error.name == "ModuleNotFoundError"
    index()  # from here on nobody can be asked
    assert sm.run("import sandbox_demo; print(sandbox_demo.x)", packages="sandbox-demo==1.*").stdout == "42\n"
    shell = "python3 -c 'import sandbox_demo; print(sandbox_demo.x)'"
    assert sm.run(shell, lang="bash", packages="sandbox-demo==1.*").stdout == "42\n"
    with sm.Session(packages="sandbox-demo==1.*") as session:
        assert session.run("import sandbox_demo").ok
        assert session.run("print(sandbox_demo.x)").stdout == "42\n"
    with pytest.raises(sm.PolicyError, match="can't be reached"):
        sm.run("print('ran')", packages="sandbox-needed")


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("sandbox-source", ["has no wheel", "source code of sandbox-source", "run its own code"]),
        ("sandbox-nothing", ["there is no sandbox-nothing at http://localhost:", "does not use pip's find-links"]),
        ("sandbox-demo==2", ["there is no sandbox-demo==2"]),
        ("sandbox-hostile", ["is not used", "leads out of the directory"]),
    ],
)
def test_what_can_not_be_had_is_refused_before_anything_runs(index, package, words, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(sm.PolicyError, match="nothing was run") as refused:
        sm.run("print('ran')", packages=[package])
    assert [word for word in words if word not in str(refused.value)] == [], refused.value
    assert "it ran" not in str(refused.value)
    assert list(tmp_path.rglob("out.py")) == []


def test_an_index_that_has_no_address_is_said_to_be_out_of_reach(monkeypatch):
    def resolve(host):
        raise socket.gaierror(f"{host} is not known")

    monkeypatch.setattr(pinning, "resolve", resolve)
    monkeypatch.setenv("PIP_INDEX_URL", "https://me:secret@index.test/simple")
    with pytest.raises(sm.PolicyError, match="can't be reached") as refused:
        sm.run("print('ran')", packages="a")
    assert "https://index.test/simple" in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.fixture
def silent(tmp_path, monkeypatch):
    """An index that never answers; pip would wait for minutes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.getsockname()[1]}/simple")
        server.settimeout(60)
        yield server


def test_a_person_can_stop_a_download(silent):
    """As soon as the index is asked, Ctrl-C comes."""
    asked: list[socket.socket] = []

    def press():
        asked.append(silent.accept()[0])
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(StoppedEarly):
        sm.run("print('ran')", packages="a")
    thread.join()
    asked[0].close()


def test_a_run_in_the_background_can_be_stopped_while_its_packages_are_fetched(silent):
    handle = sm.start("print('ran')", packages="a")
    with silent.accept()[0]:
        handle.stop()
        with pytest.raises(StoppedEarly):  # had pip given up, it would be a PolicyError
            handle.wait(60)


def test_so_can_a_run_on_a_thread_of_a_batch(silent):
    stopper, run = Stopper(), sm.stream("print('ran')", packages="a")
    with ThreadPoolExecutor(1) as threads:
        driven = threads.submit(stopper.drive, run)
        with silent.accept()[0]:
            stopper.stop()
            with pytest.raises(NotStarted):
                driven.result(60)
