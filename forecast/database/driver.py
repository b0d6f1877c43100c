"""The driver's own cursors, for what SQLAlchemy has no words for, such as COPY."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


@contextmanager
def open_cursor(connection: Connection, statement: str, *, binary: bool = False) -> Iterator[Any]:
    """Yield a cursor of the driver in the transaction of a connection, `binary` reading bytes as they are.

    What the driver raises in `statement` is raised as by any statement.
    """
    driver: Any = connection.dialect.loaded_dbapi
    bare: Any = connection.connection.driver_connection
    try:
        with bare.cursor(binary=binary) as cursor:
            yield cursor
    except driver.Error as error:
        raise DBAPIError.instance(statement, None, error, driver.Error, dialect=connection.dialect) from error
