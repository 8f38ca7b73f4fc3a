"""What is public: `__all__`, and all that people are handed by it."""

import ast
import dataclasses
import importlib
import inspect
import subprocess
import sys
import textwrap
import typing
from pathlib import Path

import pytest

import sandbox_magic as sm

ROOT = Path(sm.__file__).parent
PUBLIC = [getattr(sm, name) for name in sm.__all__]
HANDED = {"__iter__", "__next__", "__enter__", "__getitem__"}  # the special methods that give something


def test_what_is_public_is_what_tab_shows():
    assert dir(sm) == sorted(sm.__all__)
    assert len(set(sm.__all__)) == len(sm.__all__)


def test_loading_the_extension_makes_nothing_else_public():
    code = """
from IPython.core.interactiveshell import InteractiveShell
import sandbox_magic as sm
InteractiveShell.instance().run_line_magic("load_ext", "sandbox_magic")
import sandbox_magic.cli.main
print(dir(sm) == sorted(sm.__all__))
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "True\n"


@pytest.mark.parametrize("name", sm.__all__)
def test_a_public_name_hides_no_module(name):
    """``import sandbox_magic.run`` would give the function where the module is meant."""
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(f"sandbox_magic.{name}")


def names_of(module):
    """Return all names of a module, those that it imports for type checkers alone too."""
    names = dict(vars(module))
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            exec(compile(ast.Module(node.body, []), f"<{module.__name__}>", "exec"), names)
    return names


def hints(thing):
    names = names_of(sys.modules[thing.__module__])
    return typing.get_type_hints(thing, names, names)


def members(kind):
    """Yield the types of what a class hands out: attributes, properties, and what its methods take and give."""
    yield from (hint for name, hint in hints(kind).items() if not name.startswith("_"))
    yield from set_by_init(kind)
    for name, value in inspect.getmembers_static(kind):
        own = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if (
            inspect.isfunction(own)
            and own.__module__.startswith("sandbox_magic")
            and (name[0] != "_" or name in HANDED)
        ):
            yield from hints(own).values()


def set_by_init(kind):
    """Yield the types of the attributes that a class's own constructor sets."""
    init = vars(kind).get("__init__")
    if not inspect.isfunction(init) or dataclasses.is_dataclass(kind):
        return
    given, names = hints(init), names_of(sys.modules[kind.__module__])
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(init)))):
        if not isinstance(node, (ast.Assign, ast.AnnAssign)):
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if isinstance(target, ast.Attribute) and not target.attr.startswith("_"):
            kinds = [eval(ast.unparse(node.annotation), names)] if isinstance(node, ast.AnnAssign) else []
            yield from kinds or [given[node.value.id] if isinstance(node.value, ast.Name) else object]


def parts(hint):
    """Yield the classes that a type is made of."""
    if isinstance(hint, type) and not typing.get_args(hint):
        yield hint
    for part in typing.get_args(hint):
        if not isinstance(part, (str, bytes, int)):
            yield from parts(part) if not isinstance(part, list) else (kind for each in part for kind in parts(each))


def handed():
    """Return each class of ours that somebody can be handed who begins with what is public."""
    left, found = list(PUBLIC), set()
    while left:
        thing = left.pop()
        if isinstance(thing, str) or (isinstance(thing, type) and thing in found):
            continue
        if isinstance(thing, type):
            found.add(thing)
            types = members(thing)
        else:
            types = hints(thing).values() if inspect.isfunction(thing) else [thing]
        left += [part for hint in types for part in parts(hint) if part.__module__.startswith("sandbox_magic")]
    return found


def test_whoever_is_handed_something_can_name_its_class():
    found = handed()
    assert {sm.Result, sm.Timeline, sm.Change, sm.Guard, sm.Comparison, sm.SandboxError} <= found, "it finds them"
    assert sorted(kind.__name__ for kind in found if kind not in PUBLIC) == []
