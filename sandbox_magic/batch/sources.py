"""What a batch is given, as tasks: sources of several forms, each with its options and with every case."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sandbox_magic.batch.checker import names_wanted
from sandbox_magic.batch.graded import Graded
from sandbox_magic.batch.task import Task
from sandbox_magic.execution import source as _source
from sandbox_magic.execution import variables
from sandbox_magic.execution.api import language_of
from sandbox_magic.model import options as _options
from sandbox_magic.model.errors import PolicyError

if TYPE_CHECKING:
    from sandbox_magic.batch.checker import Checker
    from sandbox_magic.model.policy import Policy

Code = str | bytes | os.PathLike[str]
Source = Code | tuple[str, Code] | tuple[str, Code, Mapping[str, Any]]
"""A submission: code or a path, with a name, with options of its own."""

SCOPES: tuple[_options.Scope, ...] = ("limits", "policy", "run")
"""Of the options that each may have."""


def as_cases(
    inputs: Mapping[str, object] | Iterable[Mapping[str, object]] | None, stdin: object
) -> list[dict[str, Any]]:
    """Return the options of each case; what is given once is the same in each.

    Args:
        inputs: As for `run_many`.
        stdin: Likewise.

    Raises:
        PolicyError: There is no such case, or not as many of one as of the other.
    """
    given: list[Mapping[str, object]] = (
        [inputs or {}] if inputs is None or isinstance(inputs, Mapping) else list(inputs) or [{}]
    )
    several = not isinstance(stdin, (str, bytes))
    texts: list[Any] = list(stdin) or [b""] if isinstance(stdin, Iterable) and several else [stdin]
    for case in given:
        if not isinstance(case, Mapping):
            raise PolicyError(f"a case of inputs is a {type(case).__name__}", remedy='a dict: inputs=[{"x": 1}]')
        variables.packed(case)
    for text in texts:
        if not isinstance(text, (str, bytes)):
            raise PolicyError(f"a case of stdin is a {type(text).__name__}", remedy='a text: stdin=["1\\n", "2\\n"]')
    if len(given) != len(texts) and min(len(given), len(texts)) != 1:
        what = f"inputs has {len(given)} cases, and stdin {len(texts)}"
        raise PolicyError(what, remedy="as many of each, or one that is for all")
    most = max(len(given), len(texts))
    pairs = zip(given * (most // len(given)), texts * (most // len(texts)), strict=True)
    return [({"inputs": case} if case else {}) | ({"stdin": text} if text else {}) for case, text in pairs]


class Tasks:
    """Makes tasks of sources.

    Args:
        policy: As for `run_many`.
        options: Likewise.
        cases: The options of each case.
        checker: What judges them.
    """

    def __init__(
        self,
        policy: Policy | None,
        options: Mapping[str, Any],
        cases: list[dict[str, Any]],
        checker: Checker | None,
    ) -> None:
        self._policy = policy
        self._options = options
        self._cases = cases
        self._checker = checker
        self._wanted = () if checker is None else names_wanted(checker.source)

    def of(self, items: Iterable[Any]) -> Iterator[Task | Graded]:
        """Yield them; a row in place of what can't be read."""
        for number, item in enumerate(items, 1):
            if isinstance(item, Graded):
                yield item
                continue
            name, code, own = _divided(item, number)
            try:
                yield from self._of_one(name, _source.read(code), own)
            except PolicyError as error:
                yield Graded(name=name, why=str(error))

    def _of_one(self, name: str, source: _source.Source, own: Mapping[str, Any]) -> Iterator[Task]:
        options = {**self._options, **own}
        files = options.pop("files", None)
        if self._wanted and not {"outputs", "output"} & options.keys() and not self._has_no_variables(source, options):
            options["outputs"] = self._wanted
        for number, case in enumerate(self._cases, 1):
            yield Task(
                name=name,
                case=number if len(self._cases) > 1 else None,
                source=source,
                policy=self._policy,
                options={**options, **case},
                files=files,
                checker=self._checker,
            )

    def _has_no_variables(self, source: _source.Source, options: Mapping[str, Any]) -> bool:
        """Return whether it is another one than Python, which has no variables to bring out."""
        values: dict[str, Any] = _options.read(options, SCOPES)
        return bool(language_of(source, values.get("language"), values.get("languages", ())).commands)


def _divided(item: Source, number: int) -> tuple[str, Code, Mapping[str, Any]]:
    if isinstance(item, tuple):
        match item:
            case (str(name), code):
                return name, code, {}
            case (str(name), code, own):
                return name, code, own
        raise PolicyError(
            f"source {number} is a tuple of {len(item)}", remedy="(name, source) or (name, source, options)"
        )
    return os.path.basename(os.fspath(item)) if isinstance(item, os.PathLike) else str(number), item, {}
