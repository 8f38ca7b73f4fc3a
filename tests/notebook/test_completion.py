"""What Tab and Shift-Tab show on a line of ours: in a shell as of a terminal, in a kernel, in a browser."""

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpecManager
from traitlets.config import Config

from sandbox_magic.jail.view import installed_pythons
from sandbox_magic.model.languages import LANGUAGES
from sandbox_magic.model.options import OPTIONS
from sandbox_magic.notebook.arguments import HELP, parse

NAMES = [f"--{option.name}" for option in OPTIONS]
WAIT_SECONDS = 30


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """A shell with the extension, two variables of a person's, and some files in its working directory."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name in ("orders.csv", "my data.csv", ".hidden", "bell\a"):
        (tmp_path / "here" / name).touch()
    (tmp_path / "here" / "project").mkdir()
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_line_magic("load_ext", "sandbox_magic")
    shell.push({"orders": [1], "others": [2], "_own": 3, "a_function": parse, "a_module": pytest})
    yield shell
    shell.restore_sys_module_state()
    InteractiveShell.clear_instance()


def offered(shell, text):
    """Return what Tab offers at the ``|`` in the text, each as the line would be with it."""
    before, _, after = text.partition("|")
    with provisionalcompleter():
        found = list(shell.Completer.completions(before + after, len(before)))
    return [before[: each.start] + each.text for each in found]


def ends(shell, text):
    """Return the same, but for what stands before the last space."""
    return [line.rpartition(" ")[2] for line in offered(shell, text)]


def test_every_option_is_offered_and_nothing_else(shell):
    assert ends(shell, "%%sandbox |") == NAMES


def test_an_option_is_offered_by_its_beginning_and_once(shell):
    assert offered(shell, "%%sandbox --ti|") == ["%%sandbox --timeout"]
    assert offered(shell, "%%sandbox --timeout 5 --ti|\nprint(1)") == ["%%sandbox --timeout 5 --ti"], "as typed"
    assert offered(shell, "%%sandbox --timeout=5 --mem|\nprint(1)") == ["%%sandbox --timeout=5 --memory"]
    assert offered(shell, "%%sandbox --bind a --bi|") == ["%%sandbox --bind a --bind"], "it may be given again"
    assert "-i" in ends(shell, "%%sandbox -|")
    assert offered(shell, "\n%%time\n%%sandbox --mem|\nprint(1)") == ["\n%%time\n%%sandbox --memory"]


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("--on-output-limit |", ["cut", "stop"]),
        ("--on-output-limit s|", ["stop"]),
        ("--on-output-limit=s|", ["--on-output-limit=stop"]),
        ("--strict o|", ["on", "off"]),
        ("--quiet=|", ["--quiet=on", "--quiet=off"]),
        ("--python |", ["kernel", "system", *installed_pythons.versions()]),
        ("--python ./pro|", ["./project/"]),
        ("--memory |", ["512M"]),
        ("--lang |", [language.name for language in LANGUAGES]),
        ("-l javas|", ["javascript"]),
        ("-i |", ["orders", "others"]),
        ("-i orders,o|", ["orders,others"]),
        ("--input=or|", ["--input=orders"]),
        ("-o |\ntotal, rest = 1, 2\ncount: int = 3\nif total == 3:\n    inner = 1\nf(x=1)",
         ["total", "rest", "count", "orders", "others"]),
        ("-o |\nthis is no Python\nx = 1", ["x", "orders", "others"]),
        ("--bind o|", ["orders.csv"]),
        ("--bind .|", [".hidden"]),
        ("--workspace |", ["project/"]),
        ("--bind project/|", ["project/"]),
        ("--bind no/such/|", ["no/such/"]),
        ("--timeout 2|", ["2"]),
        ("--stdin o|", ["o"]),
    ],
)  # fmt: skip
def test_values_are_offered_where_they_are_known(shell, line, values):
    before, bar, cell = line.partition("|")
    assert ends(shell, f"%%sandbox {before}{bar}{cell}") == values


@pytest.mark.parametrize("typed", ["my", "'my", "'my d", '"my d'])
def test_a_path_with_a_space_is_quoted_so_that_the_line_is_read_as_one(shell, typed):
    (line,) = offered(shell, f"%%sandbox --bind {typed}|")
    assert line == "%%sandbox --bind 'my data.csv'"
    (mount,) = parse(line.removeprefix("%%sandbox "))["bind"]
    assert mount.name == "my data.csv"


def test_a_name_that_can_not_be_shown_is_not_offered(shell):
    assert [line for line in offered(shell, "%%sandbox --bind |") if not line.isprintable()] == []
    assert "orders.csv" in ends(shell, "%%sandbox --bind |"), "others are"


def test_ones_own_languages_are_offered(shell):
    shell.run_line_magic("config", "SandboxMagics.languages = {'zx': 'zx {file}'}")
    assert ends(shell, "%%sandbox --lang z|") == ["zx"]


def test_the_line_magic_offers_its_words(shell):
    assert ends(shell, "x = 1\n%sandbox |") == [
        "run", "doctor", "sessions", "stop", "restart", "undo", "changes", "attempts", "-h", "--help",
    ]  # fmt: skip
    assert ends(shell, "%sandbox d|") == ["doctor"]


def test_the_line_magic_offers_files_to_run_then_options(shell):
    assert ends(shell, "%sandbox ru|") == ["run"]
    assert "project/" in ends(shell, "%sandbox run |")
    assert ends(shell, "%sandbox run project/|") == ends(shell, "%%sandbox --bind project/|")
    assert offered(shell, "%sandbox run greet.py --tim|") == ["%sandbox run greet.py --timeout"]
    assert ends(shell, "%sandbox run greet.py --on-output-limit |") == ["cut", "stop"]


def test_in_a_cells_body_pythons_own_completion_stays(shell):
    assert "%%sandbox --timeout 5\norders" in offered(shell, "%%sandbox --timeout 5\nord|")


@pytest.mark.parametrize("above", ["x = 1", "%%sandbox", "%%sandbox --timeout 5"])
def test_a_line_of_ours_below_others_is_none(shell, above):
    assert f"{above}\n%%sandbox --timeout" not in offered(shell, f"{above}\n%%sandbox --ti|")


def test_after_unloading_nothing_of_it_is_left(shell):
    before = len(shell.Completer.custom_matchers)
    shell.run_line_magic("reload_ext", "sandbox_magic")
    assert len(shell.Completer.custom_matchers) == before, "loaded again it is there once"
    shell.run_line_magic("unload_ext", "sandbox_magic")
    assert len(shell.Completer.custom_matchers) == before - 1
    assert "%%sandbox --timeout" not in offered(shell, "%%sandbox --ti|")


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Gives a function that puts a request to a real kernel and gives the reply's content."""
    folder = tmp_path_factory.mktemp("kernel")
    manager = KernelManager(
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),  # not what the user has installed under its name
        connection_file=str(folder / "connection.json"),
        config=Config(KernelManager={"transport_encryption": "auto"}),  # or newer kernels warn of a plain socket
    )
    manager.start_kernel(cwd=str(folder))
    client = manager.client()
    client.start_channels()

    def ask(kind, *arguments):
        request = getattr(client, kind)(*arguments)
        while (reply := client.get_shell_msg(timeout=WAIT_SECONDS))["parent_header"]["msg_id"] != request:
            pass
        return reply["content"]

    try:
        client.wait_for_ready(timeout=60)
        assert ask("execute", "%load_ext sandbox_magic\nimport sandbox_magic as sm")["status"] == "ok"
        yield ask
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def test_a_kernel_completes_options_and_says_what_they_are(ask):
    reply = ask("complete", "%%sandbox --ti\nprint(1)", 14)
    assert (reply["matches"], reply["cursor_start"], reply["cursor_end"]) == (["--timeout"], 10, 14)
    assert [each["type"] for each in reply["metadata"]["_jupyter_types_experimental"]] == ["option"]


def test_a_kernel_completes_the_keywords_of_run(ask):
    assert "timeout=" in ask("complete", "sm.run('x', ti", 14)["matches"]


@pytest.mark.parametrize("code", ["%%sandbox", "%%sandbox --timeout 5\nprint(1)", "%sandbox"])
def test_help_at_the_cursor_shows_the_whole_table(ask, code):
    shown = ask("inspect", code, 5)["data"]["text/plain"].splitlines()
    assert [line for line in HELP.splitlines() if line not in shown] == []


def test_help_for_run_names_each_option_and_its_default(ask):
    shown = ask("inspect", "sm.run(", 7)["data"]["text/plain"]
    keywords = [option.keyword for option in OPTIONS if option.scope != "show"]
    assert [keyword for keyword in keywords if f" {keyword}=" not in shown and f" {keyword}:" not in shown] == []


@pytest.mark.timeout(180)
def test_tab_and_shift_tab_in_a_real_browser(lab, pictures):
    """Tab lists what may stand there, Enter takes it; Shift-Tab on the magic shows the table."""
    lab.open(["%load_ext sandbox_magic", "%%sandbox "])
    lab.start(cell=0)
    lab.wait()
    page, offer, table = lab.page, lab.page.locator(".jp-Completer-item"), lab.page.locator(".jp-Tooltip")
    line = page.locator(".jp-Notebook .jp-Cell").nth(1).locator(".cm-line").first
    line.click()
    page.keyboard.press("End")
    for number, (typed, whole) in enumerate([("--ti", "--timeout"), (" 5 --on-output-limit ", "cut")]):
        page.keyboard.type(typed)
        page.keyboard.press("Tab")
        offer.filter(has_text=whole).wait_for()
        lab.screenshot(pictures / f"tab-{number}.png")
        page.keyboard.press("Enter")
        offer.first.wait_for(state="hidden")
    assert lab.until(lambda: line.inner_text() == "%%sandbox --timeout 5 --on-output-limit cut")
    page.keyboard.press("Home")
    for _ in "%%sandbox":
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+Tab")
    table.wait_for()
    lab.screenshot(pictures / "shift-tab.png")
    assert lab.until(lambda: "--timeout SECONDS" in table.inner_text())
