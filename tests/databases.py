"""Databases for tests: a file of SQLite, and one of a real PostgreSQL server.

Where PostgreSQL is not installed its tests are skipped; in CI that is a failure.
"""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from forecast.database.connection import Database
from tests.postgres import PostgresServer, find_binaries

_TEMPLATE = "migrated"


def require(found: object, what: str) -> None:
    """Skip the test where a program is not installed; fail in CI, which has to install it."""
    if found is None:
        told = f"{what} is not installed"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL server."""
    binaries = find_binaries()
    require(binaries, "PostgreSQL")
    assert binaries is not None
    server = PostgresServer(binaries)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of SQLite with all tables, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres: PostgresServer) -> PostgresServer:
    """A PostgreSQL server that has a database with all tables, to be copied."""
    execute(postgres, f"CREATE DATABASE {_TEMPLATE}")
    _migrate(postgres.url(_TEMPLATE))
    return postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database with all tables, of each kind in turn."""
    if request.param == "sqlite":
        path = tmp_path / "sapheneia.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
        yield f"sqlite:///{path}"
        return
    server: PostgresServer = request.getfixturevalue("migrated_postgres")
    name = f"test_{uuid.uuid4().hex}"
    execute(server, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    yield server.url(name)
    execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def open_database(database_url: str) -> Iterator[Callable[[], Database]]:
    """Opens the same database once more, as another process would."""
    opened: list[Database] = []

    def start() -> Database:
        opened.append(Database(database_url))
        return opened[-1]

    yield start
    for database in opened:
        database.close()


@pytest.fixture
def database(open_database: Callable[[], Database]) -> Database:
    """An empty database with all tables."""
    return open_database()


def execute(server: PostgresServer, statement: str) -> None:
    """Run a statement that no transaction may hold, such as making a database."""
    engine = create_engine(server.url(), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _migrate(url: str) -> None:
    database = Database(url)
    database.prepare()
    database.close()
