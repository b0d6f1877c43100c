"""Reading and writing many observations in SQLite."""

import json
from typing import Any

import numpy as np
from sqlalchemy import Connection

from forecast.database.bulk import insert_values
from forecast.history.rows import Ints, Rows, pack, packed_width, unpack

_AT_ONCE = 50_000
_SELECT = (
    "SELECT item_key, at, value, coalesce(covariates, x'') FROM observations"
    " WHERE item_key IN (SELECT value FROM json_each(?)) AND at BETWEEN ? AND ?"
)
_SELECT_BARE = _SELECT.replace(", coalesce(covariates, x'') FROM", " FROM")
_INSERT = "INSERT INTO observations (item_key, at, value, covariates) VALUES"
_REPLACE = _INSERT.replace("INSERT", "INSERT OR REPLACE")
_EXTEND = 'UPDATE items SET first = ?, last = ?, "rows" = ?, changed = ? WHERE item_key = ?'


def fetch(connection: Connection, keys: Ints, first: int, last: int, covariates: int) -> Rows:
    """Return the rows of items from `first` to `last`, both inclusive, in no order."""
    fields: list[tuple[str, str]] = [("key", "i8"), ("at", "i8"), ("value", "f8")]
    if covariates:
        fields.append(("packed", f"V{packed_width(covariates)}"))
    statement = _SELECT if covariates else _SELECT_BARE
    asked = (json.dumps(keys.tolist()), first, last)
    # The driver's own cursor: rows of SQLAlchemy would take twice as long to make.
    cursor: Any = connection.exec_driver_sql(statement, asked).cursor
    read = np.fromiter(cursor, dtype=np.dtype(fields))
    packed = read["packed"] if covariates else np.empty(0, dtype="V8")
    columns = (read["key"].copy(), read["at"].copy(), read["value"].copy())
    return Rows(*columns, unpack(packed, covariates, len(read)))


def insert(connection: Connection, rows: Rows) -> None:
    """Write rows of which none is there yet."""
    _write(connection, _INSERT, rows)


def replace(connection: Connection, rows: Rows) -> None:
    """Write rows in the place of those that are there."""
    _write(connection, _REPLACE, rows)


def set_extents(
    connection: Connection, keys: Ints, first: Ints, last: Ints, counts: Ints, changed: Ints
) -> None:
    """Keep the first and last stamp, the number of rows and the last change of items."""
    columns = (first, last, counts, changed, keys)
    told = list(zip(*(values.tolist() for values in columns), strict=True))
    if told:
        connection.exec_driver_sql(_EXTEND, told)


def _write(connection: Connection, insert: str, rows: Rows) -> None:
    for start in range(0, len(rows), _AT_ONCE):
        part = rows.take(np.arange(start, min(start + _AT_ONCE, len(rows))))
        packed: list[Any] = pack(part.covariates).tolist() if part.covariates.shape[1] else [None] * len(part)
        columns = (part.keys.tolist(), part.at.tolist(), part.values.tolist(), packed)
        insert_values(connection, insert, columns)
