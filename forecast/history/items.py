"""The items of a dataset: their names, and from when to when there are how many rows of each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from forecast.history.rows import Ints
from forecast.history.tables import items


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """Items by name, a place of the arrays each: first and last stamp, number of rows, and last change."""

    ids: list[str]
    keys: Ints
    first: Ints
    last: Ints
    rows: Ints
    changed: Ints

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.ids)

    def head(self, most: int) -> "Items":
        """Return the first ones."""
        kept = (self.keys, self.first, self.last, self.rows, self.changed)
        return Items(self.ids[:most], *(values[:most] for values in kept))


def find_items(connection: Connection, dataset_id: int, ids: Sequence[str] | None) -> Items:
    """Return the items of a dataset that are named and there, or all of them."""
    asked = select(items).where(chosen_items(connection, dataset_id, ids))
    return _collect(connection.execute(asked.order_by(items.c.item_id)).all())


def page_items(connection: Connection, dataset_id: int, after: str | None, prefix: str, most: int) -> Items:
    """Return the first items whose names come after one and begin with a prefix."""
    asked = select(items).where(items.c.dataset_id == dataset_id)
    if after is not None:
        asked = asked.where(items.c.item_id > after)
    if prefix:
        asked = asked.where(func.substr(items.c.item_id, 1, len(prefix)) == prefix)
    return _collect(connection.execute(asked.order_by(items.c.item_id).limit(most)).all())


def list_names(connection: Connection, dataset_id: int) -> list[str]:
    """Return the names of all items of a dataset, sorted."""
    asked = select(items.c.item_id).where(items.c.dataset_id == dataset_id)
    return list(connection.execute(asked.order_by(items.c.item_id)).scalars())


def add_items(connection: Connection, dataset_id: int, ids: Sequence[str]) -> dict[str, int]:
    """Make items without rows and return their keys."""
    if not ids:
        return {}
    empty = {"dataset_id": dataset_id, "first": 0, "last": 0, "rows": 0}
    made = connection.execute(
        insert(items).returning(items.c.item_id, items.c.item_key),
        [{**empty, "item_id": item_id} for item_id in ids],
    )
    return {row.item_id: row.item_key for row in made}


def remove_items(connection: Connection, keys: Ints) -> None:
    """Remove items, which have no rows any more."""
    if len(keys):
        told = [{"key": key} for key in keys.tolist()]
        connection.execute(delete(items).where(items.c.item_key == bindparam("key")), told)


def chosen_items(connection: Connection, dataset_id: int, ids: Sequence[str] | None) -> ColumnElement[bool]:
    """Return the condition that an item is one of a dataset, and one of those named where any are."""
    own = items.c.dataset_id == dataset_id
    if ids is None:
        return own
    # One parameter, for there may be more names than a statement may have parameters.
    if connection.dialect.name == "sqlite":
        named = func.json_each(json.dumps(list(ids))).table_valued("value")
        return own & items.c.item_id.in_(select(named.c.value))
    return own & (items.c.item_id == func.any(bindparam("ids", list(ids), type_=ARRAY(Text))))


def _collect(rows: Sequence[Any]) -> Items:
    def column(name: str) -> Ints:
        return np.array([getattr(row, name) for row in rows], dtype=np.int64)

    names = ("item_key", "first", "last", "rows", "changed")
    return Items([row.item_id for row in rows], *(column(name) for name in names))
