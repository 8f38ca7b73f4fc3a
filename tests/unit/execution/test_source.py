"""Code from a file: as it is, or refused in words; of Windows where another language than Python does not know it."""

import json

import pytest

from sandbox_magic.execution import source
from sandbox_magic.execution.source import Source
from sandbox_magic.model.errors import PolicyError


@pytest.mark.parametrize(
    ("saved", "text"),
    [
        (b"echo a\r\necho b\r\n", b"echo a\necho b\n"),
        (b"\xef\xbb\xbf#!/bin/sh\r\necho a", b"#!/bin/sh\necho a"),
        (b"printf 'a\r\n'\necho b\n", b"printf 'a\r\n'\necho b\n"),
        (b"echo a\recho b", b"echo a\recho b"),
        (b"", b""),
    ],
)
def test_only_what_was_saved_on_windows_is_changed(saved, text):
    """A carriage return among lines that have none is meant."""
    assert source.with_line_feeds(Source(text=saved, path="/a")) == Source(text=text, path="/a")


def test_a_file_is_read_as_it_is(tmp_path):
    (tmp_path / "a.py").write_bytes(b"\xef\xbb\xbfprint(1)\r\n")
    assert source.read(tmp_path / "a.py") == Source(text=b"\xef\xbb\xbfprint(1)\r\n", path=str(tmp_path / "a.py"))


NOTEBOOK = json.dumps({"cells": [], "nbformat": 4}).encode()


@pytest.mark.parametrize("text", [NOTEBOOK, b" \n" + NOTEBOOK, "print(1)".encode("utf-16"), b"\xfe\xff\0p"])
def test_what_is_no_script_is_refused(tmp_path, text):
    (tmp_path / "a").write_bytes(text)
    with pytest.raises(PolicyError, match=r"is a notebook|UTF-16"):
        source.read(tmp_path / "a")


@pytest.mark.parametrize(
    "text", [b"", b"{}", b'{"nbformat" "cells"}', b'{"cells": 1}', b'print({"nbformat": "cells"})']
)
def test_what_may_be_a_script_is_not(tmp_path, text):
    (tmp_path / "a").write_bytes(text)
    assert source.read(tmp_path / "a").text == text
