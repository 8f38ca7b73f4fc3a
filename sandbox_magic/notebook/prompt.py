"""The code's questions, asked through the kernel in a notebook, or at the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython import get_ipython
from IPython.core.error import StdinNotImplementedError

from sandbox_magic.terminal import prompt

if TYPE_CHECKING:
    from sandbox_magic.model.output import InputRequest

WHO = "cell"


def ask(request: InputRequest) -> str | None:
    """Return what the person types; None where nobody can be asked, as under nbclient.

    Raises:
        KeyboardInterrupt: The person stopped it, or the run is over.
    """
    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return prompt.ask(request, WHO)
    read = kernel.getpass if request.password else kernel.raw_input
    try:
        return str(read(prompt.question(request, WHO)))
    except (EOFError, StdinNotImplementedError):
        return None
