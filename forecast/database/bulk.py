"""Inserting and reading many rows at once: by COPY on PostgreSQL, as the driver's own rows on SQLite."""

import io
import json
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, Table

from forecast.database.driver import open_cursor

_ROWS_AT_ONCE = 50_000
# SQLite takes 32 766 values in a statement; of a row in each, beginning it would take as long as the row.
_VALUES_AT_ONCE = 5_000


def insert_rows(connection: Connection, table: Table, rows: pa.Table) -> None:
    """Insert rows, in the transaction of the connection; columns that they lack are NULL or counted.

    JSON is text here. Whatever the driver raises is raised as by any statement.
    """
    if rows.num_rows == 0:
        return
    names = ", ".join(rows.column_names)
    if connection.dialect.name == "sqlite":
        insert = f"INSERT INTO {table.name} ({names}) VALUES"
        for batch in rows.to_batches(max_chunksize=_ROWS_AT_ONCE):
            insert_values(connection, insert, [_values(column) for column in batch.columns])
        return
    insert = f"COPY {table.name} ({names}) FROM STDIN (FORMAT csv)"
    with open_cursor(connection, insert) as cursor, cursor.copy(insert) as copy:
        for batch in rows.to_batches(max_chunksize=_ROWS_AT_ONCE):
            copy.write(_csv(batch))


def insert_values(connection: Connection, insert: str, columns: Sequence[Sequence[Any]]) -> None:
    """Run a statement of SQLite that ends with VALUES for rows, given by their columns."""
    most = _VALUES_AT_ONCE // len(columns)
    marks = f"({', '.join('?' * len(columns))})"
    for start in range(0, len(columns[0]), most):
        part = [column[start : start + most] for column in columns]
        values = chain.from_iterable(zip(*part, strict=True))
        connection.exec_driver_sql(f"{insert} {', '.join([marks] * len(part[0]))}", tuple(values))


def read_rows(
    connection: Connection, statement: str, keys: Sequence[str], kinds: Mapping[str, Any]
) -> pa.Table:
    """Return what a query finds where some column is `IN {keys}`, or none of it for an empty list of them.

    `kinds` has the names and Arrow types of its columns; JSON is text here.
    """
    names, types = list(kinds), list(kinds.values())
    if connection.dialect.name == "sqlite":
        chosen = statement.format(keys="(SELECT value FROM json_each(?))")
        # The driver's own rows: those of SQLAlchemy take several times as long to make.
        rows = connection.exec_driver_sql(chosen, (json.dumps(list(keys)),)).cursor.fetchall()
        columns = list(zip(*rows, strict=True)) or [()] * len(names)
        arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
        return pa.table(arrays, names)
    chosen = statement.format(keys="(SELECT unnest(%(keys)s::text[]))")
    copying = f"COPY ({chosen}) TO STDOUT (FORMAT csv)"
    with open_cursor(connection, copying) as cursor, cursor.copy(copying, {"keys": list(keys)}) as copy:
        content = b"".join(copy)
    return _read_csv(content, names, types) if content else pa.schema(kinds).empty_table()


def _read_csv(content: bytes, names: list[str], types: list[Any]) -> pa.Table:
    from pyarrow import csv

    return csv.read_csv(
        io.BytesIO(content),
        read_options=csv.ReadOptions(column_names=names, use_threads=False),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=dict(zip(names, types, strict=True)),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        ),
    )


def _values(column: pa.Array) -> list[Any]:
    if column.null_count == len(column):
        return [None] * len(column)
    if pa.types.is_dictionary(column.type) and column.null_count == 0:
        known = np.array(column.dictionary.to_pylist(), dtype=object)
        chosen: list[Any] = known[column.indices.to_numpy()].tolist()
        return chosen
    plain = column.null_count == 0 and (pa.types.is_floating(column.type) or pa.types.is_integer(column.type))
    values: list[Any] = column.to_numpy(zero_copy_only=False).tolist() if plain else column.to_pylist()
    return values


def _csv(batch: pa.RecordBatch) -> bytes:
    """Return rows as PostgreSQL reads them: text in quotes, and nothing at all for NULL."""
    from pyarrow import csv

    sink = io.BytesIO()
    csv.write_csv(batch, sink, csv.WriteOptions(include_header=False))
    return sink.getvalue()
