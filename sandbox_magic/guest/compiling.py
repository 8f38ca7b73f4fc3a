"""Compiles a cell, so that the value of its last expression is kept."""

from __future__ import annotations

import _ast

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from types import CodeType

VALUE = "_sandbox_last_value"
_AWAIT = 0x2000  # PyCF_ALLOW_TOP_LEVEL_AWAIT
_IS_COROUTINE = 0x80  # CO_COROUTINE
_TREE = 0x400  # PyCF_ONLY_AST: compile() then gives the nodes of the C module _ast
_MOST_PARSED = 2**20  # bytes of source; the tree of a longer one is too large to be worth it


def of_cell(text: str | bytes, file: str, *, value: bool) -> CodeType:
    """Compile a cell, which may await at its top level; only one that plain Python refuses is compiled so."""
    try:
        return compiled(text, file, value=value)
    except SyntaxError as error:
        plain = error.with_traceback(None)
    try:
        return compiled(text, file, value=value, flags=_AWAIT)
    except SyntaxError:
        raise plain from None


def awaits(code: CodeType) -> bool:
    """Return whether code is a coroutine, as the code of a cell is that awaits."""
    return bool(code.co_flags & _IS_COROUTINE)


def compiled(text: str | bytes, file: str, *, value: bool, flags: int = 0) -> CodeType:
    """Compile a cell; with ``value`` its last expression becomes an assignment to a reserved name.

    One compilation, of one tree: so ``from __future__`` holds for all of it, and the lines stay.

    Args:
        text: The cell.
        file: The name that tracebacks have for it.
        value: Whether its last value is kept.
        flags: As `compile` takes them.
    """
    source: str | bytes | _ast.Module = text
    if value and len(text) <= _MOST_PARSED:
        try:
            tree = compile(text, file, "exec", _TREE | flags, dont_inherit=True)
            if _keep_last(tree, text if isinstance(text, bytes) else text.encode()):
                source = tree
        except Exception:  # noqa: BLE001, S110 - what is wrong with it is said below, for the text itself
            pass
    code: CodeType = compile(source, file, "exec", flags, dont_inherit=True)
    return code


def _keep_last(tree: _ast.Module, text: bytes) -> bool:
    """Change the tree so that the last value is kept; return whether there is one without a ``;`` behind it."""
    last = tree.body[-1] if tree.body else None
    if type(last) is not _ast.Expr:
        return False
    lines = (text[3:] if text.startswith(b"\xef\xbb\xbf") else text).splitlines()
    line, column = last.end_lineno or 0, last.end_col_offset or 0
    rest = b"\n".join([lines[line - 1][column:], *lines[line:]])
    if rest.lstrip(b" \t\f\\\n)").startswith(b";"):
        return False
    places = {name: getattr(last, name) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset")}
    name = _ast.Name(id=VALUE, ctx=_ast.Store(), **places)
    tree.body[-1] = _ast.Assign(targets=[name], value=last.value, type_comment=None, **places)
    return True
