"""``sandbox-magic serve``: runs over HTTP, on this machine alone where nothing else is said."""

from __future__ import annotations

import ipaddress
import os
import resource
import signal
import socket
import stat
import sys
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from sandbox_magic.cli import files, served
from sandbox_magic.cli.command import Command
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.units import parse_count
from sandbox_magic.safe_import import importing

if TYPE_CHECKING:
    import argparse
    from types import FrameType

_END_SECONDS = 10
EPILOG = """\
POST /run_code is SandboxFusion's. POST /v1/run takes code, language, stdin, args, timeout, memory, files, inputs,
outputs and save; with "Accept: text/event-stream" the events come as they happen. GET /v1/health says whether it
serves, GET /metrics (Prometheus) how much.
A request can lower the limits of this command line, never raise them. One that is cut ends its run."""


class Serve(Command):
    """Serves runs."""

    name = "serve"
    help = "serve runs over HTTP, on this machine alone unless --host is given"
    options: frozenset[str] = served.OPTIONS | {
        "--host", "--log", "--port", "--queue", "--token-file", "--unix",
    }  # fmt: skip

    def prepare(self, parser: argparse.ArgumentParser) -> None:
        """Add what is its own, and the table's options."""
        parser.epilog = EPILOG
        parser.add_argument(
            "--port", metavar="PORT", default="8080", help="where it listens; 0 chooses (default: 8080)"
        )
        parser.add_argument("--host", metavar="HOST", default="127.0.0.1", help="another address needs --token-file")
        parser.add_argument("--unix", metavar="PATH", help="listen on a Unix socket instead")
        parser.add_argument("--token-file", metavar="FILE", help="a file with what a caller must send as Bearer token")
        parser.add_argument("--queue", metavar="COUNT", default="64", help="requests that may wait (default: 64)")
        parser.add_argument("--log", metavar="FILE", help="add a line of JSON for each request; - is standard output")
        served.add_to(parser)

    def run(self, given: argparse.Namespace, _rest: list[str]) -> int:
        """Serve until SIGTERM or Ctrl-C; what runs then has ten seconds."""
        try:
            with importing():
                import uvicorn

                from sandbox_magic.serve.app import Server
        except ImportError as error:
            raise served.not_installed(error, "serve") from error
        policy = served.policy(given)
        token = _token(given.token_file)
        local = bool(given.unix) or _is_local(given.host)
        if not local and not token:
            what = f"option host: {given.host} can be reached from other machines"
            raise PolicyError(what, remedy="--token-file FILE, with a long secret in it")
        more: dict[str, Any] = {} if local and not given.unix else {"hosts": ()}
        waiting = parse_count(given.queue)
        with ExitStack() as stack:
            log = _log(given.log, stack)
            server = Server(policy, waiting=waiting, token=token, log=log, **more)
            sock, place = _bound(given)
            stack.enter_context(sock)
            configuration = uvicorn.Config(
                server.application(), log_level="warning", access_log=False, server_header=False,
                timeout_graceful_shutdown=_END_SECONDS, limit_concurrency=_most_connections(),
            )  # fmt: skip
            print(f"sandbox: serving on {place}", file=sys.stderr, flush=True)
            signal.signal(signal.SIGTERM, _leave)  # uvicorn raises it anew when it has ended
            try:
                uvicorn.Server(configuration).run(sockets=[sock])
            finally:
                if given.unix:
                    with suppress(FileNotFoundError):
                        os.unlink(given.unix)
        return 0


def _most_connections() -> int:
    """Return at how many it answers 503: a run needs open files too."""
    return max(1, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)


def _log(path: str | None, stack: ExitStack) -> TextIO | None:
    """Return where each request has its line; None for nowhere.

    Raises:
        PolicyError: It can't be written.
    """
    if path == "-":
        return sys.stdout
    try:
        return None if path is None else stack.enter_context(open(path, "a", encoding="ascii"))
    except OSError as error:
        raise PolicyError(f"{path} can't be written", seen=str(error.strerror), remedy="--log -") from error


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def _bound(given: argparse.Namespace) -> tuple[socket.socket, str]:
    """Return the socket, and how it is asked for.

    Raises:
        PolicyError: It can't listen there.
    """
    try:
        if given.unix:
            return _private(given.unix), f"unix:{given.unix}"
        family = socket.AF_INET6 if ":" in given.host else socket.AF_INET
        sock = socket.create_server((given.host, int(given.port)), family=family)
        host = f"[{given.host}]" if family is socket.AF_INET6 else given.host
        return sock, f"http://{host}:{sock.getsockname()[1]}"
    except (OSError, OverflowError, ValueError) as error:
        raise PolicyError("it can't listen there", seen=str(error), remedy="another --port, or --unix PATH") from error


def _private(path: str) -> socket.socket:
    """Return a Unix socket that is its owner's alone: who may connect may have code run."""
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.lstat(path).st_mode):  # what a server that was killed has left
            os.unlink(path)
    sock = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        sock.bind(path)
        sock.listen()
    except OSError:
        sock.close()
        raise
    finally:
        os.umask(before)
    return sock


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _token(path: str | None) -> str:
    if path is None:
        return ""
    try:
        token = files.read(path).decode("utf-8", "replace").strip()
    except OSError as error:
        raise PolicyError(f"{path} can't be read", seen=str(error.strerror), remedy="a file with a token") from error
    if not token:
        raise PolicyError(f"{path} is empty", remedy="a long secret in it: openssl rand -hex 32")
    return token
