"""Jupyter's requests, answered from one session: what needs code is asked of the sandbox, the rest is known here."""

from __future__ import annotations

import platform
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ipykernel import kernel_protocol_version  # type: ignore[attr-defined] # public, and not in a list
from ipykernel.kernelbase import Kernel
from traitlets import Any as AnyTrait

from sandbox_magic.kernel.configuration import read_policy
from sandbox_magic.kernel.executor import Executor
from sandbox_magic.kernel.history import History, written
from sandbox_magic.kernel.session import KernelSession
from sandbox_magic.kernel.view import KernelView
from sandbox_magic.model.errors import SandboxError
from sandbox_magic.version import installed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox_magic.kernel.configuration import SandboxKernel

_NOT_EVALUATED = {
    "status": "error",
    "ename": "NotSupported",
    "evalue": "a sandboxed kernel evaluates no user_expressions",
    "traceback": [],
}


class WrapperKernel(Kernel):
    """Runs a notebook's cells in a sandbox. Nothing of the notebook's is ever evaluated in this process."""

    implementation = "sandbox_magic"
    implementation_version = installed()
    banner = "Python (sandboxed): no network, no files of yours. %sandbox says more."
    language_info = {  # noqa: RUF012 - as in the base
        "name": "python",
        "version": platform.python_version(),
        "mimetype": "text/x-python",
        "codemirror_mode": {"name": "ipython", "version": 3},
        "pygments_lexer": "ipython3",
        "nbconvert_exporter": "python",
        "file_extension": ".py",
    }
    # What the application hands to an ordinary kernel, and is of no use here.
    debugpy_stream = AnyTrait()
    user_ns = AnyTrait()

    def __init__(self, **rest: Any) -> None:
        super().__init__(**rest)
        self._history = History()
        self._greeted = False
        self._executor = Executor(KernelSession(lambda: read_policy({}, {})))

    def configure(self, config: SandboxKernel, given: Callable[[], Mapping[str, Any]]) -> None:
        """Take the options: they are read with the first cell, which can say what is wrong with them."""
        self._executor = Executor(KernelSession(lambda: read_policy(config.configured(), given())))

    async def kernel_info_request(self, stream: Any, ident: Any, parent: Any) -> None:
        """Say what the kernel is; and start the sandbox once that is sent, which every front end asks for first."""
        await super().kernel_info_request(stream, ident, parent)
        if not self._greeted and threading.current_thread() is threading.main_thread():
            self._greeted = True
            self._executor.session.begin()

    def close(self) -> None:
        """End the session."""
        self._executor.session.close()

    @property
    def kernel_info(self) -> dict[str, Any]:
        """What the kernel is. The base would import a debugger to say whether there is one."""
        return {
            "protocol_version": kernel_protocol_version,
            "implementation": self.implementation,
            "implementation_version": self.implementation_version,
            "language_info": self.language_info,
            "banner": self.banner,
            "help_links": [],
            "supported_features": [],
        }

    async def do_execute(  # noqa: PLR0913 - ipykernel's own form
        self,
        code: str,
        silent: bool,  # noqa: FBT001 - as above
        store_history: bool = True,  # noqa: FBT001, FBT002 - as above
        user_expressions: Mapping[str, str] | None = None,
        allow_stdin: bool = False,  # noqa: FBT001, FBT002 - as above
        *,
        cell_meta: object = None,  # noqa: ARG002 - as above
        cell_id: object = None,  # noqa: ARG002 - as above
    ) -> dict[str, Any]:
        """Run a cell, and return the content of the reply; what it shows is sent meanwhile."""
        number = self.execution_count
        self._allow_stdin = allow_stdin
        view = KernelView((lambda _kind, _content: None) if silent else self._publish, self._answer, number)
        failed = self._executor.execute(code, view)
        if not silent and store_history and code.strip():
            self._history.add(number, code, view.value)
        elif not silent:
            self.execution_count -= 1  # the number is the next cell's
        reply: dict[str, Any] = {"execution_count": number, "payload": [], "user_expressions": {}}
        if failed is not None:
            view.fail(failed)
            return {"status": "error", **failed.content, **reply}
        return {"status": "ok", **reply, "user_expressions": dict.fromkeys(user_expressions or {}, _NOT_EVALUATED)}

    def _publish(self, kind: str, content: dict[str, object]) -> None:
        self.send_response(self.iopub_socket, kind, content, ident=self._topic(kind))

    def _answer(self, prompt: str, *, password: bool) -> str | None:
        if not self._allow_stdin:
            return None
        try:
            return str(self.getpass(prompt) if password else self.raw_input(prompt))
        except EOFError:
            return None

    async def do_complete(self, code: str, cursor_pos: int | None) -> dict[str, Any]:
        """Return the names that the session completes."""
        cursor = _within(code, cursor_pos)
        reply = {"status": "ok", "matches": [], "cursor_start": cursor, "cursor_end": cursor, "metadata": {}}
        with suppress(SandboxError, KeyboardInterrupt):  # the next cell says what is wrong
            found = self._executor.session.session.complete(code, cursor)
            reply |= {"matches": list(found.matches), "cursor_start": found.start, "cursor_end": found.end}
        return reply

    async def do_inspect(
        self,
        code: str,
        cursor_pos: int | None,
        detail_level: int = 0,
        omit_sections: object = (),  # noqa: ARG002 - ipykernel's own form
    ) -> dict[str, Any]:
        """Return what the session knows of the name at the cursor."""
        found: Mapping[str, str] = {}
        with suppress(SandboxError, KeyboardInterrupt):
            found = self._executor.session.session.inspect(code, _within(code, cursor_pos), detail_level)
        return {"status": "ok", "found": bool(found), "data": dict(found), "metadata": {}}

    async def do_is_complete(self, code: str) -> dict[str, Any]:
        """Return whether a front end at a terminal should run this, or wait for more lines."""
        status, indent = "unknown", ""
        with suppress(SandboxError, KeyboardInterrupt):
            status, indent = self._executor.session.session.is_complete(code)
        return {"status": status, **({"indent": indent} if status == "incomplete" else {})}

    async def do_history(  # noqa: PLR0913, PLR0917 - ipykernel's own form
        self,
        hist_access_type: str,
        output: bool = False,  # noqa: FBT001, FBT002 - as above
        raw: bool = True,  # noqa: ARG002, FBT001, FBT002 - as above
        session: int | None = 0,
        start: int | None = 0,
        stop: int | None = None,
        n: int | None = None,
        pattern: str | None = None,
        unique: bool = False,  # noqa: FBT001, FBT002 - as above
    ) -> dict[str, Any]:
        """Return this kernel's own cells; other sessions' are nobody's business here."""
        match hist_access_type:
            case "tail":
                found = self._history.tail(n)
            case "range":
                found = self._history.between(session or 0, start or 0, stop)
            case "search":
                found = self._history.search(pattern or "*", n, unique=unique)
            case _:
                found = []
        return {"status": "ok", "history": written(found, output=output)}

    async def do_shutdown(self, restart: bool) -> dict[str, Any]:  # noqa: FBT001 - ipykernel's own form
        """End the cell that runs, if one does: this comes on another thread then."""
        self._executor.interrupt()
        return {"status": "ok", "restart": restart}

    async def do_debug_request(self, msg: Mapping[str, Any]) -> dict[str, Any]:
        """Say that there is no debugger."""
        return {
            "type": "response", "request_seq": msg.get("seq", 0), "command": msg.get("command", ""),
            "success": False, "message": "a sandboxed kernel has no debugger",
        }  # fmt: skip


def _within(code: str, cursor: int | None) -> int:
    """Return a cursor that is in the code; its end without one."""
    return min(max(cursor, 0), len(code)) if isinstance(cursor, int) else len(code)
