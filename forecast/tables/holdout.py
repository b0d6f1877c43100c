"""Holding back the end of each series, for a forecast to be compared with."""

import numpy as np

from forecast.tables.sheet import Sheet, find_spans


def hold_out(sheet: Sheet, steps: int) -> Sheet:
    """Return the rows with so many of the last known targets of each series emptied; all else stays."""
    if steps == 0 or sheet.meaning.target is None:
        return sheet
    target = sheet.meaning.target
    values = sheet.columns[target].copy()
    known = sheet.known
    for span in find_spans(sheet):
        places = span.start + np.flatnonzero(known[span.start : span.stop])
        values[places[-steps:]] = np.nan
    return sheet.set(target, values)
