"""The frequency category that TimesFM 2.0 was trained with."""

from functools import lru_cache

import pandas as pd
from pandas.tseries.frequencies import to_offset

HIGH, MEDIUM, LOW = 0, 1, 2

_WEEK = pd.Timedelta(days=7)
# Longer than two months (62 days), shorter than a quarter (90 days).
_BETWEEN_MONTHS_AND_QUARTERS = pd.Timedelta(days=80)
_ANY_DAY = pd.Timestamp("2024-01-01")


@lru_cache(maxsize=256)
def frequency_category(alias: str) -> int:
    """Return the category of a pandas alias by the length of its step.

    0 for anything shorter than a week, 1 for weeks and months, 2 for quarters and years.
    """
    offset = to_offset(alias)
    # The first step only reaches the offset's anchor, such as the end of a quarter.
    anchor = _ANY_DAY + offset
    step = (anchor + offset) - anchor
    if step < _WEEK:
        return HIGH
    return MEDIUM if step < _BETWEEN_MONTHS_AND_QUARTERS else LOW
