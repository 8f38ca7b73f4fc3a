"""The magics that are not IPython's own in a sandbox: those that install, that belong outside, that need threads."""

from __future__ import annotations

import sys
from subprocess import CalledProcessError

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from IPython.core.magics.config import ConfigMagics
from IPython.core.magics.extension import ExtensionMagics
from IPython.core.magics.packaging import PackagingMagics
from IPython.core.magics.script import ScriptMagics
from IPython.utils.process import arg_split

from . import programs

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any

_OURS = "sandbox_magic"
_INSTALLS_NOTHING = ("list", "show", "freeze", "check", "--version")
_NO_INSTALL = (
    "nothing can be installed in a sandbox, which has no network: install what you trust outside, for the Python that "
    "runs the code."
)


def register(shell: Any) -> None:
    """Put them in the place of IPython's."""
    for magics in (Packages, Extensions, Settings, Scripts, Inside):
        shell.register_magics(magics)


def _say(magic: str, sentence: str) -> None:
    """Say what to do instead; the code goes on, for what was to be installed is often there."""
    print("%" + magic + ": " + sentence, file=sys.stderr)


@magics_class
class Packages(PackagingMagics):
    """Those that install."""

    @line_magic
    def pip(self, line: str) -> None:
        """Run pip where it needs no network."""
        if line.split()[:1] and line.split(maxsplit=1)[0] in _INSTALLS_NOTHING:
            super().pip(line)
        else:
            _say("pip", _NO_INSTALL)

    @line_magic
    def conda(self, _line: str) -> None:
        """Say that nothing is installed."""
        _say("conda", _NO_INSTALL)

    @line_magic
    def mamba(self, _line: str) -> None:
        """Say that nothing is installed."""
        _say("mamba", _NO_INSTALL)

    @line_magic
    def micromamba(self, _line: str) -> None:
        """Say that nothing is installed."""
        _say("micromamba", _NO_INSTALL)

    @line_magic
    def uv(self, _line: str) -> None:
        """Say that nothing is installed."""
        _say("uv", _NO_INSTALL)


@magics_class
class Extensions(ExtensionMagics):
    """Those that load extensions."""

    @line_magic
    def load_ext(self, module_str: str) -> Any:
        """Load any but sandbox_magic, which belongs outside."""
        if module_str.strip() != _OURS:
            return super().load_ext(module_str)
        return _say("load_ext", "the code is in a sandbox already, and needs no such line.")

    @line_magic
    def reload_ext(self, module_str: str) -> Any:
        """Load such a one again."""
        return self.load_ext(module_str) if module_str.strip() == _OURS else super().reload_ext(module_str)


@magics_class
class Settings(ConfigMagics):
    """The one that sets options."""

    @line_magic
    def config(self, s: str) -> Any:
        """Set an option; those of figures are there before the first figure."""
        if "InlineBackend" in s:
            self._know_options_of_figures()
        return super().config(s)

    def _know_options_of_figures(self) -> None:
        from matplotlib_inline.config import InlineBackend

        known = InlineBackend.instance(parent=self.shell)
        known.shell = self.shell
        if known not in self.shell.configurables:
            self.shell.configurables.append(known)


@magics_class
class Scripts(ScriptMagics):
    """Those that run the cell as another program's input: IPython's have a thread, which the copy of a fork has not."""

    @cell_magic("script")
    def shebang(self, line: str, cell: str) -> None:
        """Run the cell by a program."""
        options, command = ScriptMagics.shebang.parser.parse_known_args(arg_split(line))
        text = cell if cell.endswith("\n") else cell + "\n"
        try:
            if options.bg:
                self._start(options, command, text)
            else:
                self._run(options, command, text)
        except FileNotFoundError:
            print("Couldn't find program: %r" % command[0])  # IPython's words

    def _run(self, options: Any, command: list[str], text: str) -> None:
        done = programs.run(command, text, catch_out=bool(options.out), catch_error=bool(options.err))
        kept = {options.out: done.out, options.err: done.error}
        self.shell.user_ns.update({name: said for name, said in kept.items() if name})
        if done.status and options.raise_error:
            raise CalledProcessError(done.status, text)

    def _start(self, options: Any, command: list[str], text: str) -> None:
        out, error = (programs.PIPE if name else None for name in (options.out, options.err))
        process = programs.start(command, text, stdout=out, stderr=error)
        kept = {options.out: process.stdout, options.err: process.stderr, options.proc: process}
        self.shell.user_ns.update({name: thing for name, thing in kept.items() if name})
        self.bg_processes.append(process)


@magics_class
class Inside(Magics):
    """Those that are of use outside only."""

    @line_magic
    def connect_info(self, _line: str) -> None:
        """Say that there is nothing to connect to."""
        _say("connect_info", "nothing outside can connect to what runs in a sandbox.")

    @line_magic
    def qtconsole(self, line: str) -> None:
        """Say that there is nothing to connect to."""
        self.connect_info(line)

    @line_magic
    def autosave(self, _line: str) -> None:
        """Say whose that is."""
        _say("autosave", "when the notebook is saved is its own affair, which code in a sandbox does not see.")

    @line_magic
    def store(self, _line: str) -> None:
        """Say what is kept."""
        _say("store", "nothing in a sandbox outlives it; -o passes a variable out, and --save files.")

    @line_magic
    def edit(self, _line: str) -> None:
        """Say that there is nobody to edit."""
        _say("edit", "no editor runs in a sandbox.")

    @line_magic("sandbox")
    def sandbox_line(self, _line: str) -> None:
        """Refuse."""
        raise UsageError("%sandbox: the code is in a sandbox already; this belongs outside.")

    @cell_magic("sandbox")
    def sandbox_cell(self, _line: str, _cell: str) -> None:
        """Refuse: the line may ask for limits, or another language, that nobody here can give."""
        raise UsageError("%%sandbox: the code is in a sandbox already; leave this line out.")
