"""Deleting observations."""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import ColumnElement, Connection, delete, func, select

from forecast.core.errors import RequestError
from forecast.history.changes import mark_dataset, next_stamp
from forecast.history.datasets import find_dataset, lock_dataset
from forecast.history.items import chosen_items, remove_items
from forecast.history.stamps import read_bounds
from forecast.history.storage import storage_of
from forecast.history.tables import items, observations


def delete_rows(
    connection: Connection,
    client_id: str,
    dataset: str,
    item_ids: Sequence[str] | None,
    since: str | None,
    until: str | None,
) -> int:
    """Delete rows of a client's dataset, of some items or of all, between two dates; return how many.

    Items without rows go too. Raises NotFoundError where there is no such dataset, RequestError where nothing
    narrows down what is deleted.
    """
    find_dataset(connection, client_id, dataset)
    if item_ids is None and since is None and until is None:
        raise RequestError("Name items, or the dates 'from' or 'to'; all goes with DELETE /datasets/{name}.")
    found, _ = lock_dataset(connection, client_id, dataset)
    first, last = read_bounds(since, until, zoned=bool(found.zoned), timezone=found.timezone)
    chosen = chosen_items(connection, found.dataset_id, item_ids)
    keys = select(items.c.item_key).where(chosen)
    gone = connection.execute(
        delete(observations).where(
            observations.c.item_key.in_(keys), observations.c.at >= first, observations.c.at <= last
        )
    )
    stamp = next_stamp(found)
    _keep_extents(connection, chosen, stamp)
    if gone.rowcount:
        mark_dataset(connection, found, stamp)
    return gone.rowcount


def _keep_extents(connection: Connection, chosen: ColumnElement[bool], stamp: int) -> None:
    at = observations.c.at
    asked = (
        select(items.c.item_key, func.min(at), func.max(at), func.count(at), items.c.rows, items.c.changed)
        .outerjoin(observations, observations.c.item_key == items.c.item_key)
        .where(chosen)
        .group_by(items.c.item_key)
    )
    rows = connection.execute(asked).all()
    left = np.array([tuple(row) for row in rows if row[3]], dtype=np.int64).reshape(-1, 6)
    keys, first, last, counts, before, changed = left.T
    changed = np.where(counts == before, changed, stamp)
    storage_of(connection).set_extents(connection, keys, first, last, counts, changed)
    remove_items(connection, np.array([row[0] for row in rows if not row[3]], dtype=np.int64))
