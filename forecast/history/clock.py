"""The clock that a forecast reads history by."""

from dataclasses import replace

import numpy as np
import pandas as pd

from forecast.core.errors import DataError, SapheneiaError
from forecast.core.series.zone import read_stamps
from forecast.history.columns import ITEM, STAMP
from forecast.history.history import History


def read_by_clock(history: History, timezone: str | None) -> tuple[History, dict[str, SapheneiaError]]:
    """Return history with moments of a zone, where one is named, and the errors of items that are left out.

    Those have a time that the clock of the zone skips, or repeats so that nobody can tell which is meant.
    """
    if timezone is None or history.frame.empty:
        return history, {}
    try:
        return _place(history, timezone), {}
    except DataError:
        failed = _find_failing(history, timezone)
    sound = ~history.frame[ITEM].isin(list(failed)).to_numpy()
    rest = replace(history, frame=history.frame[sound].reset_index(drop=True))
    return (_place(rest, timezone) if sound.any() else rest), failed


def _place(history: History, timezone: str) -> History:
    frame = history.frame
    codes = frame[ITEM].cat.codes.to_numpy()
    groups = np.split(np.arange(len(frame)), np.flatnonzero(np.diff(codes)) + 1)
    return replace(history, frame=frame.assign(**{STAMP: read_stamps(frame[STAMP], groups, timezone)}))


def _find_failing(history: History, timezone: str) -> dict[str, SapheneiaError]:
    failed: dict[str, SapheneiaError] = {}
    for item, rows in history.frame.groupby(ITEM, observed=True, sort=False):
        stamps: pd.Series = rows[STAMP].reset_index(drop=True)
        try:
            read_stamps(stamps, [np.arange(len(stamps))], timezone)
        except DataError as error:
            failed[str(item)] = error
    return failed
