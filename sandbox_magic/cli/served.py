"""What the commands that run code for others share: the limits and the policy of their command line are the most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox_magic.cli import default_python
from sandbox_magic.model import options as _options
from sandbox_magic.model.errors import PolicyError

if TYPE_CHECKING:
    import argparse

    from sandbox_magic.model.policy import Policy

_SCOPES: tuple[_options.Scope, ...] = ("limits", "policy")
_NOT = ("save", "workspace")
OPTIONS = frozenset(
    f"--{option.name}" for option in _options.OPTIONS if option.scope in _SCOPES and option.keyword not in _NOT
)


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the options of limits and policy."""
    _options.add_to(parser, scopes=_SCOPES, hidden=_NOT)


def policy(given: argparse.Namespace) -> Policy:
    """Return what each run may see and use at most.

    Raises:
        PolicyError: An option makes no sense, or belongs to one run.
    """
    table = {key: value for key, value in vars(given).items() if key in _options.BY_KEYWORD}
    if unfit := [name for name in _NOT if name in table]:
        raise PolicyError(f"option {unfit[0]}: a request says what it saves", remedy="--bind PATH")
    return _options.to_policy({"python": default_python.find(), **_options.read(table, _SCOPES)})


def not_installed(error: ImportError, extra: str) -> PolicyError:
    """Return the error that names the extra with what is missing."""
    return PolicyError(f"{error.name} is not installed", remedy=f"pip install 'sandbox-magic[{extra}]'")
