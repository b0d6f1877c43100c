"""Databases for tests: a file of SQLite, and one of a real PostgreSQL server.

Where PostgreSQL is not installed its tests are skipped; in CI that is a failure.
"""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, NullPool, create_engine, text

from forecast.database.connection import Database
from tests.postgres import PostgresServer, find_binaries

_TEMPLATE = "migrated"
_HANG_UP = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_CLEAR = """
DO $$
DECLARE
  name text;
  filled boolean;
BEGIN
  FOR name IN SELECT quote_ident(tablename) FROM pg_tables
    WHERE schemaname = 'public' AND tablename NOT IN ('alembic_version', 'clients')
  LOOP
    EXECUTE 'SELECT EXISTS (SELECT FROM ' || name || ')' INTO filled;
    IF filled THEN
      EXECUTE 'TRUNCATE ' || name || ' CASCADE';
    END IF;
  END LOOP;
  DELETE FROM clients WHERE client_id <> 'default';  -- which a revision makes
  FOR name IN SELECT quote_ident(sequencename) FROM pg_sequences
    WHERE schemaname = 'public' AND last_value IS NOT NULL
  LOOP
    EXECUTE 'ALTER SEQUENCE ' || name || ' RESTART';
  END LOOP;
END $$
"""
_SHAPE = """
SELECT (SELECT string_agg(version_num, ' ') FROM alembic_version) || ' ' || string_agg(
  concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default), ', '
  ORDER BY table_name, column_name)
FROM information_schema.columns WHERE table_schema = 'public'
"""


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
    with _run_postgres() as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server that no other test uses, so that it can be killed."""
    with _run_postgres() as server:
        yield server


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
    with _connect(postgres, _TEMPLATE) as connection:
        postgres.shape = connection.execute(text(_SHAPE)).scalar_one()
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
    name = server.spare.pop() if server.spare else _make_database(server)
    yield server.url(name)
    if _empty(server, name):
        server.spare.append(name)
    else:
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
    with _connect(server) as connection:
        connection.execute(text(statement))


@contextmanager
def _run_postgres() -> Iterator[PostgresServer]:
    binaries = find_binaries()
    require(binaries, "PostgreSQL")
    assert binaries is not None
    server = PostgresServer(binaries)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def _make_database(server: PostgresServer) -> str:
    name = f"test_{uuid.uuid4().hex}"
    execute(server, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    return name


def _empty(server: PostgresServer, name: str) -> bool:
    """Empty a database, which takes half as long as making one; return whether it is as new."""
    with _connect(server, name) as connection:
        connection.execute(text(_HANG_UP))
        connection.execute(text(_CLEAR))
        return bool(connection.execute(text(_SHAPE)).scalar_one() == server.shape)


@contextmanager
def _connect(server: PostgresServer, name: str = "postgres") -> Iterator[Connection]:
    engine = create_engine(server.url(name), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def _migrate(url: str) -> None:
    database = Database(url)
    database.prepare()
    database.close()
