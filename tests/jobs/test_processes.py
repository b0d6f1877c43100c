"""Gateways that are killed in the middle of a job, and a database that is: each item is stored once."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import func, select

from forecast.database.connection import Database
from forecast.runs.tables import forecast_items, forecast_results
from tests.conftest import AUTHORIZED
from tests.databases import execute
from tests.jobs.test_routes import JOBS, many
from tests.postgres import PostgresServer
from tests.server import Server, answers, run_server, until
from tests.setup.conftest import free_port

ITEMS, HORIZON = 1000, 3
# No lease runs out within a test.
SETTINGS = {"JOB_CHUNK_ITEMS": "50", "JOB_LEASE_SECONDS": "600"}


def held_in_the_middle(folder: Path) -> dict[str, str]:
    """Return settings of a fake model that waits in the middle of the items until `hold` is gone."""
    (folder / "hold").touch()
    return {"FAKE_HOLD": str(folder / "hold"), "FAKE_HELD": f"s{ITEMS // 2}"}


def ask(server: Server, path: str, body: Any = None, method: str | None = None) -> httpx.Response:
    method = method or ("GET" if body is None else "POST")
    url = f"{server.url}{path}"
    return httpx.request(method, url, json=body, headers=AUTHORIZED, trust_env=False, timeout=60)


def hand_over(server: Server) -> str:
    response = ask(server, JOBS, many(ITEMS))
    assert response.status_code == 202, response.text
    job_id: str = response.json()["job_id"]
    return job_id


def wait_for(server: Server, job_id: str, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return a job as soon as something is true of it."""

    def told() -> bool:
        answer = ask(server, f"{JOBS}/{job_id}")
        return answer.status_code == 200 and true(answer.json())

    until(told, server.process, server.output)
    job: dict[str, Any] = ask(server, f"{JOBS}/{job_id}").json()
    return job


def is_in_the_middle(job: dict[str, Any]) -> bool:
    return bool(100 <= job["items_done"] < ITEMS)


def require_each_item_once(database: Database, job: dict[str, Any]) -> None:
    assert (job["status"], job["items_done"], job["items_failed"]) == ("succeeded", ITEMS, 0)
    run_id = job["forecast_run_id"]
    own = forecast_items.c.forecast_run_id == run_id
    wanted = select(forecast_items.c.item_id).where(own).order_by(forecast_items.c.position)
    steps = select(func.count()).where(forecast_results.c.forecast_run_id == run_id)
    with database.read() as connection:
        assert list(connection.execute(wanted).scalars()) == [f"s{number}" for number in range(ITEMS)]
        assert connection.execute(steps).scalar_one() == ITEMS * HORIZON


def test_a_gateway_that_is_killed_goes_on_with_a_job_when_it_is_back(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    port = int(free_port())
    settings = SETTINGS | {"DATABASE_URL": database_url}
    with run_server(tmp_path, port, 1, **settings, **held_in_the_middle(tmp_path)) as server:
        job_id = hand_over(server)
        wait_for(server, job_id, is_in_the_middle)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(30)
    with run_server(tmp_path, port, 1, **settings) as server:
        job = wait_for(server, job_id, lambda job: job["finished_at"] is not None)
    require_each_item_once(database, job)


def test_a_job_goes_on_when_its_database_is_back_and_inferences_never_stop(
    tmp_path: Path, migrated_postgres: PostgresServer
) -> None:
    execute(migrated_postgres, "CREATE DATABASE killed TEMPLATE migrated")
    url = migrated_postgres.url("killed")
    settings = SETTINGS | held_in_the_middle(tmp_path) | {"DATABASE_URL": url}
    with run_server(tmp_path, int(free_port()), 1, **settings) as server:
        job_id = hand_over(server)
        wait_for(server, job_id, is_in_the_middle)
        migrated_postgres.kill()
        (tmp_path / "hold").unlink()
        try:
            assert server.forecast().status_code == 200
            for answer in (
                ask(server, JOBS),
                ask(server, f"{JOBS}/{job_id}"),
                ask(server, JOBS, many(1)),
                ask(server, f"{JOBS}/{job_id}", method="DELETE"),
            ):
                assert (answer.status_code, answer.json()["error"]) == (503, "DATABASE_UNAVAILABLE")
                assert answer.headers["Retry-After"] == "5"
            assert answers(f"{server.url}/health/ready")
        finally:
            migrated_postgres.start()
        job = wait_for(server, job_id, lambda job: job["finished_at"] is not None)
    database = Database(url)
    require_each_item_once(database, job)
    database.close()
    execute(migrated_postgres, "DROP DATABASE killed WITH (FORCE)")
