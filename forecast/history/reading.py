"""Reading history for a forecast: a table of items and the roles of its columns."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from forecast.core.parameters import Role
from forecast.history.columns import ITEM, STAMP, VALUE
from forecast.history.datasets import Dataset, find_dataset
from forecast.history.flags import WEEKENDS, find_flags
from forecast.history.history import History
from forecast.history.items import Items, find_items, list_names
from forecast.history.rows import Ints, Rows
from forecast.history.stamps import CUTOFF, read_bounds, read_micros
from forecast.history.storage import storage_of

__all__ = ["History", "list_item_ids", "read_frame", "read_history"]


def read_history(
    connection: Connection,
    client_id: str,
    dataset: str,
    item_ids: Sequence[str] | None,
    until: str | None = None,
) -> History:
    """Return the history of a client's items, or of all of a dataset, up to a date.

    `until` is a date or a date with a time, a bare date meaning the whole of that day; nothing after it is
    read. Items that are not there are left out, and covariates without a role.
    Raises NotFoundError where there is no such dataset, RequestError where `until` is no date.
    """
    found = find_dataset(connection, client_id, dataset)
    chosen = find_items(connection, found.dataset_id, item_ids)
    first, last = read_bounds(None, until, zoned=bool(found.zoned), timezone=found.timezone, end=CUTOFF)
    frame = read_frame(connection, found, chosen, first, last)
    roles: dict[str, Role] = {ITEM: "id", STAMP: "timestamp", VALUE: "target"}
    used = {one.name: found.role_of(one) for one in found.covariates}
    roles.update({name: role for name, role in used.items() if role is not None})
    # Their cells stay where they are: rows are packed by the places of covariates.
    frame = frame.drop(columns=[name for name, role in used.items() if role is None])
    told = found.calendar is not None or found.country is not None
    flags = find_flags(found.made if told else WEEKENDS, roles)
    calendar = tuple(name for name in found.made if name not in roles and name not in flags.values())
    return History(
        frame,
        roles,
        found.missing,
        found.freq,
        found.timezone,
        calendar,
        flags,
        told,
        as_of=found.changed,
        changed=dict(zip(chosen.ids, chosen.changed.tolist(), strict=True)),
        value_column=found.value_column or VALUE,
    )


def list_item_ids(connection: Connection, client_id: str, dataset: str) -> list[str]:
    """Return the names of all items of a client's dataset, sorted.

    Raises NotFoundError where there is no such dataset.
    """
    return list_names(connection, find_dataset(connection, client_id, dataset).dataset_id)


def read_frame(
    connection: Connection, dataset: Dataset, chosen: Items, first: int, last: int
) -> pd.DataFrame:
    """Return the rows of items from one kept stamp to another, by item and then time."""
    order = np.argsort(chosen.keys)
    keys = chosen.keys[order]
    rows = storage_of(connection).fetch(connection, keys, first, last, len(dataset.covariates))
    places = order[np.searchsorted(keys, rows.keys)] if len(keys) else rows.keys
    ordered = Rows(places.astype(np.int64), rows.at, rows.values, rows.covariates).ordered()
    return _make_frame(dataset, chosen.ids, ordered)


def _make_frame(dataset: Dataset, ids: list[str], rows: Rows) -> pd.DataFrame:
    """Return rows, whose keys are places among ids, as a table."""
    columns: dict[str, object] = {
        ITEM: _categories(rows.keys, ids),
        STAMP: read_micros(rows.at, zoned=bool(dataset.zoned), timezone=dataset.timezone),
        VALUE: rows.values,
    }
    for place, one in enumerate(dataset.covariates):
        values = rows.covariates[:, place]
        if one.labels is None:
            columns[one.name] = values
            continue
        codes = np.where(np.isnan(values), -1, values).astype(np.int64)
        columns[one.name] = _categories(codes, one.labels)
    return pd.DataFrame(columns)


def _categories(codes: Ints, labels: Sequence[str]) -> pd.Categorical:
    return pd.Categorical.from_codes(codes, categories=pd.Index(labels, dtype=object))  # type: ignore[arg-type]
