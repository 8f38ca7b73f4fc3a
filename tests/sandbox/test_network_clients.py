"""Real clients under ``--net``: each gets an answer from the name that is allowed, and finds no other.

The servers are an HTTPS server of static files, a real PostgreSQL and a real Redis, all on this machine.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest

import sandbox_magic as sm
from tests.servers import SECONDS

PORTS = {"psycopg": 5432, "redis": 6379}
NOBODY = 65534


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A directory with a file ``x``, and a repository that git can read over HTTP."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "x").write_text("hello")
    work = folder / "work"
    git = ("git", "-C", work, "-c", "user.name=tests", "-c", "user.email=tests@a.test")
    subprocess.run(["git", "init", "-q", work], check=True)
    (work / "file").write_text("hello")
    subprocess.run([*git, "add", "file"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "one"], check=True)
    subprocess.run(["git", "clone", "-q", "--bare", work, folder / "repository.git"], check=True)
    subprocess.run(["git", "-C", folder / "repository.git", "update-server-info"], check=True)
    return folder


@pytest.fixture(scope="module")
def folder():
    """A directory of the servers' own."""
    with tempfile.TemporaryDirectory() as name:
        if os.geteuid() == 0:
            os.chown(name, NOBODY, NOBODY)
        yield Path(name)


def as_servers(start, command, **options):
    """Start a program as somebody else where this is root, as whom PostgreSQL does not run."""
    if os.geteuid() == 0:
        options |= {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    return start(command, cwd="/", env={"PATH": os.environ["PATH"], "LC_ALL": "C"}, **options)


@contextmanager
def running(command, **options):
    """Run a server, from the line on with which it says that it is ready."""
    popen = partial(subprocess.Popen, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)
    with as_servers(popen, command, **options) as process:
        try:
            said = []
            while "ready to accept connections" not in "".join(said).lower():
                said.append(process.stdout.readline())
                assert said[-1], said
            yield
        finally:
            process.send_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def postgresql(folder):
    """The socket of a PostgreSQL with a user ``tests``, whose password is ``secret``."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda found: float(found.parent.name))
    password, data = folder / "password", folder / "data"
    password.write_text("secret")
    password.chmod(0o644)
    options = f"-D {data} -N -E UTF8 -U tests -A scram-sha-256 --pwfile {password}"
    as_servers(partial(subprocess.run, check=True, capture_output=True), (programs / "initdb", *options.split()))
    settings = ("listen_addresses=", f"unix_socket_directories={folder}", "fsync=off")
    with running((programs / "postgres", "-D", data, *(word for each in settings for word in ("-c", each)))):
        yield str(folder / ".s.PGSQL.5432")


@pytest.fixture(scope="module")
def redis(folder):
    """The socket of a Redis that keeps nothing."""
    path = str(folder / "redis")
    command = ("redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", str(folder))
    with running(command, executable=shutil.which("redis-check-rdb")):  # one program of two names
        yield path


@pytest.fixture(scope="module")
def databases(postgresql, redis):
    """Port -> socket."""
    return {5432: postgresql, 6379: redis}


@pytest.fixture
def outside(internet, authority, site, databases, serve):
    """All servers, behind the public addresses of both names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority[1], authority[0])

    def handle(connection):
        with context.wrap_socket(connection, server_side=True) as stream:
            Quiet(stream, ("127.0.0.1", 0), None, directory=site)

    internet.behind |= {443: ("127.0.0.1", serve(handle).port), **databases}
    return internet


CLIENTS = {
    "requests": """
import requests
for name in ("a.test", "b.test"):
    print(requests.get(f"https://{name}/x", verify="certificate.pem", timeout=50).text)
""",
    "httpx": """
import httpx, ssl
trusting = ssl.create_default_context(cafile="certificate.pem")
for name in ("a.test", "b.test"):
    print(httpx.get(f"https://{name}/x", verify=trusting, timeout=50).text)
""",
    "aiohttp": """
import aiohttp, asyncio, ssl
trusting = ssl.create_default_context(cafile="certificate.pem")
async def main():
    async with aiohttp.ClientSession() as session:
        for name in ("a.test", "b.test"):
            async with session.get(f"https://{name}/x", ssl=trusting) as answer:
                print(await answer.text())
asyncio.run(main())
""",
    "git": """
set -e
export GIT_SSL_CAINFO=$PWD/certificate.pem
for name in a.test b.test; do
    git clone --quiet https://$name/repository.git $name
    echo "$(cat $name/file)"
done
""",
    "node": """
NODE_EXTRA_CA_CERTS=certificate.pem exec node -e '
const get = async (name) => console.log(await (await fetch(`https://${name}/x`)).text())
get("a.test").then(() => get("b.test")).catch(error => { console.error(error.cause); process.exit(1) })'
""",
    "psycopg": """
import psycopg
for name in ("a.test", "b.test"):
    with psycopg.connect(f"host={name} user=tests password=secret dbname=postgres connect_timeout=50") as connection:
        connection.execute("create temporary table words (word text)")
        with connection.cursor().copy("copy words from stdin") as copy:
            copy.write_row(("hello",))
        print(connection.execute("select word from words").fetchone()[0])
""",
    "redis": """
import redis
for name in ("a.test", "b.test"):
    with redis.Redis(name, decode_responses=True) as client:
        client.set("word", "hello")
        print(client.get("word"))
""",
}


@pytest.mark.timeout(300)  # PostgreSQL's first start
@pytest.mark.parametrize(("client", "port"), [(name, PORTS.get(name, 443)) for name in CLIENTS])
def test_a_client_reaches_the_name_that_is_allowed_and_no_other(outside, authority, client, port):
    program, allowed, other = CLIENTS[client], f"a.test:{port}", f"b.test:{port}"
    language = "bash" if client in ("git", "node") else "python"
    run = partial(sm.run, program, language=language, bind=authority[1], timeout=SECONDS, memory="2G")
    assert run(net=[allowed, other]).stdout == "hello\nhello\n", "the other one answers whom it is allowed to"
    outside.targets.clear()
    result = run(net=allowed)
    assert (result.stdout, result.outcome) == ("hello\n", sm.Outcome.FAILED), result.stderr
    assert re.search(r"b\.test|not known|ENOTFOUND", result.stderr)
    assert set(outside.targets) == {f"1.1.1.1:{port}"}
