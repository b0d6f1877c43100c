import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError

from forecast.core.errors import DatabaseUnavailableError
from forecast.database.connection import Database


def _make_table(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("CREATE TABLE notes (note INTEGER)"))


def _count(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(text("SELECT count(*) FROM notes")).scalar_one())


def test_what_is_written_is_read_by_another_process(open_database: Callable[[], Database]) -> None:
    one, other = open_database(), open_database()
    _make_table(one)
    with one.write() as connection:
        connection.execute(text("INSERT INTO notes VALUES (1)"))
    assert _count(other) == 1


def test_nothing_is_written_where_an_error_ends_it(database: Database) -> None:
    _make_table(database)

    def fail() -> None:
        with database.write() as connection:
            connection.execute(text("INSERT INTO notes VALUES (1)"))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert _count(database) == 0


def test_a_reader_sees_one_state_while_others_write(database: Database) -> None:
    _make_table(database)
    count = text("SELECT count(*) FROM notes")
    with database.read() as reader:
        assert reader.execute(count).scalar_one() == 0
        with database.write() as writer:
            writer.execute(text("INSERT INTO notes VALUES (1)"))
        assert reader.execute(count).scalar_one() == 0
    assert _count(database) == 1


def test_writers_that_read_first_wait_for_each_other(database: Database) -> None:
    _make_table(database)
    with database.write() as connection:
        connection.execute(text("INSERT INTO notes VALUES (0)"))

    def increase(_: int) -> None:
        with database.write() as connection:
            lock = "" if database.is_sqlite else " FOR UPDATE"
            value = connection.execute(text(f"SELECT note FROM notes{lock}")).scalar_one()
            connection.execute(text("UPDATE notes SET note = :value"), {"value": value + 1})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(increase, range(40)))
    with database.read() as connection:
        assert connection.execute(text("SELECT note FROM notes")).scalar_one() == 40


def test_processes_that_start_at_once_make_the_tables_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/deep/new.db"
    several = [Database(url) for _ in range(4)]
    start = threading.Barrier(len(several))

    def prepare(database: Database) -> None:
        start.wait()
        database.prepare()

    with ThreadPoolExecutor(len(several)) as pool:
        list(pool.map(prepare, several))
    with several[0].read() as connection:
        versions = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    assert len(versions) == 1
    for database in several:
        database.close()


def test_a_server_that_is_not_there_is_told_with_a_time_to_try_again() -> None:
    database = Database("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailableError) as raised, database.read():
        pass
    assert (raised.value.status, raised.value.code) == (503, "DATABASE_UNAVAILABLE")
    assert raised.value.retry_after == 5.0
    assert "127.0.0.1" not in raised.value.detail


def test_a_file_that_cannot_be_opened_is_told_likewise(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(DatabaseUnavailableError):
        Database(f"sqlite:///{tmp_path}/folder.db").prepare()


def test_a_folder_that_cannot_be_made_is_told_likewise(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseUnavailableError):
        Database(f"sqlite:///{tmp_path}/file/below/folder.db").prepare()


def test_a_mistake_in_a_statement_is_no_outage(database: Database) -> None:
    with pytest.raises((OperationalError, ProgrammingError)), database.read() as connection:
        connection.execute(text("SELECT * FROM nothing"))
