"""Which keys of a pandas index could have been made to be slow: both sides of the codec refuse those."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any

MOST_MIXED = 500  # keys whose order does not show that they differ: see `may_collide`


def may_collide(pd: Any, index: Any) -> bool:
    """Return whether the keys of an index could have been chosen to share a hash, which makes pandas slow.

    It takes no table for what is in order: that is known afterwards. The hash of text can't be foreseen.
    """
    if isinstance(index, pd.IntervalIndex):
        return may_collide(pd, index.left) or may_collide(pd, index.right)
    if isinstance(index, pd.CategoricalIndex):
        return may_collide(pd, index.categories)
    if isinstance(index, pd.RangeIndex) or len(index) <= MOST_MIXED or pd.api.types.infer_dtype(index) == "string":
        return False
    np = sys.modules["numpy"]
    moments = isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex))
    if not moments and not (isinstance(index.dtype, np.dtype) and index.dtype.kind in "iuf"):
        return True
    values = index.asi8 if moments else index.to_numpy()
    return not (bool((values[1:] > values[:-1]).all()) and index.is_monotonic_increasing)
