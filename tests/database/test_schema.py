import importlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, inspect, select, text

from forecast.database.connection import Database
from forecast.database.metadata import metadata
from forecast.database.schema import downgrade, upgrade
from forecast.jobs.tables import job_chunks, job_contents, jobs

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


def test_parts_of_jobs_keep_their_contents_when_those_move(database: Database) -> None:
    job = {"job_id": "j", "client_id": "c", "user_id": "c", "forecast_run_id": "r", "kind": "inference"}
    job |= {"model_name": "m", "runner": "embedded", "status": "running"}
    more = {"ask": {}, "items_total": 2, "created_at": datetime(2026, 1, 1, tzinfo=UTC)}
    part = {"job_id": "j", "model_name": "m", "client_id": "c"}
    with database.write() as connection:
        connection.execute(insert(jobs).values(**job, **more))
        connection.execute(insert(job_chunks).values(**part, items=1, number=1, status="done"))
        connection.execute(insert(job_chunks).values(**part, items=1, number=2, status="pending"))
        connection.execute(insert(job_contents).values(job_id="j", number=2, content=b"\0\1"))
        downgrade(connection, "0006")
        before = connection.execute(text("SELECT content FROM job_chunks WHERE number = 2")).scalar_one()
        assert bytes(before) == b"\0\1"
        upgrade(connection)
        after = connection.execute(select(job_contents.c.number, job_contents.c.content))
        assert [(number, bytes(content)) for number, content in after] == [(2, b"\0\1")]


def test_databases_are_brought_up_to_date_beside_one_another(tmp_path: Path) -> None:
    databases = [Database(f"sqlite:///{tmp_path}/{number}.db") for number in range(4)]
    with ThreadPoolExecutor(len(databases)) as pool:
        list(pool.map(Database.prepare, databases))
    for database in databases:
        with database.read() as connection:
            assert inspect(connection).has_table("forecast_jobs")
        database.close()
