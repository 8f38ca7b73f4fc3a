"""The kernel's policy: from configuration files, the environment and the kernelspec; never looser from a notebook."""

from __future__ import annotations

import argparse
import os
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, NoReturn

from traitlets.config import Configurable

from sandbox_magic.model import options as _options
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.option_values import split_words
from sandbox_magic.model.policy import Limits, Policy
from sandbox_magic.notebook.defaults import OptionDefault, traits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

VARIABLE = "SANDBOX_MAGIC_KERNEL_OPTIONS"
PER_CELL = ("wall_seconds", "cpu_seconds", "output_bytes", "on_output_limit")
"""The limits that hold for each cell; the others hold for the session as a whole."""

_SCOPES: tuple[_options.Scope, ...] = ("limits", "policy")
_KEYWORDS = [option.keyword for option in _options.OPTIONS if option.scope in _SCOPES and option.name != "save"]
_LIMIT_NAMES = _options.limit_names()


class SandboxKernel(Configurable):
    """The options of the kernel in a configuration file: ``c.SandboxKernel.memory = "1G"``."""

    vars().update({keyword: trait for keyword, trait in traits().items() if keyword in _KEYWORDS})

    def configured(self) -> dict[str, object]:
        """Return what is configured, by keyword."""
        own = {key: trait.configured(self) for key, trait in self.traits().items() if isinstance(trait, OptionDefault)}
        return {key: value for key, value in own.items() if value is not None}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise PolicyError(message, remedy="sandbox-magic run -h lists the options")


def take_options(words: Sequence[str]) -> tuple[list[str], Callable[[], dict[str, Any]]]:
    """Return the words of a command line that are none of ours, and a function that reads ours.

    It raises `PolicyError` only when it is called: a kernel that did not start could tell nobody why.
    """
    try:
        given, rest = _parsed(words)
    except PolicyError as error:
        wrong = error

        def refuse() -> NoReturn:
            raise wrong

        return _connection(words), refuse
    return rest, lambda: _options.read(given, _SCOPES)


def _parsed(words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    parser = _Parser(prog="sandbox_magic.kernel", add_help=False, allow_abbrev=False)
    _options.add_to(parser, scopes=_SCOPES)
    given, rest = parser.parse_known_args(list(words))
    return vars(given), rest


def _connection(words: Sequence[str]) -> list[str]:
    """Return only the connection file, of a command line that makes no sense otherwise."""
    found = [place for place, word in enumerate(words) if word == "-f"]
    return list(words[found[0] : found[0] + 2]) if found else []


def read_policy(configured: Mapping[str, object], given: Mapping[str, object]) -> Policy:
    """Return the policy of the kernel's session.

    What the kernelspec's command line says goes before the environment, and that before the configuration file.

    Args:
        configured: Of the configuration file, by keyword.
        given: Of the command line, parsed.

    Raises:
        PolicyError: An option makes no sense, here or at all.
    """
    values = {**_options.read(configured, _SCOPES), **_of_environment(), **given}
    if "save" in values:
        raise PolicyError("option save: a notebook has no end at which files would be saved", remedy="--workspace")
    if "workspace" not in values:
        values["workspace"] = usual_workspace()
    return _options.to_policy(values)


def _of_environment() -> dict[str, object]:
    text = os.environ.get(VARIABLE, "")
    given, rest = _parsed(split_words(text, f"{VARIABLE} can't be read: {text}"))
    if rest:
        names = [f"--{_options.BY_KEYWORD[keyword].name}" for keyword in _KEYWORDS]
        raise _options.unknown(rest, names, f"options in {VARIABLE}: --memory 1G --timeout 60")
    return _options.read(given, _SCOPES)


def usual_workspace() -> str:
    """Return the notebook's folder, to be worked in copy-on-write; empty where that would show a whole home."""
    try:
        folder = os.path.realpath(os.getcwd())
    except OSError:  # it was deleted
        return ""
    homes = {os.path.realpath(os.path.expanduser("~")), "/root", "/home", "/tmp", "/var/tmp"}  # noqa: S108 - everybody's
    above = any(os.path.commonpath((folder, home)) == folder for home in homes)
    return "" if above or not os.access(folder, os.R_OK | os.X_OK) else folder


def tightened(policy: Policy, words: Sequence[str]) -> Policy:
    """Return the policy with tighter limits, as a notebook may ask for them.

    Args:
        policy: The policy so far.
        words: ``--timeout 5 --memory 256M``.

    Raises:
        PolicyError: A limit would be looser than it is, or it is no limit.
    """
    given, rest = _parsed(words)
    if rest:
        names = [f"--{name}" for name in _LIMIT_NAMES.values()]
        raise _options.unknown(rest, names, "%sandbox limits --timeout 5 --memory 256M")
    asked = _options.to_policy(_options.read(given, ("limits",)), policy).limits
    for field in fields(Limits):
        before, after = getattr(policy.limits, field.name), getattr(asked, field.name)
        if after != before and not _is_tighter(before, after):
            name = _LIMIT_NAMES[field.name]
            msg = f"{name} can be tightened by a notebook, not loosened"
            raise PolicyError(msg, remedy=f"--{name} in {VARIABLE}, or c.SandboxKernel in a configuration file")
    return replace(policy, limits=asked)


def _is_tighter(before: object, after: object) -> bool:
    if isinstance(after, str):
        return after == "stop"
    return isinstance(after, (int, float)) and (before is None or (isinstance(before, (int, float)) and after < before))
