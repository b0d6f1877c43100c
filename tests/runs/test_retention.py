from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from anyio import create_task_group, sleep
from sqlalchemy import update
from starlette.testclient import TestClient

from forecast.database.connection import Database
from forecast.runs import retention
from forecast.runs.tables import forecast_runs
from tests.runs.conftest import ask


def age(database: Database, run_id: str, days: int, **changes: Any) -> None:
    """Make a run older."""
    at = datetime.now(UTC) - timedelta(days=days)
    with database.write() as connection:
        connection.execute(
            update(forecast_runs)
            .where(forecast_runs.c.forecast_run_id == run_id)
            .values({"created_at": at, "finished_at": at} | changes)
        )


def counts(database: Database) -> list[int]:
    with database.read() as connection:
        return [
            int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())
            for table in ("forecast_runs", "forecast_items", "forecast_results")
        ]


def test_runs_are_forgotten_when_they_ended_long_ago(
    client: TestClient, database: Database, items: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_AT_ONCE", 2)
    old, running, young = (ask(client)["forecast_run_id"] for _ in range(3))
    age(database, old, 31)
    age(database, running, 31, finished_at=None, status="running")
    age(database, young, 29)
    before = datetime.now(UTC) - timedelta(days=30)

    assert retention.forget(database, before) == 1
    assert retention.forget(database, before) == 0

    assert counts(database) == [2, 6, 24]
    assert client.get(f"/api/v1/forecasts/{old}").status_code == 404


@pytest.mark.anyio
async def test_forgetting_goes_on_in_the_background(
    client: TestClient, database: Database, items: pd.DataFrame
) -> None:
    age(database, ask(client)["forecast_run_id"], 31)

    async with create_task_group() as group:
        group.start_soon(retention.forget_always, database, 30)
        while counts(database)[0]:
            await sleep(0.05)
        group.cancel_scope.cancel()

    assert counts(database) == [0, 0, 0]


@pytest.mark.anyio
async def test_nothing_is_forgotten_where_all_is_to_be_kept(database: Database) -> None:
    await retention.forget_always(database, 0)
