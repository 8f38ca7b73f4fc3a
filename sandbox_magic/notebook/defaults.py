"""The configured defaults of the options: ``%config SandboxMagics.NAME = VALUE``, or a configuration file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from traitlets import TraitError, TraitType

from sandbox_magic.model import options as _options
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.notebook.namespace import variable

if TYPE_CHECKING:
    from traitlets import HasTraits

# What an option reads as while nothing is configured, where the table's word for it would be a value of its own.
_NOTHING: dict[str, object] = {"stdin": "", "args": "", "languages": {}}


class OptionDefault(TraitType[Any, Any]):
    """A default for one option. As long as none is configured it reads as the table's own.

    Args:
        option: The option.
    """

    allow_none = True
    default_value = None

    def __init__(self, option: _options.Option) -> None:
        super().__init__(help=f"{option.help} (default: {option.default})")
        self.option = option
        self.untouched: object = _NOTHING.get(option.keyword, option.default if option.parse else False)
        self.tag(config=True)

    def validate(self, _owner: object, value: object) -> object:
        """Refuse a value that the option would refuse; keep it as it was given."""
        if type(value) is type(self.untouched) and value == self.untouched:
            return None  # not the same as the value for `language`: its default is to look at the cell
        try:
            parsed = _options.read({self.option.keyword: value}, [self.option.scope])
            _options.to_policy(parsed)
            if self.option.keyword == "result":
                variable(value)
        except PolicyError as error:
            raise TraitError(str(error)) from error
        return value if self.option.parse else parsed[self.option.keyword]

    def get(self, obj: HasTraits, cls: type[Any] | None = None) -> Any:
        """Return what is configured, else the table's own default."""
        value = super().get(obj, cls)
        return self.untouched if value is None else value

    def configured(self, obj: HasTraits) -> Any:
        """Return what is configured; None if nothing is."""
        return super().get(obj)

    def default_value_repr(self) -> str:
        """Return the table's own default, for a help text."""
        return repr(self.untouched)


def traits() -> dict[str, OptionDefault]:
    """Return a trait for each option, whose class says what its value is: ``Size``, ``CutOrStop``."""
    return {option.keyword: _kind(option)(option) for option in _options.OPTIONS}


def _kind(option: _options.Option) -> type[OptionDefault]:
    """Return a class that bears the name of the option's value, which ``%config SandboxMagics`` shows as its type."""
    words = re.sub(r"\[.*\]", "", option.metavar) if option.parse else "on|off"
    return type(words.title().replace("|", "Or"), (OptionDefault,), {})
