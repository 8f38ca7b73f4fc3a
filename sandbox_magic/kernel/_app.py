"""The kernel's process: ipykernel's sockets and threads, without what would run code or load files on the host."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from ipykernel.kernelapp import IPKernelApp
from traitlets import Type

from sandbox_magic.kernel._kernel import WrapperKernel
from sandbox_magic.kernel.configuration import SandboxKernel, take_options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType


class KernelApp(IPKernelApp):
    """Starts the kernel.

    Configuration files are those of every IPython kernel (``ipython_kernel_config.py`` in the user's profile), of which
    only values are used: there is no shell here that could run their lines or load their extensions.
    """

    kernel_class = Type(WrapperKernel, klass=WrapperKernel)
    classes = [SandboxKernel, *IPKernelApp.classes]  # noqa: RUF012 - as in the base

    def init_path(self) -> None:
        """Leave the notebook's folder off the search path, where an ordinary kernel puts it first."""

    def init_pdb(self) -> None:
        """Leave the debugger alone: no code of the notebook's runs in this process."""

    def init_io(self) -> None:
        """Leave this process's own output where it goes: what the code writes never passes through it."""
        self.outstream_class = None  # type: ignore[assignment] # its trait allows it
        super().init_io()

    def init_control(self, context: Any) -> None:
        """Have one thread for requests: a session runs one cell at a time, so there are no subshells."""
        super().init_control(context)
        self.shell_channel_thread = None

    def init_signal(self) -> None:
        """Ignore interrupts between cells, and end in good order when asked to."""
        super().init_signal()
        signal.signal(signal.SIGTERM, _leave)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the kernel until it is shut down.

    Args:
        arguments: Those of an IPython kernel, and options of the table; the process's own, if None.
    """
    rest, given = take_options(sys.argv[1:] if arguments is None else arguments)
    app = KernelApp.instance()
    app.initialize(rest)
    kernel: WrapperKernel = app.kernel
    kernel.configure(SandboxKernel(parent=app), given)
    try:
        app.start()
    finally:
        kernel.close()
