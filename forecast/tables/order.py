"""Bringing rows into order, and several rows of one date together."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.core.series.covariates import Values
from forecast.tables.problems import Problems, say, tell_date
from forecast.tables.sheet import Rows, Sheet

_FEW = 0.1


def order_rows(sheet: Sheet, problems: Problems) -> Sheet:
    """Return the rows by series, in order of first appearance, and date, one for each date of a series."""
    codes = pd.factorize(sheet.ids)[0]
    order = np.lexsort((sheet.ticks, codes))
    sheet, codes = sheet.take(order), codes[order]
    again = np.zeros(len(codes), dtype=bool)
    again[1:] = (np.diff(codes) == 0) & (np.diff(sheet.ticks) == 0)
    if not again.any():
        return sheet
    repair = problems.meet(
        "duplicates",
        _message(sheet, again),
        column=sheet.meaning.timestamp,
        rows=sheet.rows[again],
        repairs=_offers(sheet, again),
    )
    return _merge(sheet, again, repair or "first")


def _message(sheet: Sheet, again: NDArray[np.bool_]) -> str:
    at = int(np.flatnonzero(again)[0])
    one, other = sorted(int(row) for row in sheet.rows[at - 1 : at + 1])
    of_series = f" of series '{sheet.ids[at]}'" if sheet.meaning.id is not None else ""
    hint = (
        "give the column that tells them apart the role 'id'"
        if sheet.meaning.id is None
        else f"'{sheet.meaning.id}' alone does not tell them apart: join it with the other column that does"
    )
    return (
        f"Rows {one} and {other}{of_series} have the same date {tell_date(sheet.stamps[at])}"
        f" ({say(int(again.sum()), 'row')} too many in all). If they are of different series, {hint}."
    )


def _offers(sheet: Sheet, again: NDArray[np.bool_]) -> list[str]:
    """Return how rows can be made one: copies need no choice, many rows of a date are parts of a sum."""
    at = np.flatnonzero(again)
    same = all(_equal(values[at], values[at - 1]) for values in sheet.columns.values())
    best = "first" if same else "last" if len(at) <= _FEW * len(again) else "sum"
    return [best, *(name for name in ("sum", "mean", "last", "first") if name != best)]


def _equal(one: Values, other: Values) -> bool:
    return bool(((one == other) | (pd.isna(one) & pd.isna(other))).all())


def _merge(sheet: Sheet, again: NDArray[np.bool_], repair: str) -> Sheet:
    firsts = np.flatnonzero(~again)
    if repair == "last":
        return sheet.take(np.append(firsts[1:], len(again)) - 1)
    merged = sheet.take(firsts)
    if repair == "first":
        return merged
    runs = np.cumsum(~again) - 1
    for name, values in sheet.columns.items():
        total = repair == "sum" and name == sheet.meaning.target
        role = sheet.meaning.covariates.get(name)
        if name == sheet.meaning.target or role == "dynamic_numerical":
            merged = merged.set(name, _summarize(values, runs, total=total))
    return merged


def _summarize(values: Values, runs: Rows, *, total: bool) -> Values:
    filled = ~pd.isna(values)
    count = np.bincount(runs, filled)
    sums = np.bincount(runs, np.where(filled, values, 0.0))
    found = np.full(len(count), np.nan)
    found[count > 0] = sums[count > 0] / (1 if total else count[count > 0])
    return found
