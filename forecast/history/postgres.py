"""Reading and writing many observations in PostgreSQL, by its binary COPY."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from forecast.history.rows import Ints, Rows, pack, packed_width, unpack

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_AT_ONCE = 100_000
_COLUMNS = "(item_key, at, value, covariates)"
_MAKE_SENT = (
    "CREATE TEMPORARY TABLE sent_observations (item_key bigint, at bigint, value float8, covariates bytea)"
    " ON COMMIT DROP"
)
_REPLACE = (
    "UPDATE observations SET value = sent.value, covariates = sent.covariates FROM sent_observations AS sent"
    " WHERE observations.item_key = sent.item_key AND observations.at = sent.at"
)
_EXTEND = (
    "UPDATE items SET first = sent.first, last = sent.last, rows = sent.count FROM unnest(CAST(:keys AS bigint[]),"
    " CAST(:first AS bigint[]), CAST(:last AS bigint[]), CAST(:counts AS bigint[]))"
    " AS sent(key, first, last, count) WHERE items.item_key = sent.key"
)


def fetch(connection: Connection, keys: Ints, first: int, last: int, covariates: int) -> Rows:
    """Return the rows of items from `first` to `last`, both inclusive, in no order."""
    width = packed_width(covariates)
    chosen = "item_key, at, coalesce(value, 'NaN')"
    if covariates:  # all of one width, so that numpy reads them
        chosen += ", substr(coalesce(covariates, '') || decode(repeat('00', %(width)s), 'hex'), 1, %(width)s)"
    statement = (
        f"COPY (SELECT {chosen} FROM observations"  # noqa: S608 - of constants
        " WHERE item_key = ANY(%(keys)s::bigint[]) AND at BETWEEN %(first)s AND %(last)s)"
        " TO STDOUT (FORMAT binary)"
    )
    asked = {"keys": keys.tolist(), "first": first, "last": last, "width": width}
    with _copying(connection, statement, asked) as copy:
        content = b"".join(copy)
    kind = _record(width)
    count = (len(content) - len(_HEADER) - len(_TRAILER)) // kind.itemsize
    read = np.frombuffer(content, dtype=kind, count=count, offset=len(_HEADER))
    packed = read["packed"] if covariates else np.empty(count, dtype="V8")
    return Rows(
        read["key"].astype(np.int64),
        read["at"].astype(np.int64),
        read["value"].astype(np.float64),
        unpack(packed, covariates),
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


def set_extents(connection: Connection, keys: Ints, first: Ints, last: Ints, counts: Ints) -> None:
    """Keep the first and last stamp and the number of rows of items."""
    told = {"keys": keys, "first": first, "last": last, "counts": counts}
    connection.execute(text(_EXTEND), {name: values.tolist() for name, values in told.items()})


def _copy_in(connection: Connection, statement: str, rows: Rows) -> None:
    with _copying(connection, statement) as copy:
        copy.write(_HEADER)
        for start in range(0, len(rows), _AT_ONCE):
            part = rows.take(np.arange(start, min(start + _AT_ONCE, len(rows))))
            copy.write(_write(part).tobytes())
        copy.write(_TRAILER)


def _write(rows: Rows) -> NDArray[Any]:
    covariates = rows.covariates.shape[1]
    width = packed_width(covariates)
    records = np.zeros(len(rows), dtype=_record(width, absent=True))
    records["fields"] = 4
    for name, values in (("key", rows.keys), ("at", rows.at), ("value", rows.values)):
        records[f"{name}_size"] = 8
        records[name] = values
    records["packed_size"] = width if covariates else -1
    if covariates:
        records["packed"] = pack(rows.covariates)
    return records


def _record(width: int, *, absent: bool = False) -> np.dtype[Any]:
    """Return how COPY writes a row, of covariates in so many bytes, or none; `absent` counts none as a NULL."""
    fields = [("fields", ">i2")]
    for name, kind in (("key", ">i8"), ("at", ">i8"), ("value", ">f8")):
        fields += [(f"{name}_size", ">i4"), (name, kind)]
    if width or absent:
        fields.append(("packed_size", ">i4"))
    if width:
        fields.append(("packed", f"V{width}"))
    return np.dtype(fields)


@contextmanager
def _copying(connection: Connection, statement: str, asked: dict[str, Any] | None = None) -> Iterator[Any]:
    """Yield a COPY of the driver, whose errors become those that the driver's statements have otherwise."""
    driver = connection.dialect.loaded_dbapi
    bare: Any = connection.connection.driver_connection
    try:
        with bare.cursor() as cursor, cursor.copy(statement, asked) as copy:
            yield copy
    except driver.Error as error:
        raise DBAPIError.instance(statement, None, error, driver.Error, dialect=connection.dialect) from error
