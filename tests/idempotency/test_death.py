"""A gateway that is killed when it has made a job and before it has kept the answer to its call."""

from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from forecast.database.connection import Database
from forecast.jobs.tables import jobs
from tests.conftest import AUTHORIZED
from tests.idempotency.conftest import end_leases, prolong_leases
from tests.jobs.test_routes import JOBS, many
from tests.server import Server, run_server
from tests.setup.conftest import free_port


def hand_over(server: Server) -> httpx.Response:
    headers = AUTHORIZED | {"Idempotency-Key": "one"}
    return httpx.post(f"{server.url}{JOBS}", json=many(3), headers=headers, trust_env=False, timeout=60)


def read_jobs(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(select(jobs.c.job_id)).scalars())


def test_a_job_whose_maker_died_before_it_answered_is_the_one_that_is_told(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    with run_server(tmp_path, int(free_port()), DATABASE_URL=database_url, FAKE_DEATH="yes") as server:
        with pytest.raises(httpx.TransportError):
            hand_over(server)
        assert server.process.wait(30) == -9
    made = read_jobs(database)
    assert len(made) == 1
    prolong_leases(database)  # however long the next one takes to start
    with run_server(tmp_path, int(free_port()), DATABASE_URL=database_url) as server:
        assert hand_over(server).json()["error"] == "IDEMPOTENCY_IN_PROGRESS"
        end_leases(database)
        told, again = hand_over(server), hand_over(server)
    assert (told.status_code, [told.json()["job_id"]]) == (202, made)
    assert told.headers["Location"] == f"{JOBS}/{made[0]}"
    assert (again.status_code, again.content) == (202, told.content)
    assert read_jobs(database) == made
