"""What Tab offers on the line of ``%%sandbox`` and ``%sandbox``."""

from __future__ import annotations

import os
import re
import shlex
from itertools import islice
from typing import TYPE_CHECKING

from IPython.core.completer import SimpleCompletion, context_matcher

from sandbox_magic.model import languages as _languages
from sandbox_magic.model import options as _options
from sandbox_magic.notebook import namespace
from sandbox_magic.safe_import import importing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from IPython.core.completer import CompletionContext, SimpleMatcherResult
    from IPython.core.interactiveshell import InteractiveShell

_IDENTIFIER = "sandbox_magic.options"
_MOST_FILES = 1000  # of a directory that are looked at
_BY_WORD = {word: option for option in _options.OPTIONS for word in (*option.flags, f"--{option.name}")}
_OF_SESSION = ("stop", "restart", "undo", "changes", "attempts")
_WORDS = ("run", "doctor", "sessions", *_OF_SESSION)
_NO_VALUE = ("-h", "--help")
_LINE = re.compile(r"\s*(?P<magic>%%?)sandbox\s+(?P<words>.*)")
_NAME = r"[^\W\d]\w*"
_ASSIGNMENT = re.compile(rf"^({_NAME}(?:[ \t]*,[ \t]*{_NAME})*)[ \t]*(?::[^=\n]*)?=(?!=)", re.MULTILINE)
_MOST_CHARACTERS = 100_000  # of a cell
_QUOTED = re.compile(r"""[\s'"\\]""")


def register(
    shell: InteractiveShell,
    languages: Callable[[], Iterable[_languages.Language]],
    sessions: Callable[[], Iterable[str]] = lambda: (),
) -> None:
    """Let IPython ask for what to offer on a line of ours, before it asks its own completers.

    Args:
        shell: Whose variables are offered.
        languages: Gives the user's own languages.
        sessions: Gives the names of the sessions.
    """
    unregister(shell)
    shell.Completer.custom_matchers.append(_Matcher(shell, languages, sessions).match)


def unregister(shell: InteractiveShell) -> None:
    """Let IPython ask no more."""
    matchers = shell.Completer.custom_matchers
    matchers[:] = [each for each in matchers if getattr(each, "matcher_identifier", "") != _IDENTIFIER]


class _Matcher:
    """Completes options and their values."""

    def __init__(
        self,
        shell: InteractiveShell,
        languages: Callable[[], Iterable[_languages.Language]],
        sessions: Callable[[], Iterable[str]],
    ) -> None:
        self._sessions = sessions
        self._shell = shell
        self._languages = languages

    @context_matcher(priority=100, identifier=_IDENTIFIER)  # type: ignore[untyped-decorator] # IPython's
    def match(self, context: CompletionContext) -> SimpleMatcherResult:
        """Return what may stand at the cursor, if that is on a line of ours."""
        line = _LINE.fullmatch(context.text_until_cursor)
        lines = context.full_text.split("\n")
        if line is None:
            return {"completions": []}
        if line["magic"] == "%":
            return self._after_line_magic(line["words"])
        if not all(_may_stand_above(above) for above in lines[: context.cursor_line]):
            return {"completions": []}  # it is in a cell's body
        return self._at_end(line["words"], "\n".join(lines[context.cursor_line + 1 :]))

    def _after_line_magic(self, text: str) -> SimpleMatcherResult:
        """Complete a word of ours, or the file and the options of ``%sandbox run``."""
        given, last = _divided(text)
        if given[:1] and given[0] in _OF_SESSION:
            return _result("instance", self._sessions(), last)
        if given[:1] != ["run"]:
            return _result("option", [*_WORDS, *_NO_VALUE], text)
        return self._at_end(text, "") if len(given) > 1 else _result("path", _paths(_plain(last)), last)

    def _at_end(self, text: str, cell: str) -> SimpleMatcherResult:
        """Complete the last word of the options so far."""
        given, last = _divided(text)
        name, equals, value = last.partition("=")
        option = _BY_WORD.get(name if equals else given[-1] if given else "")
        if equals and option:
            return self._value(option, value, cell)
        if option and option.parse:
            return self._value(option, last, cell)
        switch = ["on", "off"] if option and last else []
        return _result("option", [*switch, *_options_left(given, last)], last)

    def _value(self, option: _options.Option, typed: str, cell: str) -> SimpleMatcherResult:
        match option.keyword:
            case "inputs" | "outputs":
                *named, last = typed.split(",")
                known = [*(_assigned(cell) if option.keyword == "outputs" else ()), *namespace.own(self._shell)]
                return _result("instance", [name for name in dict.fromkeys(known) if name not in named], last)
            case "language":
                languages = _languages.known(self._languages())
                names = [language.name for language in languages]
                further = [alias for language in languages for alias in language.aliases] if typed else []
                return _result("value", [*names, *further], typed)
            case "bind" | "workspace":
                return _result("path", _paths(_plain(typed), files=option.keyword == "bind"), typed)
            case "session":
                return _result("instance", self._sessions(), typed)
            case "python":
                with importing():
                    from sandbox_magic.jail.view import installed_pythons
                known = ["kernel", "system", *installed_pythons.versions()]
                return _result("value", [*known, *(_paths(_plain(typed)) if "/" in typed else ())], typed)
        words = ["on", "off"] if option.parse is None else option.metavar.split("|") if "|" in option.metavar else []
        return _result("value", words or ([option.default] if option.scope == "limits" else []), typed)


def _result(kind: str, words: Iterable[str], typed: str) -> SimpleMatcherResult:
    """Offer those words that begin with what is typed, and nothing of IPython's own: no name of Python's is meant here.

    Where there is none, that takes an offer of what is typed already: who offers nothing is followed by the others.
    """
    fitting = [word for word in words if _plain(word).startswith(_plain(typed))]
    found = [SimpleCompletion(text=word, type=kind) for word in fitting or filter(None, [typed])]
    return {"completions": found, "matched_fragment": typed, "suppress": True, "ordered": True}


def _may_stand_above(line: str) -> bool:
    """Return whether this line makes what follows no cell's body of ours: it is empty, or such as ``%%time``."""
    return not line.strip() or (line.startswith("%%") and not _LINE.match(f"{line} "))


def _plain(word: str) -> str:
    return word.replace("'", "").replace('"', "")


def _divided(text: str) -> tuple[list[str], str]:
    """Return the words of a line but for the last, and the last as it is typed: nothing behind a space."""
    quote, start = "", 0
    for place, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign.isspace():
            start = place + 1
    return _plain(text[:start]).split(), text[start:]


def _options_left(given: list[str], typed: str) -> Iterator[str]:
    """Yield the options that may be given now; short forms only to who has begun with one dash."""
    used = {word.partition("=")[0] for word in given}
    for option in _options.OPTIONS:
        words = (f"--{option.name}", *(option.flags if typed else ()))
        if option.many or not used & {*option.flags, f"--{option.name}"}:
            yield from words
    if typed:
        yield from _NO_VALUE


def _assigned(cell: str) -> list[str]:
    """Return the names that a cell gives a value at the beginning of a line. It is not parsed, for it is untrusted."""
    return [name.strip() for names in _ASSIGNMENT.findall(cell[:_MOST_CHARACTERS]) for name in names.split(",")]


def _paths(typed: str, *, files: bool = True) -> list[str]:
    """Return the paths that begin with what is typed; a directory ends with a slash."""
    head, tail = os.path.split(typed)
    try:
        with os.scandir(os.path.expanduser(head) or ".") as entries:
            found = sorted(
                (entry.name, entry.is_dir())
                for entry in islice(entries, _MOST_FILES)
                if entry.name.startswith(tail) and entry.name.isprintable() and (tail or entry.name[0] != ".")
            )
    except (OSError, ValueError):
        return []
    paths = [os.path.join(head, name) + ("/" if directory else "") for name, directory in found if files or directory]
    return [shlex.quote(path) if _QUOTED.search(path) else path for path in paths]
