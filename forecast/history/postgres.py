"""Reading and writing many observations in PostgreSQL, by its binary COPY."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from forecast.database.driver import open_cursor
from forecast.history.rows import Ints, Rows, pack, packed_width, unpack

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_AT_ONCE = 100_000
_COLUMNS = "(item_key, at, value, covariates)"
_NUMBER = 8
# All rows of an item as one: of millions of rows, taking each from the server takes longest.
_FETCH = (
    "SELECT item_key, string_agg(int8send(at), ''), string_agg(float8send(coalesce(value, 'NaN')), ''),"
    " string_agg(substr(coalesce(covariates, '') || decode(repeat('00', %(width)s), 'hex'), 1, %(width)s),"
    " '')"
    " FROM observations WHERE item_key = ANY(%(keys)s::bigint[]) AND at BETWEEN %(first)s AND %(last)s"
    " GROUP BY item_key"
)
_MAKE_SENT = (
    "CREATE TEMPORARY TABLE sent_observations (item_key bigint, at bigint, value float8, covariates bytea)"
    " ON COMMIT DROP"
)
_REPLACE = (
    "UPDATE observations SET value = sent.value, covariates = sent.covariates FROM sent_observations AS sent"
    " WHERE observations.item_key = sent.item_key AND observations.at = sent.at"
)
_EXTEND = (
    "UPDATE items SET first = sent.first, last = sent.last, rows = sent.count, changed = sent.changed FROM"
    " unnest(CAST(:keys AS bigint[]), CAST(:first AS bigint[]), CAST(:last AS bigint[]),"
    " CAST(:counts AS bigint[]), CAST(:changed AS bigint[]))"
    " AS sent(key, first, last, count, changed) WHERE items.item_key = sent.key"
)


def fetch(connection: Connection, keys: Ints, first: int, last: int, covariates: int) -> Rows:
    """Return the rows of items from `first` to `last`, both inclusive, in no order."""
    width = packed_width(covariates)
    asked = {"keys": keys.tolist(), "first": first, "last": last, "width": width}
    with open_cursor(connection, _FETCH, binary=True) as cursor:
        # Compiling the statement would take longer than reading an item of a large table.
        cursor.execute("SET LOCAL jit = off")
        found = cursor.execute(_FETCH, asked).fetchall()
    at, values, packed = (b"".join(row[place] for row in found) for place in (1, 2, 3))
    counts = [len(row[1]) // _NUMBER for row in found]
    return Rows(
        np.repeat(np.array([row[0] for row in found], dtype=np.int64), counts),
        np.frombuffer(at, dtype=">i8").astype(np.int64),
        np.frombuffer(values, dtype=">f8").astype(np.float64),
        unpack(np.frombuffer(packed, dtype=f"V{width or 1}"), covariates, sum(counts)),
    )


def insert(connection: Connection, rows: Rows) -> None:
    """Write rows of which none is there yet."""
    _copy_in(connection, f"COPY observations {_COLUMNS} FROM STDIN (FORMAT binary)", rows)


def replace(connection: Connection, rows: Rows) -> None:
    """Write rows in the place of those that are there."""
    connection.execute(text(_MAKE_SENT))
    _copy_in(connection, f"COPY sent_observations {_COLUMNS} FROM STDIN (FORMAT binary)", rows)
    connection.execute(text("ANALYZE sent_observations"))
    connection.execute(text(_REPLACE))
    connection.execute(text("DROP TABLE sent_observations"))


def set_extents(
    connection: Connection, keys: Ints, first: Ints, last: Ints, counts: Ints, changed: Ints
) -> None:
    """Keep the first and last stamp, the number of rows and the last change of items."""
    told = {"keys": keys, "first": first, "last": last, "counts": counts, "changed": changed}
    connection.execute(text(_EXTEND), {name: values.tolist() for name, values in told.items()})


def _copy_in(connection: Connection, statement: str, rows: Rows) -> None:
    with open_cursor(connection, statement) as cursor, cursor.copy(statement) as copy:
        copy.write(_HEADER)
        for start in range(0, len(rows), _AT_ONCE):
            part = rows.take(np.arange(start, min(start + _AT_ONCE, len(rows))))
            copy.write(_write(part).tobytes())
        copy.write(_TRAILER)


def _write(rows: Rows) -> NDArray[Any]:
    covariates = rows.covariates.shape[1]
    width = packed_width(covariates)
    records = np.zeros(len(rows), dtype=_record(width))
    records["fields"] = 4
    for name, values in (("key", rows.keys), ("at", rows.at), ("value", rows.values)):
        records[f"{name}_size"] = 8
        records[name] = values
    records["packed_size"] = width if covariates else -1
    if covariates:
        records["packed"] = pack(rows.covariates)
    return records


def _record(width: int) -> np.dtype[Any]:
    """Return how COPY writes a row, of covariates in so many bytes, or of none."""
    fields = [("fields", ">i2")]
    for name, kind in (("key", ">i8"), ("at", ">i8"), ("value", ">f8")):
        fields += [(f"{name}_size", ">i4"), (name, kind)]
    fields.append(("packed_size", ">i4"))
    if width:
        fields.append(("packed", f"V{width}"))
    return np.dtype(fields)
