"""A real JupyterLab, Notebook 7 on the same server, and a real browser.

The server is a process of its own with its own directories, so nothing of the user's is read or changed; its kernel
is the Python that runs the tests. The browser is the system's Chromium, driven by Playwright. It and a page with Lab
live from one test that asks for them to the next, for to load Lab takes longer than most tests, and end before a test
that does not: Playwright leaves an event loop running in the thread, which other tests (nbclient's) could not share.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import nbformat
import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, ViewportSize

SPECS = Path(__file__).parents[2] / "jupyter-config" / "kernels"  # "Python (sandboxed)", as the wheel installs it
START_SECONDS = 120
STOP_SECONDS = 60
PAGE_SECONDS = 60  # for what is waited for in a page: some have nothing else to do, on a machine that stalls
CHROMIUM_FLAGS = [
    "--no-sandbox",  # root has none; the pages are our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",  # it would look up its maker's hosts at every start
    "--disable-component-update",
    "--disable-sync",
]
VIEWPORT: ViewportSize = {"width": 1280, "height": 900}
SETTINGS = {
    # Every cell is in the page, also those that are scrolled away, with all of its outputs.
    "notebook-extension/tracker": {"windowingMode": "none", "maxNumberOutputs": 100_000},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server of JupyterLab and Notebook that answers."""

    url: str  # ends with a slash
    token: str
    root: Path  # where its notebooks lie
    data: Path  # where it remembers which of them it trusts


def _own_directories(base: Path) -> dict[str, str]:
    """Return the variables that keep a server from the user's own files, the directories made and filled."""
    names = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTER_PATH": "share",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    for name in names.values():
        (base / name).mkdir(mode=0o700)
    for name, values in SETTINGS.items():
        path = base / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    kernel = base / "data" / "kernels" / "python3" / "kernel.json"  # the first place that is looked at
    kernel.parent.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}), encoding="utf-8")
    shutil.copytree(SPECS, base / "data" / "kernels", dirs_exist_ok=True)
    return {variable: str(base / name) for variable, name in names.items()} | {"JUPYTER_PREFER_ENV_PATH": "0"}


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and the kernels it started: asked first, then killed; all awaited."""
    family = [*psutil.Process(process.pid).children(recursive=True)] if process.poll() is None else []
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    if process.poll() is None:
        process.kill()
        process.wait()
    _, alive = psutil.wait_procs(family, timeout=2)
    for left in alive:  # psutil compares start times, so a number used again by a stranger is left alone
        with contextlib.suppress(psutil.NoSuchProcess):
            left.kill()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """JupyterLab and Notebook on a free port of the loopback device."""
    base = tmp_path_factory.mktemp("jupyter")
    root = base / "notebooks"
    root.mkdir()
    directories = _own_directories(base)
    token = secrets.token_hex(16)
    command = [sys.executable, "-P", "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1"]
    command += ["--ServerApp.port=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}"]
    command += ["--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None"]
    command += ["--JupyterNotebookApp.expose_app_in_browser=True"]
    command += ["--allow-root"] if os.geteuid() == 0 else []
    with (base / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=root,
            env=os.environ | directories,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Server(url=_answering(process, base), token=token, root=root, data=base / "data")
    finally:
        shared.close()  # its page would ask for the server again and again
        _stop(process)


def _answering(process: subprocess.Popen[bytes], base: Path) -> str:
    """Wait until the server has written where it listens, which it does once it listens."""
    facts = base / "runtime" / f"jpserver-{process.pid}.json"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, ValueError):  # not there yet, or half written
            return str(json.loads(facts.read_text(encoding="utf-8"))["url"])
        time.sleep(0.05)
    log = (base / "server.log").read_text(encoding="utf-8", errors="replace")
    pytest.fail(f"JupyterLab did not start. Its last words:\n{log[-3000:]}")


class Shared:
    """What drives the browser, the browser, and its page with JupyterLab: each made when it is first asked for."""

    def __init__(self) -> None:
        self._open = contextlib.ExitStack()

    @functools.cached_property
    def playwright(self) -> Playwright:
        from playwright.sync_api import sync_playwright

        return self._open.enter_context(sync_playwright())

    @functools.cached_property
    def browser(self) -> Browser:
        """Chromium, without a window."""
        browser = self.playwright.chromium.launch(executable_path=chromium(), headless=True, args=CHROMIUM_FLAGS)
        self._open.callback(browser.close)
        return browser

    @functools.cached_property
    def page(self) -> Page:
        context = self.browser.new_context(viewport=VIEWPORT)
        context.set_default_timeout(PAGE_SECONDS * 1000)
        self._open.callback(context.close)
        return context.new_page()

    def close(self) -> None:
        self._open.close()
        for name in ("playwright", "browser", "page"):
            self.__dict__.pop(name, None)


shared = Shared()


def needs_browser(item: pytest.Item | None) -> bool:
    return "server" in getattr(item, "fixturenames", ())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that need a browser come first, one after the other."""
    items.sort(key=lambda item: not needs_browser(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Iterator[None]:
    try:
        return (yield)
    finally:
        if not needs_browser(nextitem):
            shared.close()


def chromium() -> str:
    """Return the path of the system's Chromium."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.fail("There is no chromium. Try: make test, which fetches it, or says how")
    return executable


class Lab:
    """A page with JupyterLab in it, driven through the front end's own commands.

    A test opens a notebook, starts its cells, looks at what the page shows meanwhile, and waits for the *reply*:
    the kernel's status says "idle" too early while the first widget is made.

    Attributes:
        errors: What the page's console called an error.
        suffix: Of the names of its pictures.
    """

    suffix: ClassVar[str] = ""
    address: ClassVar[str] = "lab/tree/{name}?reset&token={token}"

    def __init__(self, page: Page, server: Server) -> None:
        self.server = server
        self.errors: list[str] = []
        self._numbers = itertools.count(1)
        self._take(page)

    def _take(self, page: Page) -> None:
        self.page = page
        page.on("pageerror", self._failed)
        page.on("console", self._said)

    def _failed(self, error: Exception) -> None:
        self.errors.append(str(error))

    def _said(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.errors.append(said.text)

    def forget(self) -> None:
        """Listen no more to the page's console."""
        self.page.remove_listener("pageerror", self._failed)
        self.page.remove_listener("console", self._said)

    def come_back(self) -> None:
        """Close the page and go on in another one, where nothing is loaded, as a person who comes back."""
        left = self.page
        self._take(left.context.new_page())
        left.close()

    def open(self, cells: Sequence[str], name: str | None = None, kernel: str = "python3") -> None:
        """Write a notebook of these code cells, open it, and wait for its kernel.

        With a kernelspec in its metadata: without one Lab asks for it in a dialog.
        """
        name = name or f"notebook-{next(self._numbers)}-{secrets.token_hex(4)}.ipynb"
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": {"name": kernel, "display_name": "Python 3", "language": "python"}},
        )
        nbformat.write(notebook, self.server.root / name)
        self.open_file(name)

    def open_file(self, name: str, *, kernel: bool = True, busy: bool = False) -> None:
        """Open a notebook that lies in the server's root, and wait for its kernel.

        Args:
            name: Its path.
            kernel: Whether it gets one; without, it must name one that is not there, so that the page asks.
            busy: Whether its kernel runs a cell, so that there is nothing to wait for.
        """
        self._show(name)
        if not kernel:
            self.page.click(".jp-Dialog button:has-text('No Kernel')")
        self.page.wait_for_function(
            """([name, kernel]) => {
                const panel = window.jupyterapp?.shell.currentWidget;
                if (panel?.context?.path !== name || !panel.context.isReady) return false;
                return !kernel || panel.sessionContext.session?.kernel?.status === "idle";
            }""",
            arg=[name, kernel and not busy],
            timeout=START_SECONDS * 1000,
        )
        self.page.evaluate("window.jupyterapp.shell.collapseLeft()")
        self._uncovered()

    def _show(self, name: str) -> None:
        """Open a notebook in the page, in the place of those that are open; load the page where it is not loaded."""
        if not self.page.evaluate("'jupyterapp' in window"):
            self.page.goto(self.server.url + self.address.format(name=name, token=self.server.token))
            return
        self.close_notebooks()
        self.page.evaluate("path => void window.jupyterapp.commands.execute('docmanager:open', {path})", name)

    def close_notebooks(self) -> None:
        """Close what is open in the page, unsaved as it is; a page with a dialog in it is left as a whole."""
        if self.page.locator(".jp-Dialog").count():
            self.page.goto("about:blank")
        self.page.evaluate("""() => {
            window.clearInterval(window.testTimer);
            for (const panel of [...window.jupyterapp?.shell.widgets("main") ?? []]) panel.dispose();
        }""")

    def _uncovered(self) -> None:
        """Wait until the picture that Lab shows while it loads has faded."""
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")

    def command(self, name: str, arguments: dict[str, Any] | None = None) -> None:
        """Run one of Lab's commands to its end."""
        self.page.evaluate("([name, args]) => window.jupyterapp.commands.execute(name, args)", [name, arguments or {}])

    def start(self, cell: int | None = None) -> None:
        """Start all cells, or one, and come back at once."""
        self.page.evaluate(
            """cell => {
                window.testReplied = false;
                const replied = () => { window.testReplied = true; };
                if (cell !== null) window.jupyterapp.shell.currentWidget.content.activeCellIndex = cell;
                const command = cell === null ? "notebook:run-all-cells" : "notebook:run-cell";
                window.jupyterapp.commands.execute(command).then(replied, replied);
            }""",
            cell,
        )

    @property
    def running(self) -> bool:
        """Whether cells that were started wait for a reply."""
        return not self.page.evaluate("window.testReplied")

    def wait(self, seconds: float = 60) -> None:
        """Wait for the kernel's reply to the last cell that was started."""
        self.page.wait_for_function("window.testReplied", timeout=seconds * 1000, polling=50)

    def until(self, true: Callable[[], object]) -> bool:
        """Wait until something is so in the page, which draws when the machine lets it; return whether it is."""
        deadline = time.monotonic() + PAGE_SECONDS
        while not true():
            if time.monotonic() > deadline:
                return False
            self.page.wait_for_timeout(50)
        return True

    def run(self, seconds: float = 60) -> None:
        """Run all cells to their end."""
        self.start()
        self.wait(seconds)

    def outputs(self, cell: int) -> list[dict[str, Any]]:
        """The outputs of a cell, as they would be saved."""
        return self.page.evaluate(
            "n => window.jupyterapp.shell.currentWidget.content.model.cells.get(n).outputs.toJSON()", cell
        )

    def trusts(self, cell: int) -> bool:
        """Whether the page trusts a cell's outputs."""
        return self.page.evaluate("n => window.jupyterapp.shell.currentWidget.content.model.cells.get(n).trusted", cell)

    def text(self, cell: int) -> str:
        """What a cell's streams hold."""
        return "".join(output["text"] for output in self.outputs(cell) if output["output_type"] == "stream")

    def record(self, selector: str, attribute: str) -> None:
        """From now on, note every new value of an element's attribute that the page shows, and when."""
        self.page.evaluate(
            """([selector, attribute]) => {
                window.testSeen = [];
                window.clearInterval(window.testTimer);
                window.testTimer = window.setInterval(() => {
                    const value = document.querySelector(selector)?.getAttribute(attribute);
                    if (value && value !== window.testSeen.at(-1)?.[1] && !window.testReplied)
                        window.testSeen.push([performance.now() / 1000, value]);
                }, 15);
            }""",
            [selector, attribute],
        )

    def recorded(self) -> list[tuple[float, str]]:
        """The values noted until the reply, with the second at which each was first seen."""
        return [(seconds, value) for seconds, value in self.page.evaluate("window.testSeen")]

    def models(self) -> int:
        """How many widgets the page holds for this notebook."""
        return self.page.evaluate(
            """async () => {
                const type = "application/vnd.jupyter.widget-view+json";
                const renderer = window.jupyterapp.shell.currentWidget.content.rendermime.createRenderer(type);
                const manager = await renderer._manager.promise;
                renderer.dispose();
                return Object.keys(manager._models).length;
            }"""
        )

    def memory(self) -> tuple[int, int]:
        """How many bytes of script objects and how many nodes the page holds, rubbish collected."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("Performance.enable")
        session.send("HeapProfiler.collectGarbage")
        found = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
        session.detach()
        return int(found["JSHeapUsedSize"]), int(found["Nodes"])

    def theme(self, name: str) -> None:
        """Change the colours: "JupyterLab Light", "JupyterLab Dark" or "JupyterLab Dark High Contrast"."""
        self.command("apputils:change-theme", {"theme": name})
        self.page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=name)
        self._uncovered()

    def save(self) -> None:
        """Save the notebook to the server's root."""
        self.command("docmanager:save")

    def screenshot(self, path: Path, cell: int | None = None) -> None:
        """Write what the page shows, or one cell of it, as a PNG."""
        if cell is None:
            self.page.screenshot(path=path)
        else:
            self.page.locator(".jp-Notebook .jp-Cell").nth(cell).screenshot(path=path)


class Notebook7(Lab):
    """The same in Jupyter Notebook 7, which is made of Lab's parts."""

    suffix: ClassVar[str] = "-notebook7"
    address: ClassVar[str] = "notebooks/{name}?token={token}"

    def _show(self, name: str) -> None:
        """Each notebook has a page of its own."""
        self.page.goto(self.server.url + self.address.format(name=name, token=self.server.token))


@contextlib.contextmanager
def _in(context: BrowserContext, server: Server, kind: type[Lab]) -> Iterator[Lab]:
    context.set_default_timeout(PAGE_SECONDS * 1000)
    try:
        yield kind(context.new_page(), server)
    finally:
        context.close()
        _end_kernels(server)


@pytest.fixture
def lab(server: Server) -> Iterator[Lab]:
    """JupyterLab with nothing open; the kernels that a test starts end with it."""
    lab = Lab(shared.page, server)
    lab.page.set_viewport_size(VIEWPORT)
    yield lab
    with contextlib.ExitStack() as broken:
        broken.callback(shared.close)  # nobody goes on with a page that can't be tidied
        lab.close_notebooks()
        lab.forget()
        shared.page = lab.page
        broken.pop_all()
    _end_kernels(server)


@pytest.fixture(params=["lab", "notebook7"])
def front(server: Server, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """JupyterLab, and a fresh page for Notebook 7, which takes seconds.

    It is for what depends on the page around the notebook: its toolbar, what scrolls, how it is opened and saved. The
    notebook itself is the same program in both, so other tests ask for `lab`.
    """
    if request.param == "lab":
        yield request.getfixturevalue("lab")
        return
    with _in(shared.browser.new_context(viewport=VIEWPORT), server, Notebook7) as front:
        yield front


@pytest.fixture
def tab(server: Server, tmp_path: Path) -> Iterator[Lab]:
    """JupyterLab in a tab that another one hides.

    A browser that Playwright starts is told to treat every page as if it were in front.
    """
    command = [
        chromium(),
        "--headless=new",
        *CHROMIUM_FLAGS,
        "--remote-debugging-port=0",
        f"--user-data-dir={tmp_path}",
    ]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        facts, deadline = tmp_path / "DevToolsActivePort", time.monotonic() + START_SECONDS
        while not (facts.exists() and facts.read_text().count("\n")):
            assert time.monotonic() < deadline, "Chromium did not start"
            assert process.poll() is None, "Chromium ended"
            time.sleep(0.05)
        address = f"http://127.0.0.1:{facts.read_text().splitlines()[0]}"
        browser = _connected(shared.playwright, address)
        with _in(browser.contexts[0], server, Lab) as lab:
            yield lab
    finally:
        _stop(process)


def _connected(playwright: Playwright, address: str) -> Browser:
    """Connect to a browser that has just started: now and then it does not answer the first who asks."""
    from playwright.sync_api import TimeoutError as NoAnswer

    for _ in range(2):
        with contextlib.suppress(NoAnswer):
            return playwright.chromium.connect_over_cdp(address, no_defaults=True, timeout=10_000)
    return playwright.chromium.connect_over_cdp(address, no_defaults=True, timeout=60_000)


def _end_kernels(server: Server) -> None:
    import urllib.request

    def ask(method: str, path: str) -> bytes:
        headers = {"Authorization": f"token {server.token}"}
        request = urllib.request.Request(server.url + path, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=STOP_SECONDS) as answer:
            return bytes(answer.read())

    for session in json.loads(ask("GET", "api/sessions")):
        ask("DELETE", f"api/sessions/{session['id']}")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: PICTURES=docs/pictures renews those of the documentation."""
    return Path(os.environ.get("PICTURES", tmp_path)).absolute()


@pytest.fixture(scope="module")
def execute(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[tuple[Any, str]]]:
    """Gives a function that runs a notebook of ours and gives its code cells, each with the status of its reply."""
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpecManager
    from nbclient import NotebookClient
    from traitlets.config import Config

    def run(name: str) -> list[tuple[Any, str]]:
        folder = tmp_path_factory.mktemp("notebook")
        manager = AsyncKernelManager(
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),  # not what the user has installed under its name
            connection_file=str(folder / "connection.json"),
            config=Config(KernelManager={"transport_encryption": "auto"}),  # or newer kernels warn of a plain socket
        )
        notebook = nbformat.read(Path(__file__).parents[2] / "notebooks" / name, as_version=4)
        replies: list[str] = []

        def replied(execute_reply: dict[str, Any], **_: Any) -> None:
            replies.append(execute_reply["content"]["status"])

        client = NotebookClient(notebook, km=manager, timeout=200, allow_errors=True, on_cell_executed=replied)
        client.execute(cwd=str(folder), env=os.environ | {"IPYTHONDIR": str(folder)}, cleanup_kc=True)
        return list(zip([cell for cell in notebook.cells if cell.cell_type == "code"], replies, strict=True))

    return run
