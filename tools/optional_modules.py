"""List the modules that installed packages try to import and do without: for `untrusted.workspace.shadowing`.

    .venv/bin/python tools/optional_modules.py SITE_PACKAGES... > sandbox_magic/untrusted/workspace/optional_modules.txt

It reads sources and imports nothing. A module counts if it is imported within a ``try`` that catches its absence, or
asked for by its name as text (``import_optional_dependency("numexpr")``), by another package than itself. The committed
list is of the development environment and of a directory into which `pip install --no-deps --target DIRECTORY` had laid
requests urllib3 aiohttp flask werkzeug sqlalchemy tqdm seaborn networkx xarray statsmodels plotly scikit-image pydantic
h5py dask fsspec numba altair bokeh tornado django fastapi uvicorn click rich lxml openpyxl simplejson nltk.
"""

from __future__ import annotations

import ast
import os
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BY_HAND = {"apport_python_hook", "gnureadline", "pyreadline", "pyreadline3"}  # tried by Debian, and by older IPythons
CAUGHT = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException", "AttributeError", "OSError"}
ASKS = {"import_optional_dependency", "import_module", "__import__", "find_spec", "import_or_none", "optional_package"}


def main(*directories: str) -> None:
    """Print the list."""
    found = set(BY_HAND)
    for directory in map(Path, directories):
        for path in directory.rglob("*.py"):
            parts = path.relative_to(directory).parts
            if not {"tests", "test"}.intersection(parts):
                found |= set(_tried(path)) - {parts[0].removesuffix(".py")}
    found -= sys.stdlib_module_names | {"__main__"}
    names = sorted(filter(str.isidentifier, found), key=lambda name: (name.casefold(), name))
    print(f"# Modules that common packages try to import and do without; made by tools/{os.path.basename(__file__)}.")
    print(textwrap.fill(" ".join(names), width=120, break_long_words=False))


def _tried(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # a template, or Python 2
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and any(map(_catches, node.handlers)):
            for statement in node.body:
                for each in ast.walk(statement):
                    yield from _imported(each)
        elif isinstance(node, ast.Call):
            yield from _asked(node)


def _catches(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or getattr(kind, "id", getattr(kind, "attr", "")) in CAUGHT for kind in kinds)


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (name.name.partition(".")[0] for name in node.names)
    elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        yield node.module.partition(".")[0]


def _asked(call: ast.Call) -> Iterator[str]:
    asks = getattr(call.func, "attr", getattr(call.func, "id", "")) in ASKS
    if asks and call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str):
        yield call.args[0].value.partition(".")[0]


if __name__ == "__main__":
    main(*sys.argv[1:])
