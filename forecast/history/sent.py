"""A table as it is sent, read: items, stamps, values and covariates as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.core.adapter import Floats
from forecast.core.cells import MOST_ERRORS, CellError
from forecast.core.data.table import Table
from forecast.core.errors import DataError
from forecast.core.series.columns import code_categories, is_empty, read_numbers, refuse_cells, sift_numbers
from forecast.core.series.dates import parse_dates
from forecast.history.columns import ITEM, Columns, Named, choose_columns
from forecast.history.datasets import Dataset
from forecast.history.flags import names_holidays
from forecast.history.misspelt import find_meant
from forecast.history.rows import Ints
from forecast.history.stamps import write_micros

LONGEST_NAME = 200
"""The most characters that the name of a dataset, an item or a covariate has."""
_TRUTH = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """One covariate's column: numbers, or the places of its categories among `labels`; NaN where empty."""

    values: Floats
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """The rows of a table in order of item and time; `codes` are the places of the items among `ids`.

    `values` and `value_column`, its name, are None where the table has no column of values.
    """

    ids: list[str]
    codes: Ints
    at: Ints
    zoned: bool
    values: Floats | None
    covariates: Mapping[str, Cells]
    warnings: tuple[str, ...] = ()
    value_column: str | None = None


def read_sent(table: Table, told: Named, dataset: Dataset | None) -> Sent:
    """Return what a table holds for a dataset, None being one that is to be made.

    Raises DataError naming column and row of what is wrong: an id or a stamp that is missing, two rows of one
    item with the same stamp, text in a covariate of numbers.
    """
    frame = table.frame
    known = _known_kinds(dataset)
    columns = choose_columns([str(name) for name in frame.columns], told, known)
    codes, ids = _read_items(
        pd.Series(told.item_id, frame.index, object, ITEM) if columns.item is None else frame[columns.item]
    )
    stamps = parse_dates(frame[columns.timestamp])
    at = write_micros(stamps, frame[columns.timestamp])
    order = _sort(codes, at)
    _refuse_repeated(columns, ids, codes[order], at[order], frame.index.to_numpy()[order], stamps[order])
    cells, warnings = _read_covariates(frame, columns, known)
    warnings += _tell_likely_misspelt(
        [name for name in cells if name not in known], [name for name in known if name not in cells]
    )
    warnings += _tell_unknown_ahead([name for name in cells if name not in known], dataset)
    return Sent(
        ids=ids,
        codes=codes[order],
        at=at[order],
        zoned=stamps.tz is not None,
        values=None if columns.value is None else read_numbers(frame[columns.value])[order],
        covariates={name: Cells(one.values[order], one.labels) for name, one in cells.items()},
        warnings=tuple(warnings),
        value_column=columns.value,
    )


def _read_items(column: pd.Series) -> tuple[Ints, list[str]]:
    codes, labels = code_categories(column)
    for fault, bad in (
        ("an empty id", np.array([label is None for label in labels])),
        (
            f"an id of more than {LONGEST_NAME} characters",
            np.array([len(label or "") > LONGEST_NAME for label in labels]),
        ),
    ):
        rows = column.index[bad[codes]].tolist()
        if rows:
            raise DataError(
                f"Column '{column.name}', row {rows[0] + 1}: the item has {fault}.",
                errors=[
                    CellError(fault, column=str(column.name), row=int(row) + 1) for row in rows[:MOST_ERRORS]
                ],
            )
    return codes.astype(np.int64), [str(label) for label in labels]


def _sort(codes: Ints, at: Ints) -> Ints:
    same = codes[1:] == codes[:-1]
    if ((codes[1:] > codes[:-1]) | (same & (at[1:] > at[:-1]))).all():
        return np.arange(len(codes))
    return np.lexsort((at, codes))


def _refuse_repeated(
    columns: Columns, ids: list[str], codes: Ints, at: Ints, labels: Ints, stamps: pd.DatetimeIndex
) -> None:
    again = np.flatnonzero((codes[1:] == codes[:-1]) & (at[1:] == at[:-1]))
    if not len(again):
        return
    pairs = [(int(labels[place]) + 1, int(labels[place + 1]) + 1) for place in again[:MOST_ERRORS]]
    first, second = pairs[0]
    more = f" ({len(again)} such rows in all)" if len(again) > 1 else ""
    raise DataError(
        f"Rows {first} and {second} both are of item '{ids[codes[again[0]]]}' at {stamps[again[0]]}{more}.",
        errors=[
            CellError(f"the same item and stamp as row {one}", column=columns.timestamp, row=other)
            for one, other in pairs
        ],
    )


def _known_kinds(dataset: Dataset | None) -> dict[str, bool]:
    """Return the covariates that a dataset has or gave a role, and whether they are categories."""
    if dataset is None:
        return {}
    given = {name: role.endswith("categorical") for name, role in dataset.roles.items() if role}
    return given | {one.name: one.labels is not None for one in dataset.covariates}


def _read_covariates(
    frame: pd.DataFrame, columns: Columns, known: Mapping[str, bool]
) -> tuple[dict[str, Cells], list[str]]:
    found: dict[str, Cells] = {}
    warnings: list[str] = []
    for name in columns.covariates:
        if len(name) > LONGEST_NAME:
            raise DataError(f"The column '{name[:40]}…' has a name of more than {LONGEST_NAME} characters.")
        column = frame[name]
        if name not in known and is_empty(column).all():
            warnings.append(f"The column '{name}' is empty and was left out.")
        elif known[name] if name in known else _is_text(column):
            found[name] = _read_labels(column)
        else:
            found[name] = Cells(read_numbers(_as_numbers(column)))
    return found, warnings


def _tell_likely_misspelt(new: Sequence[str], absent: Sequence[str]) -> list[str]:
    """Return a warning for each new covariate whose name is nearly that of a known one that is not sent."""
    meant = {name: find_meant(name, absent) for name in new}
    return [f"'{name}' is new; did you mean '{found}'?" for name, found in meant.items() if found]


def _is_text(column: pd.Series) -> bool:
    """Return whether a new covariate is one of categories; raise DataError at dates."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        raise DataError(f"Column '{column.name}' holds dates, which are no covariate; leave it out.")
    return "is not a number" in sift_numbers(_as_numbers(column))[1]


def _as_numbers(column: pd.Series) -> pd.Series:
    """Return truth values that are spelled out as numbers, and any other column as it is."""
    if column.dtype != object:
        return column
    spelled = {value.strip().lower() if isinstance(value, str) else value for value in column.unique()}
    if not any(value in _TRUTH for value in spelled if isinstance(value, str)):
        return column
    if not all(value is None or value in ("", *_TRUTH) for value in spelled):
        return column
    return column.map(lambda value: _TRUTH.get(str(value).strip().lower()))


def _read_labels(column: pd.Series) -> Cells:
    codes, labels = code_categories(column)
    empty = np.array([label is None for label in labels], dtype=bool)
    places: NDArray[np.float64] = np.where(empty, np.nan, np.cumsum(~empty) - 1.0)
    _refuse_long(column, codes, labels)
    return Cells(places[codes], tuple(str(label) for label in labels if label is not None))


def _refuse_long(column: pd.Series, codes: NDArray[np.intp], labels: NDArray[np.object_]) -> None:
    long = np.array([len(label or "") > LONGEST_NAME for label in labels], dtype=bool)
    if long.any():
        cells = column[long[codes]]
        shown = [str(cell)[:40] for cell in cells.head(MOST_ERRORS)]
        raise refuse_cells(str(column.name), cells.index.tolist(), shown, "… is too long for a category")


def _tell_unknown_ahead(new: Sequence[str], dataset: Dataset | None) -> list[str]:
    """Return a warning for each new covariate of holidays, where nobody said of which country they are."""
    if dataset is not None and (dataset.country or dataset.calendar is not None):
        return []
    return [
        f"'{name}' is known only for the rows that have it: give the dataset its 'country', and it is made"
        " for the days ahead."
        for name in new
        if names_holidays(name)
    ]
