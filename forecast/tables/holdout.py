"""Holding back the end of each series, for a forecast to be compared with."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.tables.sheet import Sheet, find_spans


def hold_out(sheet: Sheet, steps: int, read: Sheet) -> Sheet:
    """Return the rows with so many of the last known targets of each series emptied; all else stays.

    `read` is the sheet before its gaps were filled. A gap before the cut that was filled on the way to a
    value behind it keeps the last value before it: what is held back must not be told.
    """
    if steps == 0 or sheet.meaning.target is None:
        return sheet
    target = sheet.meaning.target
    values = sheet.columns[target].copy()
    known, observed = sheet.known, _observed(sheet, read)
    for span in find_spans(sheet):
        places = span.start + np.flatnonzero(known[span.start : span.stop])
        kept, held = places[:-steps], places[-steps:]
        values[held] = np.nan
        certain = kept[observed[kept]]
        if len(certain):
            values[kept[kept > certain[-1]]] = values[certain[-1]]
    return sheet.set(target, values)


def _observed(sheet: Sheet, read: Sheet) -> NDArray[np.bool_]:
    """Return where a sheet has targets that were read, and not made."""
    places = pd.MultiIndex.from_arrays([read.ids, read.ticks])[read.known]
    return np.asarray(pd.MultiIndex.from_arrays([sheet.ids, sheet.ticks]).isin(places))
