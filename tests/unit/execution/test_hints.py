"""Hints: a failure by the sandbox's doing is said, with the option; the words are ours."""

import time

import pytest

from sandbox_magic.execution import hint_paths, hints
from sandbox_magic.execution.hint_facts import Facts
from sandbox_magic.jail.view import places
from sandbox_magic.model.outcome import Outcome
from sandbox_magic.model.policy import Limits

TRACEBACK = 'Traceback (most recent call last):\n  File "/sandbox/cell.py", line 1, in <module>\n    x\n'


def hint(text, *, outcome=Outcome.FAILED, there=(), modules=None, watched=False, said=(), layered=False, **more):
    facts = Facts(
        limits=Limits(),
        said=said,
        memory_is_watched=watched,
        hidden=set(there).__contains__,
        module=(modules or {}).get,
        layered=layered,
        shown_as=lambda path: more.get("shown_as", {}).get(path, ""),
        bound=lambda path: path in more.get("bound", ()),
        variable=lambda name: more.get("variables", {}).get(name, ""),
        elsewhere=lambda path: path in more.get("elsewhere", ()),
        beside=lambda path: more.get("beside", {}).get(path, ""),
        reads_nothing=more.get("reads_nothing", False),
        net=more.get("net", ()),
        binds_reach_home=more.get("binds_reach_home", False),
    )
    return hints.of(outcome, text.encode("utf-8", "surrogateescape"), facts)


def only(text, **facts):
    (line,) = hint(text, **facts)
    return line


NOT_THERE = TRACEBACK + "FileNotFoundError: [Errno 2] No such file or directory: 'data.csv'\n"


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.FAILED])
def test_only_a_run_that_failed_gets_one(outcome):
    assert hint(NOT_THERE, outcome=outcome, there=["data.csv"]) == ()


@pytest.mark.parametrize(
    "line",
    [
        "FileNotFoundError: [Errno 2] No such file or directory: 'data.csv'",
        "FileNotFoundError: [Errno 2] No such file or directory: '/home/sandbox/data.csv'",
        "FileNotFoundError: data.csv not found.",
        "cat: data.csv: No such file or directory",
        "ls: cannot access 'data.csv': No such file or directory",
        "/sandbox/cell.bash: line 3: data.csv: No such file or directory",
        "/sandbox/cell.sh: 3: cannot open data.csv: No such file",
        "Error: ENOENT: no such file or directory, open 'data.csv'",
        "cannot open data.csv: No such file or directory at /sandbox/cell.pl line 1.",
        "awk: cannot open data.csv (No such file or directory)",
        "/sandbox/cell.c:1:10: fatal error: data.csv: No such file or directory\ncompilation terminated.",
        'Error: cannot open "data.csv"',
        "/sandbox/cell.rb:1:in `read': No such file or directory @ rb_sysopen - data.csv (Errno::ENOENT)\n\tfrom x",
        "PHP Warning:  fopen(data.csv): Failed to open stream: No such file or directory in /sandbox/cell.php",
        "  cannot open file 'data.csv': No such file or directory\nExecution halted",
        "lua: /sandbox/cell.lua:1: cannot open file 'data.csv' (No such file or directory)\nstack traceback:",
        'ERROR: LoadError: SystemError: opening file "data.csv": No such file or directory\nStacktrace:\n [1] x',
        "2026/11/24 13:39:44 open data.csv: no such file or directory",
    ],
)
def test_a_file_that_is_on_the_host_only(line):
    """In the words of Python, shells, Node, Perl, awk, compilers, SQLite, Ruby, PHP, R, Lua, Julia and Go."""
    said = only(line, there=["data.csv"])
    assert "data.csv is on this machine" in said
    assert "--bind data.csv" in said
    assert hint(line) == ()


def test_below_a_directory_the_directory_is_bound():
    assert "--bind data " in only(NOT_THERE.replace("data.csv", "data/2024/x.csv"), there=["data/2024/x.csv"])
    assert "--bind out " in only(NOT_THERE.replace("data.csv", "out/new.csv"), there=["out"])


def test_an_absolute_path_comes_in_under_its_last_name():
    said = only(NOT_THERE.replace("data.csv", "/srv/a b/x.csv"), there=["/srv/a b/x.csv"])
    assert "--bind '/srv/a b/x.csv' shows it, read-only, as x.csv in the working directory: open that." in said


def test_who_bound_it_and_still_opens_the_whole_path_is_told_its_name():
    line = NOT_THERE.replace("data.csv", "/srv/a/x.csv")
    said = only(line, there=["/srv/a"], shown_as={"/srv/a/x.csv": "x.csv"})
    assert said == "/srv/a/x.csv is in the sandbox as x.csv, in the working directory: open that."


def test_what_is_bound_can_not_be_changed_and_a_workspace_can():
    line = TRACEBACK + "PermissionError: [Errno 13] Permission denied: 'data.csv'\n"
    assert "--workspace DIR" in only(line, bound=["data.csv"])
    assert hint(line) == ()


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ("value", "df is a variable of the notebook, not of the sandbox; -i df gives the code a copy."),
        ("unsupported", "df is a variable of the notebook, of a type that can't be passed in: make it in"),
        ("code", "df is the notebook's, and no import, function or class is passed in: write it in"),
        ("earlier value", "df was set in an earlier sandboxed cell, and each starts afresh; --session NAME on both"),
        ("earlier code", "df was defined in an earlier sandboxed cell, and each starts afresh: --session NAME on both"),
    ],
)
def test_a_name_that_the_notebook_knows(known, words):
    line = TRACEBACK + "NameError: name 'df' is not defined\n"
    assert only(line, variables={"df": known}).startswith(words)
    assert hint(line) == ()
    assert "get_ipython" in only(line.replace("df", "get_ipython"))


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("await f()", "'await' outside function", "asyncio.run"),
        ("%timeit 1", "invalid syntax", "if IPython is installed"),
        ("!ls", "invalid syntax", "--lang bash"),
        ("!pip install x", "invalid syntax", "nothing can be installed".capitalize()),
        ("%conda install x", "invalid syntax", "nothing can be installed".capitalize()),
        ("pip3 install x", "invalid syntax", "nothing can be installed".capitalize()),
        ("!pip list", "invalid syntax", "if IPython is installed"),
    ],
)
def test_what_only_ipython_understands(code, error, words):
    text = f'  File "/sandbox/cell.py", line 1\n    {code}\n    ^\nSyntaxError: {error}\n'
    assert words in only(text)
    assert hint(text.replace(code, "x x").replace(error, "invalid syntax")) == ()


@pytest.mark.parametrize("path", ["/home/me/.ssh/id_rsa", ".env", "/etc/shadow"])
def test_nobody_is_told_to_share_what_looks_like_a_secret(path):
    said = only(NOT_THERE.replace("data.csv", path), there=[path])
    assert "secrets" in said
    assert f"--bind {path}" not in said


def test_a_module_beside_the_notebook_or_in_its_python():
    line = TRACEBACK + "ModuleNotFoundError: No module named 'helper'\n"
    assert "--bind helper.py" in only(line, modules={"helper": ("helper.py", False)})
    assert "--python kernel" in only(line, modules={"helper": ("/env/lib/helper", True)})
    assert hint(line, modules={"helper": ("", False)}) == (), "the sandbox sees it"


def test_a_module_that_is_nowhere_has_to_be_installed_outside():
    line = TRACEBACK + "ModuleNotFoundError: No module named 'helper'\n"
    said = only(line)
    assert "not installed for the Python that ran the code" in said
    assert "helper" not in said, "nobody is told to install what untrusted code names"
    for name in ("helper.part", "winreg", "json"):
        assert hint(line.replace("helper", name)) == ()


@pytest.mark.parametrize(
    "line",
    [
        "ERROR: No matching distribution found for emoji",
        "subprocess.CalledProcessError: Command '['/venv/bin/python', '-m', 'pip', 'install', '-q', 'x']' returned 1.",
        "subprocess.CalledProcessError: Command 'pip install x' returned non-zero exit status 1.",
        "subprocess.CalledProcessError: Command '['uv', 'pip', 'install', 'x']' returned non-zero exit status 2.",
        "/usr/bin/python3: No module named pip",
    ],
)
def test_what_can_not_be_installed(line):
    assert only(line).startswith("Nothing can be installed in a sandbox")
    assert hint(line.replace("install", "list").replace("pip", "pipe").replace("ERROR", "Note")) == ()


def test_what_lies_beside_the_script_is_bound_from_there():
    said = only(NOT_THERE, beside={"data.csv": "hw1/data.csv"})
    assert said == "hw1/data.csv is on this machine, but not in the sandbox; --bind hw1/data.csv shows it, read-only."
    below = only(NOT_THERE.replace("data.csv", "in/data.csv"), beside={"in/data.csv": "a b/in/data.csv"})
    assert "'a b/in/data.csv' is on this machine" in below
    assert "--bind 'a b/in' shows it" in below
    assert "secrets" in only(NOT_THERE.replace("data.csv", ".env"), beside={".env": "hw1/.env"})


@pytest.mark.parametrize(
    "text",
    [
        TRACEBACK + "FileNotFoundError: [Errno 2] No such file or directory: '/mnt/data/x.csv'\n",
        "/sandbox/cell.bash: line 1: /mnt/data/x.csv: No such file or directory\n",
        TRACEBACK.replace("    x\n", "    sqlite3.connect('/mnt/data/x.csv')\n")
        + "sqlite3.OperationalError: unable to open database file\n",
    ],
)
def test_a_directory_that_no_sandbox_has(text):
    assert "only its working directory and /tmp can be written" in only(text, elsewhere=["/mnt/data/x.csv"])
    assert hint(text) == ()


def test_where_only_the_directory_is_on_the_host_it_is_not_offered_for_writing():
    said = only(NOT_THERE.replace("data.csv", "/mnt/data/x.csv"), there=["/mnt/data"], elsewhere=["/mnt/data/x.csv"])
    assert "where only the working directory and /tmp can be written" in said
    assert "--bind /mnt/data shows it, read-only, as data in the working directory." in said


@pytest.mark.parametrize("kind", ["ValueError", "IndexError", "StopIteration", "json.decoder.JSONDecodeError"])
def test_standard_input_that_is_empty(kind):
    text = f"{TRACEBACK}{kind}: x\n"
    assert only(text, reads_nothing=True) == "Standard input is empty; --stdin TEXT provides it."
    assert hint(text) == ()
    assert hint(TRACEBACK + "KeyError: 1\n", reads_nothing=True) == ()


NLTK = (
    TRACEBACK
    + """LookupError:
**********************************************************************
  Resource \x1b[93mpunkt\x1b[0m not found.
  Please use the NLTK Downloader to obtain the resource:

  Searched in:
    - '/home/sandbox/nltk_data'
**********************************************************************
"""
)
NO_NAME = "urllib.error.URLError: <urlopen error [Errno -2] Name or service not known>\n"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (TRACEBACK.replace("/sandbox/cell.py", "/v/sklearn/datasets/_base.py") + NO_NAME, "~/scikit_learn_data"),
        (TRACEBACK.replace("/sandbox/cell.py", "/v/seaborn/utils.py") + NO_NAME, "~/.cache/seaborn:.cache/seaborn"),
    ],
)
def test_a_library_that_wants_to_download_its_data(text, place):
    assert f"--bind {place} then shows" in only(text, binds_reach_home=True)
    assert "has no network" in only(text), "below a workspace a bind is not in the home"


def test_nltk_takes_its_own_accounts_data_alone():
    said = only(NLTK, binds_reach_home=True)
    assert "--bind ~/nltk_data:data passes the data in, and shutil.copytree('data', 'nltk_data')" in said
    assert "has no network: --net HOST lets" in only(NLTK)


def test_a_debugger_without_anybody():
    assert "leave it out, or pass its commands by --stdin" in only(TRACEBACK + "bdb.BdbQuit\n")


def test_ipython_without_a_shell():
    line = "AttributeError: 'NoneType' object has no attribute 'run_line_magic'\n"
    assert "get_ipython is there in a cell" in only(TRACEBACK + line)


@pytest.mark.parametrize(
    "line",
    [
        "socket.gaierror: [Errno -3] Temporary failure in name resolution",
        "urllib.error.URLError: <urlopen error [Errno -2] Name or service not known>",
        "OSError: [Errno 101] Network is unreachable",
        "ConnectionRefusedError: [Errno 111] Connection refused",
        "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='a', port=443): Max retries exceeded",
        "httpx.ConnectError: [Errno -3] x",
        "Error: getaddrinfo EAI_AGAIN example.org",
        "Error: getaddrinfo ENOTFOUND example.org",
        "curl: (6) Could not resolve host: example.org",
        "wget: unable to resolve host address 'example.org'",
        "  URL 'http://example.org/': status was 'Couldn't resolve host name'\nExecution halted",
        "  127.0.0.1:8080 cannot be opened\nExecution halted",
        "awk: cell.awk:1: warning: remote host: Address family not supported by protocol",
    ],
)
def test_the_network(line):
    assert "has no network: --net " in only(line)


@pytest.mark.parametrize(
    "line",
    [
        "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='b.test', port=443): Max retries exceeded",
        "Error: getaddrinfo ENOTFOUND b.test",
        "curl: (6) Could not resolve host: b.test",
        "psycopg.OperationalError: failed to resolve host 'b.test': [Errno -2] Name or service not known",
        'Get "https://b.test/x": dial tcp: address b.test: no suitable address found',
        "redis.exceptions.ConnectionError: Error -2 connecting to b.test:6379. Name or service not known",
    ],
)
def test_a_host_that_was_not_named_is_in_the_hint(line):
    assert "--net b.test lets the code" in only(line)
    assert "connect to a.test alone, and b.test is another host; --net b.test" in only(line, net=("a.test",))
    assert "connect to b.test:80 alone" in only(line, net=("b.test:80",))


@pytest.mark.parametrize(
    ("line", "option"),
    [
        ("OSError: [Errno 30] Read-only file system: '/usr/x'", "--workspace"),
        ("PermissionError: [Errno 13] Permission denied: '/etc/hosts'", "--workspace"),
        ("/sandbox/cell.sh: line 1: /etc/hosts: Permission denied", "--workspace"),
        ("OSError: [Errno 28] No space left on device", "--disk"),
        ("/usr/lib/go-1.24/pkg/tool/linux_amd64/link: mapping output file failed: no space left on device", "--disk"),
        ("OSError: [Errno 24] Too many open files: 'x'", "--open-files"),
        ("RuntimeError: can't start new thread", "--processes"),
        ("OpenBLAS blas_thread_init: pthread_create failed for thread 3 of 4: Resource", "--processes"),
        ("bash: fork: retry: Resource temporarily unavailable", "--processes"),
        ("pthread_create: Resource temporarily unavailable", "--processes"),
        ("blas_thread_init: pthread_create failed for thread 3 of 9: Resource temporarily unavailable", "--processes"),
        ("PermissionError: [Errno 1] Operation not permitted", "by design"),
        ("OSError: [Errno 38] Function not implemented", "by design"),
        ("EOFError: EOF when reading a line", "--stdin"),
    ],
)
def test_what_else_the_sandbox_keeps_from_code(line, option):
    assert option in only(line)


def test_memory_is_hinted_at_only_where_each_process_has_a_limit():
    """Elsewhere a MemoryError is the code's own affair."""
    assert "512 MiB of memory; --memory" in only(TRACEBACK + "MemoryError\n", watched=True)
    assert hint(TRACEBACK + "MemoryError\n") == ()


def test_a_socket_that_is_not_ready_is_no_process_that_was_refused():
    line = "BlockingIOError: [Errno 11] Resource temporarily unavailable\n"
    assert hint(TRACEBACK.replace("x\n", "s.recv(1)\n") + line) == ()
    assert "--processes" in only(TRACEBACK.replace("x\n", "os.fork()\n") + line)


def test_what_the_result_says_already_is_not_said_twice():
    note = "The code asked for more than 64 processes and threads; --processes allows more."
    assert hint("RuntimeError: can't start new thread", said=[note]) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ValueError: nothing to do with it",
        "PermissionError: [Errno 13] Permission denied: 'x'",
        "FileNotFoundError: [Errno 2] No such file or directory: 'gone'",
        "pthread_create is a function of C",
        "cell.c:3: warning: implicit declaration of function 'pthread_create'",
        TRACEBACK + "ValueError: Network\nis unreachable? no, another line\n",
        "cell.c:3:5: warning: implicit declaration of function 'pthread_create'",
        "Network is unreachable\n" + TRACEBACK + "ValueError: x\n",  # handled, and then it failed otherwise
    ],
)
def test_what_is_not_the_sandboxs_doing_gets_none(text):
    assert hint(text, there=["data.csv"]) == ()


@pytest.mark.parametrize("path", ["a\u202e.csv", "x" * 201, "a\u200b"])
def test_a_path_that_does_not_read_as_it_is_gets_none(path):
    """Whoever copies it from the hint would name another file."""
    assert hint(NOT_THERE.replace("data.csv", path), there=[path]) == ()


@pytest.mark.parametrize(
    "piece", ["'", '"', "'a", ": ", "No such file or directory", "ENOENT '", "/", "a/", "\x1b[", "\n'"]
)
def test_it_is_quick_and_short_whatever_the_code_wrote(piece):
    took = []
    for _ in range(3):  # a virtual machine counts the time that it is held up as the process's
        began = time.process_time()
        lines = hint(f"{piece * 2**19}{piece * 300}\nENOENT{piece * 300}")
        took.append(time.process_time() - began)
    assert min(took) < 0.5
    assert all(len(line) < 700 for line in lines)


def test_the_longest_path_makes_a_line_of_bounded_length():
    path = "/" + "x" * 199
    assert len(only(NOT_THERE.replace("data.csv", path), there=[path])) < 800


def test_it_knows_the_working_directories_inside():
    assert set(hint_paths._INSIDE) == {f"{places.HOME}/", f"{places.WORKSPACE}/"}


def test_a_directory_of_the_workspace_is_not_renamed_below_a_layer_only():
    line = TRACEBACK + "OSError: [Errno 18] Invalid cross-device link: 'sub' -> 'moved'\n"
    assert only(line, layered=True).endswith("shutil.move and mv do that.")
    assert hint(line) == ()
