"""The database of history, jobs and forecasts: connections to read and to write with."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from forecast.core.errors import DatabaseUnavailableError
from forecast.core.notes import note

RETRY_SECONDS = 5.0
_CONNECT_SECONDS = 3
_POOL_SECONDS = 5.0
_BUSY_SECONDS = 30.0
_LOOK_SECONDS = 0.02
_SQLITE_BUSY = {5, 6}
# SQLite's codes: busy, locked, read-only, I/O error, full, cannot be opened.
_SQLITE_OUTAGES = {5, 6, 8, 10, 13, 14}
_WRITES = "writes"
# Bulk writes fill SQLite's cache of 2 MB and its log of 4 MB many times over, and each time it writes pages
# that it writes again later: 16 MB for each connection that is used so, and 32 MB (in pages of 4 kB).
_PRAGMAS = (
    "synchronous=NORMAL",
    "foreign_keys=ON",
    "cache_size=-16000",
    "wal_autocheckpoint=8000",
)


class Database:
    """One database, whose tables are brought up to date before its first use.

    Connections are for threads, never for the event loop. Whatever is done with one raises
    DatabaseUnavailableError while the database cannot be reached.
    """

    def __init__(self, url: str, pool_size: int = 10) -> None:
        self.url = make_url(url)
        self._engine = _make_engine(self.url, pool_size)
        self._preparing = threading.Lock()
        self._prepared = False

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of this host."""
        return self.url.get_backend_name() == "sqlite"

    def prepare(self) -> None:
        """Bring the tables up to date; of several processes that do so at once, one does it."""
        from forecast.database.schema import upgrade  # with Alembic, which takes a while

        with self._preparing:
            if self._prepared:
                return
            if self.is_sqlite and self.url.database:
                with suppress(OSError):  # what is wrong with the folder, connecting finds as well
                    Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
            with self._connect(writes=True) as connection:
                upgrade(connection)
            self._prepared = True

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection whose statements see one state of the database."""
        if not self._prepared:
            self.prepare()
        with self._connect(writes=False) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection whose statements become true together at the end, or not at all."""
        if not self._prepared:
            self.prepare()
        with self._connect(writes=True) as connection:
            yield connection

    @contextmanager
    def _connect(self, *, writes: bool) -> Iterator[Connection]:
        try:
            with self._engine.connect() as bare:
                connection = bare.execution_options(**_options(bare, writes=writes))
                with connection.begin():
                    yield connection
        except (OperationalError, InterfaceError, PoolTimeoutError) as error:
            if not _is_outage(error):
                raise
            note(database="unavailable")
            told = "The database does not answer at the moment; try again shortly."
            raise DatabaseUnavailableError(told, retry_after=RETRY_SECONDS) from error

    def close(self) -> None:
        """Close all connections that nobody uses."""
        self._engine.dispose()


def _options(connection: Connection, *, writes: bool) -> dict[str, Any]:
    if connection.dialect.name == "sqlite":
        return {_WRITES: writes}
    return {} if writes else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


def _make_engine(url: URL, pool_size: int) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=_POOL_SECONDS,
            pool_pre_ping=True,
            connect_args={"connect_timeout": _CONNECT_SECONDS},
            hide_parameters=True,  # what callers send belongs in no log
        )
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        connect_args={"timeout": _BUSY_SECONDS},
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: object) -> None:
    # Transactions begin where SQLAlchemy begins them, and not at the first statement that writes.
    connection.isolation_level = None
    _write_ahead(connection)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: Any) -> None:
    # SQLite waits for no other connection that changes the mode of a new file at this moment.
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_LOOK_SECONDS)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # One that read first could not write any more once another has written.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _is_outage(error: Exception) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", None) if isinstance(error, DBAPIError) else None
    return code is None or code & 0xFF in _SQLITE_OUTAGES
