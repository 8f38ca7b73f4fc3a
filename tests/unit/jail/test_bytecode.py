"""The guest's bytecode is made when it is missing or of another text, and never in the way."""

import importlib.util
import os

from sandbox_magic.jail import bytecode


def prepare(directory):
    bytecode.prepare.cache_clear()
    bytecode.prepare(str(directory))


def test_bytecode_is_made_once_and_again_for_another_text(tmp_path):
    module = tmp_path / "module.py"
    module.write_text("x = 1\n")
    prepare(tmp_path)
    made = importlib.util.cache_from_source(str(module))
    before = os.stat(made).st_mtime_ns
    prepare(tmp_path)
    assert os.stat(made).st_mtime_ns == before
    module.write_text("x = 1  # longer\n")
    prepare(tmp_path)
    assert os.stat(made).st_mtime_ns > before


def test_what_can_not_be_compiled_or_listed_is_left_alone(tmp_path):
    (tmp_path / "module.py").write_text("x = \n")
    (tmp_path / "__pycache__").write_text("in the way")
    prepare(tmp_path)
    prepare(tmp_path / "nowhere")
