"""Reading the columns of a table by their roles, telling every cell that is not what it should be."""

from collections.abc import Sequence
from typing import cast, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.core.errors import DataError
from forecast.core.parameters import Role
from forecast.core.series.columns import read_categories, sift_numbers
from forecast.core.series.covariates import Values
from forecast.core.series.dates import First, sift_dates
from forecast.core.series.definition import ONLY_SERIES
from forecast.tables.facts import Facts
from forecast.tables.numbers import find_grouped, find_spellings, read_spelled
from forecast.tables.problems import NOTHING_LEFT, Problems, quote, say
from forecast.tables.sheet import Meaning, Sheet

Mask = NDArray[np.bool_]


def read_sheet(
    frame: pd.DataFrame, columns: Sequence[Facts], meaning: Meaning, problems: Problems
) -> Sheet | None:
    """Return the rows that can be read, in the table's order; None where there are none."""
    stamps = _read_stamps(frame[meaning.timestamp], problems)
    if stamps is None:
        return None
    dated = np.asarray(stamps.notna(), dtype=bool)
    frame, stamps = frame[dated], stamps[dated]
    ids: NDArray[np.object_] = np.full(len(frame), ONLY_SERIES, dtype=object)
    if meaning.id is not None:
        ids = read_categories(frame[meaning.id])
        named = _named(meaning.id, frame.index, ids, problems)
        frame, stamps, ids = frame[named], stamps[named], ids[named]
    read, dropped = _read_columns(frame, columns, meaning, problems)
    kept = ~dropped
    if not kept.any():
        problems.meet("no_values", NOTHING_LEFT, count=0)
        return None
    frame = frame[kept]
    return Sheet(
        meaning,
        frame.index.to_numpy(dtype=np.int64) + 1,
        # Not read again: the rows that tell day from month may be among those left out.
        stamps[kept].as_unit("ns"),
        ids[kept],
        {name: values[kept] for name, values in read.items()},
    )


def _read_stamps(column: pd.Series, problems: Problems) -> pd.DatetimeIndex | None:
    """Return the date of each row, NaT where it has none; None where it cannot be told or none has."""
    try:
        found = sift_dates(column)
    except DataError as error:
        order = _settle_order(column, error, problems)
        if order is None:
            return None
        found = sift_dates(column, order)
    bad = np.asarray(found.isna(), dtype=bool)
    if found.tz is not None:
        bad |= np.asarray((found.year < 1678) | (found.year > 2261))
    rows = column.index.to_numpy(dtype=np.int64) + 1
    if bad.all():
        problems.meet(
            "no_date",
            f"Column '{column.name}' holds no dates that can be read, such as {quote(column.iloc[0])};"
            " write them as 2024-12-31, or choose another column.",
            column=str(column.name),
        )
        return None
    if bad.any():
        cells = column[bad]
        empty = "is empty" if not str(cells.iloc[0]).strip() else f"{quote(cells.iloc[0])} is not a date"
        problems.meet(
            "not_a_date",
            f"Column '{column.name}', row {rows[bad][0]}: the cell {empty}{_in_all(len(cells))}.",
            column=str(column.name),
            rows=rows[bad],
            repairs=["drop_row"],
        )
    return pd.DatetimeIndex(found.where(~bad))


def _settle_order(column: pd.Series, error: DataError, problems: Problems) -> First | None:
    """Return which of day and month comes first in dates that could have either; None where neither helps."""
    try:
        sift_dates(column, "day_first")
    except DataError:
        repairs: tuple[First, ...] = ()
    else:
        repairs = get_args(First)
    told = str(error).removeprefix(error.prefix)
    repair = problems.meet(
        "ambiguous_date", told, column=str(column.name), count=len(column), repairs=repairs
    )
    return cast("First | None", repair)


def _named(column: str, index: pd.Index, ids: NDArray[np.object_], problems: Problems) -> Mask:
    named = np.array([value is not None for value in ids], dtype=bool)
    rows = index.to_numpy(dtype=np.int64)[~named] + 1
    if len(rows):
        problems.meet(
            "empty_id",
            f"Column '{column}', row {rows[0]}: the series' id is empty{_in_all(len(rows))}.",
            column=column,
            rows=rows,
            repairs=["drop_row"],
        )
    return named


def _read_columns(
    frame: pd.DataFrame, columns: Sequence[Facts], meaning: Meaning, problems: Problems
) -> tuple[dict[str, Values], Mask]:
    """Return the columns but those of dates and ids, and the rows to leave out."""
    read: dict[str, Values] = {}
    dropped = np.zeros(len(frame), dtype=bool)
    for facts in columns:
        if facts.name in (meaning.timestamp, meaning.id):
            continue
        role: Role | None = "target" if facts.name == meaning.target else meaning.covariates.get(facts.name)
        column = frame[facts.name]
        if role is not None and not role.endswith("categorical"):
            read[facts.name], bad = _read_numbers(column, problems)
            dropped |= bad
        elif role is None and facts.kind == "numerical":
            read[facts.name] = sift_numbers(column)[0]
        else:
            read[facts.name] = read_categories(column)
    return read, dropped


def _read_numbers(column: pd.Series, problems: Problems) -> tuple[Values, Mask]:
    """Return a column as numbers, and the rows to leave out for what is none."""
    numbers, faults = sift_numbers(column)
    dropped = np.zeros(len(column), dtype=bool)
    if not faults:
        return _read_grouped(column, numbers, problems), dropped
    bad = np.logical_or.reduce(list(faults.values()))
    spellings = find_spellings(column, bad) if "is not a number" in faults else []
    fault, cells = min(faults.items(), key=lambda item: int(np.argmax(item[1])))
    rows = column.index.to_numpy(dtype=np.int64) + 1
    repair = problems.meet(
        "not_a_number",
        f"Column '{column.name}', row {rows[cells][0]}: {quote(column[cells].iloc[0])} {fault}"
        f"{_in_all(int(bad.sum()))}.",
        column=str(column.name),
        rows=rows[bad],
        # A choice made for the spelling of one column empties what cannot be read so in another.
        repairs=[*spellings, *_otherwise(problems, spellings), "empty", "drop_row"],
    )
    if repair in spellings:
        return read_spelled(column, repair), dropped
    return numbers, bad if repair == "drop_row" else dropped


def _read_grouped(column: pd.Series, numbers: Values, problems: Problems) -> Values:
    """Return a column of numbers, those that look like thousands read so if that was asked for."""
    grouped = find_grouped(column)
    if not grouped.any():
        return numbers
    rows = column.index.to_numpy(dtype=np.int64) + 1
    text = str(column[grouped].iloc[0]).strip()
    repair = problems.meet(
        "thousands",
        f"Column '{column.name}', row {rows[grouped][0]}: {quote(text)} is read as a number below a thousand,"
        f" though the point looks like one between thousands{_in_all(int(grouped.sum()))}.",
        column=str(column.name),
        rows=rows[grouped],
        repairs=["decimal_comma"],
    )
    return read_spelled(column, "decimal_comma") if problems.asked("thousands") == repair else numbers


def _otherwise(problems: Problems, spellings: Sequence[str]) -> list[str]:
    asked = problems.asked("not_a_number")
    return [asked] if asked is not None and asked not in ("empty", "drop_row", *spellings) else []


def _in_all(count: int) -> str:
    return f" ({say(count, 'row')} in all)" if count > 1 else ""
