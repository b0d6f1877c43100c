"""Writing observations: what is sent replaces what is there, column by column, all of it or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from forecast.core.adapter import Floats
from forecast.core.data.table import Table
from forecast.core.errors import DataError, StateError
from forecast.core.parameters import Role
from forecast.history.changes import mark_all, mark_dataset, next_stamp
from forecast.history.columns import Named
from forecast.history.datasets import (
    Covariate,
    Dataset,
    keep_covariates,
    lock_dataset,
    look_up,
    set_fields,
)
from forecast.history.items import add_items, find_items
from forecast.history.placing import Done, Part, place_rows
from forecast.history.rows import Rows
from forecast.history.sent import Cells, Sent, read_sent
from forecast.history.stamps import read_micros

MOST_COVARIATES = 200
"""The most covariates that a dataset has."""
MOST_LABELS = 10_000
"""The most categories that a covariate has."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a table did to a dataset.

    Of rows that were there already, those with another value or covariate than before were `updated`.
    `ends` are the first and the last stamp that was sent.
    """

    dataset: str
    inserted: int
    updated: int
    unchanged: int
    items: int
    new_items: int
    ends: pd.DatetimeIndex
    covariates: Mapping[str, Role | None]
    warnings: tuple[str, ...]


def write_table(
    connection: Connection, client_id: str, dataset: str, table: Table, told: Named | None = None
) -> Written:
    """Write a table into a client's dataset, which is made when it is not there; with read_sent's errors."""
    return write_sent(
        connection, client_id, dataset, read_table(connection, client_id, dataset, table, told or Named())
    )


def read_table(connection: Connection, client_id: str, dataset: str, table: Table, told: Named) -> Sent:
    """Return what a table holds for a client's dataset, which need not be there yet."""
    return read_sent(table, told, look_up(connection, client_id, dataset))


def write_sent(connection: Connection, client_id: str, name: str, sent: Sent) -> Written:
    """Write rows into a client's dataset, which is made when it is not there.

    Raises DataError where the dataset has stamps of the other kind, with or without an offset, StateError
    where another call has changed its covariates since the table was read.
    """
    dataset, _ = lock_dataset(connection, client_id, name)
    _keep_zone(connection, dataset, sent.zoned)
    if sent.value_column not in (None, dataset.value_column):
        set_fields(connection, dataset, {"value_column": sent.value_column})
    known, cells = _join_covariates(dataset, sent)
    keep_covariates(connection, dataset, known)
    there = find_items(connection, dataset.dataset_id, sent.ids)
    made = add_items(connection, dataset.dataset_id, sorted(set(sent.ids) - set(there.ids)))
    keys = {**dict(zip(there.ids, there.keys.tolist(), strict=True)), **made}
    rows = Rows(
        np.array([keys[name] for name in sent.ids], dtype=np.int64)[sent.codes],
        sent.at,
        np.full(len(sent.at), np.nan) if sent.values is None else sent.values,
        cells,
    ).ordered()
    columns = [place for place, one in enumerate(known) if one.name in sent.covariates]
    stamp = next_stamp(dataset)
    done = place_rows(connection, rows, there, Part(sent.values is not None, tuple(columns)), stamp)
    _mark(connection, dataset, known, done, stamp)
    ends = read_micros(np.array([rows.at.min(), rows.at.max()]), zoned=sent.zoned, timezone=dataset.timezone)
    return Written(
        dataset=name,
        inserted=done.inserted,
        updated=done.updated,
        unchanged=len(rows) - done.inserted - done.updated,
        items=len(sent.ids),
        new_items=len(made),
        ends=ends,
        covariates={one.name: dataset.role_of(one) for one in known if one.name in sent.covariates},
        warnings=sent.warnings,
    )


def _mark(
    connection: Connection, dataset: Dataset, known: Sequence[Covariate], done: Done, stamp: int
) -> None:
    """Note what was changed: a new covariate is one of all items that there were, though it is empty."""
    if len(known) > len(dataset.covariates) and dataset.zoned is not None:
        mark_all(connection, dataset, stamp)
    elif done.inserted or done.updated:
        mark_dataset(connection, dataset, stamp)


def _keep_zone(connection: Connection, dataset: Dataset, zoned: bool) -> None:
    if dataset.zoned is None:
        set_fields(connection, dataset, {"zoned": zoned})
    elif dataset.zoned != zoned:
        has, sent = ("with", "without") if dataset.zoned else ("without", "with")
        raise DataError(
            f"The dataset '{dataset.name}' has stamps {has} an offset from UTC, those sent are {sent} one."
        )


def _join_covariates(dataset: Dataset, sent: Sent) -> tuple[list[Covariate], Floats]:
    """Return the covariates that a dataset has now, and what is sent of them, shape (rows, covariates)."""
    known = {one.name: one for one in dataset.covariates}
    for name, cells in sent.covariates.items():
        known[name] = _join(name, cells, known.get(name))
    if len(known) > MOST_COVARIATES:
        raise DataError(
            f"The dataset '{dataset.name}' would have {len(known)} covariates of {MOST_COVARIATES} at most."
        )
    found = np.full((len(sent.at), len(known)), np.nan)
    for place, one in enumerate(known.values()):
        if one.name in sent.covariates:
            found[:, place] = _codes(sent.covariates[one.name], one)
    return list(known.values()), found


def _join(name: str, cells: Cells, had: Covariate | None) -> Covariate:
    """Return a covariate with the categories that it had and those that are sent."""
    if had is None:
        had = Covariate(name, None if cells.labels is None else ())
    if (had.labels is None) != (cells.labels is None):
        raise StateError(f"The covariate '{name}' was changed by another call; send the table again.")
    if had.labels is None or cells.labels is None:
        return had
    labels = tuple(dict.fromkeys((*had.labels, *cells.labels)))
    if len(labels) > MOST_LABELS:
        raise DataError(
            f"Column '{name}' has text of {len(labels)} kinds, too many for categories; the limit is"
            f" {MOST_LABELS}."
        )
    return replace(had, labels=labels)


def _codes(cells: Cells, one: Covariate) -> Floats:
    if cells.labels is None or one.labels is None:
        return cells.values
    places = {label: place for place, label in enumerate(one.labels)}
    # The last one is for cells without a category.
    codes = np.array([*(places[label] for label in cells.labels), np.nan])
    found: Floats = codes[np.where(np.isnan(cells.values), -1, cells.values).astype(np.int64)]
    return found
