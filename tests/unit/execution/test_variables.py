"""Variables on their way into a run: what can't be passed is named, with what to do in its place."""

import os
import os.path
from dataclasses import make_dataclass

import pytest

from sandbox_magic.execution.variables import packed
from sandbox_magic.model.errors import PolicyError


def function():
    return 1


@pytest.mark.parametrize(
    ("name", "value", "what", "remedy"),
    [
        ("f", function, "input f: a function can't be passed in", "put its `def` into the sandbox cell"),
        ("C", PolicyError, "input C: a class can't be passed in", "put its `class` into the sandbox cell"),
        ("os", os, "input os: a module can't be passed in", "write `import os` in the sandbox cell"),
        ("p", os.path, "input p: a module can't be passed in", "write `import posixpath as p` in the sandbox cell"),
        ("x", {"a": [function]}, "input x['a'][0] is a function, which can't be passed in", "what it returns"),
        ("o", make_dataclass("Row", [("a", int)])(1), "input o is an object of class Row, which can't be passed in",
         "dataclasses.asdict(x)"),
    ],
)  # fmt: skip
def test_what_can_not_be_passed_in_is_told_with_what_to_write(name, value, what, remedy):
    assert packed({"n": 1})
    with pytest.raises(PolicyError) as caught:
        packed({"n": 1, name: value})
    assert (caught.value.what, caught.value.remedy) == (what, remedy)
