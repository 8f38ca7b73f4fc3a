"""Prints how long a first run takes in each language, with its compiler, at the default limits, and what it takes."""

from __future__ import annotations

import platform

from cells import CELLS

import sandbox_magic as sm


def main() -> None:
    print(f"Debian {platform.freedesktop_os_release()['VERSION_ID']}, cold runs with the default limits:")
    for language, cell in CELLS.items():
        version = next(iter(sm.run(cell.version, language="sh").stdout.splitlines()), "?")
        result = sm.run(cell.tour, language=language, stdin="données ✓\n", timeout=150)
        used = result.usage
        cpu = f"{used.cpu_seconds:6.2f} s" if used.cpu_seconds is not None else "   ?    "
        peak = f"{used.peak_memory_bytes / 2**20:4.0f} MiB" if used.peak_memory_bytes else "   ?"
        print(f"  {language:7} {used.wall_seconds:6.2f} s, CPU {cpu}, {peak}  {version[:60]}", flush=True)


if __name__ == "__main__":
    main()
