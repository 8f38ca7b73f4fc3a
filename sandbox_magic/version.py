"""Which version of the package this is."""

from __future__ import annotations

from sandbox_magic.safe_import import importing


def installed() -> str:
    """Return the version as it was installed; ``0+unknown`` where the package lies somewhere without being installed.

    A folder of a stranger's files can't say it, though it stands on ``sys.path``.
    """
    with importing():
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("sandbox-magic")
        except PackageNotFoundError:
            return "0+unknown"
