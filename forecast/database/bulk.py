"""Inserting many rows at once: by COPY on PostgreSQL, in one statement on SQLite."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError


def insert_rows(connection: Connection, table: Table, rows: pa.Table) -> None:
    """Insert rows, in the transaction of the connection; columns that they lack are NULL or counted.

    JSON is text here. Whatever the driver raises is raised as by any statement.
    """
    if rows.num_rows == 0:
        return
    names = ", ".join(rows.column_names)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * rows.num_columns)
        columns = [_values(column) for column in rows.columns]
        insert = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608 - names of the code
        connection.exec_driver_sql(insert, list(zip(*columns, strict=True)))
        return
    with _copying(connection, f"COPY {table.name} ({names}) FROM STDIN (FORMAT csv)") as copy:
        for batch in rows.to_batches(max_chunksize=_ROWS_AT_ONCE):
            copy.write(_csv(batch))


_ROWS_AT_ONCE = 50_000


def _values(column: pa.ChunkedArray) -> list[Any]:
    if column.null_count == len(column):
        return [None] * len(column)
    plain = column.null_count == 0 and (pa.types.is_floating(column.type) or pa.types.is_integer(column.type))
    values: list[Any] = column.to_numpy().tolist() if plain else column.to_pylist()
    return values


def _csv(batch: pa.RecordBatch) -> bytes:
    """Return rows as PostgreSQL reads them: text in quotes, and nothing at all for NULL."""
    from pyarrow import csv

    sink = io.BytesIO()
    csv.write_csv(batch, sink, csv.WriteOptions(include_header=False))
    return sink.getvalue()


@contextmanager
def _copying(connection: Connection, statement: str) -> Iterator[Any]:
    """Yield a COPY of the driver, whose errors become those that its statements have otherwise."""
    driver: Any = connection.dialect.loaded_dbapi
    bare: Any = connection.connection.driver_connection
    try:
        with bare.cursor() as cursor, cursor.copy(statement) as copy:
            yield copy
    except driver.Error as error:
        raise DBAPIError.instance(statement, None, error, driver.Error, dialect=connection.dialect) from error
