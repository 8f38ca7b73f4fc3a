"""``%load_ext sandbox_magic`` and ``%unload_ext``: the magics registered, and what they replaced restored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traitlets import TraitError

from sandbox_magic.notebook import completion
from sandbox_magic.notebook.magic import SandboxMagics, warn
from sandbox_magic.safe_import import importing, shadow_warning

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load(shell: InteractiveShell) -> None:
    """Register the magics; say so if another package's ``%%sandbox`` is replaced."""
    magics = _configured(shell)
    replaced = {kind: shell.magics_manager.magics[kind].get("sandbox") for kind in ("line", "cell")}
    magics.replaced = replaced
    shell.register_magics(magics)
    completion.register(shell, lambda: magics.languages_of_the_user, lambda: magics.sessions)
    other = replaced["cell"]
    owner = getattr(other, "__self__", None)
    module = getattr(other, "__module__", "") if owner is None else type(owner).__module__
    if module and not module.startswith("sandbox_magic."):
        warn(
            f"%%sandbox was {module}'s until now, which does something else; from here on it is sandbox_magic's. "
            "%unload_ext sandbox_magic restores the other."
        )
    if warning := shadow_warning():  # it would have run, had we not been imported before
        warn(warning)
    magics.park()


def _configured(shell: InteractiveShell) -> SandboxMagics:
    """Make the magics with what the user has configured; a value that makes no sense is left out, and said."""
    while True:
        try:
            return SandboxMagics(shell)
        except TraitError as error:
            shell.configurables[:] = [item for item in shell.configurables if not isinstance(item, SandboxMagics)]
            bad = next(
                (
                    name
                    for name in shell.config.SandboxMagics
                    if f"option {name}" in str(error) or f"'{name}' trait" in str(error)
                ),
                None,
            )
            for name in [bad] if bad else list(shell.config.SandboxMagics):
                del shell.config.SandboxMagics[name]
            warn(f"a configured default is ignored: {error}")


def unload(shell: InteractiveShell) -> None:
    """Remove the magics, and restore what they replaced."""
    completion.unregister(shell)
    with importing():
        from sandbox_magic.jail import pool
    pool.spares.drop()
    for magics in shell.configurables:
        if isinstance(magics, SandboxMagics):
            magics.sessions.close()
    for kind, table in shell.magics_manager.magics.items():
        owner = getattr(table.get("sandbox"), "__self__", None)
        if isinstance(owner, SandboxMagics):
            del table["sandbox"]
            if (before := owner.replaced.get(kind)) is not None:
                table["sandbox"] = before
    shell.configurables[:] = [item for item in shell.configurables if not isinstance(item, SandboxMagics)]
