"""Parts of IPython's shell that are replaced: what compiles a cell, shows a value, displays, and ends the code."""

from __future__ import annotations

from IPython.core.autocall import ExitAutocall
from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any


class Leave(ExitAutocall):
    """``exit`` and ``quit``, which here end the code as ``sys.exit`` does."""

    def __call__(self, code: object = None) -> None:
        """End it."""
        raise SystemExit(code)


class Compiler(CachingCompiler):
    """Compiles cells under the names that the host gives them."""

    text = file = ""

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        """Return the name of a cell; of what else is compiled IPython's own."""
        return self.file if raw_code == self.text else str(super().get_code_name(raw_code, transformed_code, number))


class Publisher(DisplayPublisher):
    """Sends what is displayed to the host."""

    def publish(
        self,
        data: Any,
        metadata: Any = None,
        *_source: object,
        transient: Any = None,
        update: bool = False,
        **_: object,
    ) -> None:
        """Send it."""
        self.parent.shows.publish(data, metadata or {}, (transient or {}).get("display_id"), update=update)

    def clear_output(self, wait: bool = False) -> None:  # noqa: FBT001, FBT002 - IPython's
        """Have what was shown be cleared."""
        self.parent.shows.clear(wait=wait)


class Hook(DisplayHook):
    """Sends the value of the last expression to the host, and keeps it in ``_`` and ``Out``."""

    def write_output_prompt(self) -> None:
        """Leave that to who shows it."""

    def compute_format_data(self, result: object) -> Any:
        """Return what it looks like."""
        return self.shell.bundle(result, None, None)

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        """Send it."""
        self.shell.shows.publish_result(format_dict, md_dict or {})

    def log_output(self, format_dict: Any) -> None:
        """Keep its text, which ``%history -o`` shows, and no pictures."""
        self.shell.history_manager.output_hist_reprs[self.prompt_count] = format_dict.get("text/plain", "")

    def finish_displayhook(self) -> None:
        """Write nothing behind it."""
        self._is_active = False
