"""Where observations are read and written in bulk: by what the database is quickest with."""

from typing import Protocol

from sqlalchemy import Connection

from forecast.history import postgres, sqlite
from forecast.history.rows import Ints, Rows


class Storage(Protocol):
    """What the modules `sqlite` and `postgres` both have."""

    def fetch(self, connection: Connection, keys: Ints, first: int, last: int, covariates: int) -> Rows:
        """Return the rows of items from `first` to `last`, both inclusive, in no order."""

    def insert(self, connection: Connection, rows: Rows) -> None:
        """Write rows of which none is there yet."""

    def replace(self, connection: Connection, rows: Rows) -> None:
        """Write rows in the place of those that are there."""

    def set_extents(
        self, connection: Connection, keys: Ints, first: Ints, last: Ints, counts: Ints, changed: Ints
    ) -> None:
        """Keep the first and last stamp, the number of rows and the last change of items."""


def storage_of(connection: Connection) -> Storage:
    """Return what reads and writes observations in the database of a connection."""
    return sqlite if connection.dialect.name == "sqlite" else postgres
