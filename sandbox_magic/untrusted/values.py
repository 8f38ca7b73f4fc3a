"""A variable that came out of a sandbox, put together again from bytes that anybody may have written.

Nothing is unpickled, evaluated or imported by a name that the bytes give. What they can cost is bounded: what is
claimed is compared with what is there before anything is made from it (see `sandbox_magic.guest.codec`, which both
sides use).
"""

from __future__ import annotations

import importlib
import warnings

from sandbox_magic.guest.codec import codec
from sandbox_magic.safe_import import importing
from sandbox_magic.untrusted.budget import Budget

DecodeError = codec.DecodeError


def decode(data: bytes, *, most: int, budget: Budget | None = None) -> object:
    """Return the value that the bytes encode.

    Args:
        data: What the guest sent.
        most: The most bytes that are decoded; the value's objects take a bounded multiple of it.
        budget: What it may take, together with other values; a budget of its own without one.

    Raises:
        DecodeError: They encode none, one that is too large, or one whose module is not here. The only
            error that this raises; its words are fixed, without a word from the guest.
    """
    if len(data) > most:
        msg = f"it is larger than {most:,} bytes"
        raise DecodeError(msg)
    try:
        with importing(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of NumPy's and pandas' opinions on what the guest made up
            return codec.decode(data, importlib.import_module, budget or Budget())
    except DecodeError:
        raise
    except Exception as error:
        msg = "it is broken"
        raise DecodeError(msg) from error
