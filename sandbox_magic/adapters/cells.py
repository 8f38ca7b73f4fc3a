"""Cells that have a command run in a session, and read or write a file there."""

from __future__ import annotations

EXEC = """
import os, signal, subprocess
late, denied, out, err = False, False, b"", b""
pipe = subprocess.PIPE
try:
    process = subprocess.Popen(
        cmd, stdin=pipe, stdout=pipe, stderr=pipe, cwd=cwd, env={**os.environ, **env}, start_new_session=True
    )
    try:
        out, err = process.communicate(given, timeout)
    except subprocess.TimeoutExpired:
        late = True
        os.killpg(process.pid, signal.SIGKILL)
    status = process.wait()
    status = 128 - status if status < 0 else status  # as a shell has it
except OSError as error:
    denied, err, status = isinstance(error, PermissionError), f"{cmd[0]}: {error.strerror}".encode(), 127
out, err = out[-most:], err[-most:]
"""
"""``cmd``, ``cwd``, ``env``, ``given``, ``timeout``, ``most`` -> ``late``, ``denied``, ``status``, ``out``, ``err``."""

WRITE = """
import os
failed = 0
try:
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
except OSError as error:
    failed = error.errno
"""
"""``path``, ``data`` -> ``failed``, an error number."""

READ = """
import os
failed, data, size = 0, b"", 0
try:
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(most) if size <= most else b""
except OSError as error:
    failed = error.errno
"""
"""``path``, ``most`` -> ``failed``, ``size``, ``data``."""
