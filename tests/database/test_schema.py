import importlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from forecast.database.connection import Database
from forecast.database.metadata import metadata
from forecast.database.schema import downgrade, upgrade

importlib.import_module("forecast.main")  # with every feature, and so all tables
importlib.import_module("forecast.runs.tables")


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection")
def test_the_revisions_make_the_tables_that_the_code_uses(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_every_revision_can_be_taken_back_and_applied_again(database: Database) -> None:
    with database.write() as connection:
        before = set(inspect(connection).get_table_names())
        downgrade(connection)
        assert set(inspect(connection).get_table_names()) == {"alembic_version"}
        upgrade(connection)
        assert set(inspect(connection).get_table_names()) == before


def test_databases_are_brought_up_to_date_beside_one_another(tmp_path: Path) -> None:
    databases = [Database(f"sqlite:///{tmp_path}/{number}.db") for number in range(4)]
    with ThreadPoolExecutor(len(databases)) as pool:
        list(pool.map(Database.prepare, databases))
    for database in databases:
        with database.read() as connection:
            assert inspect(connection).has_table("forecast_jobs")
        database.close()
