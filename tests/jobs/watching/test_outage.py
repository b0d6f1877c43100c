"""Streams and webhooks over the death of a real PostgreSQL server."""

import threading
from collections.abc import Iterator

import pytest

from forecast.core.errors import DatabaseUnavailableError
from forecast.database.connection import Database
from tests.jobs.test_routes import until
from tests.jobs.watching.conftest import ServeJobs
from tests.jobs.watching.reading import open_stream, parse
from tests.jobs.webhooks.receiver import receive
from tests.jobs.written import change, read_webhook, write_job, write_webhook
from tests.postgres import PostgresServer


@pytest.fixture
def database_url(own_postgres: PostgresServer) -> str:
    return own_postgres.url()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    database.prepare()
    yield database
    database.close()


def test_a_stream_stays_open_while_the_database_is_dead_and_goes_on(
    serve_jobs: ServeJobs, database: Database, own_postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forecast.jobs.watching.stream.KEEP_ALIVE_SECONDS", 0.3)
    job_id = write_job(database)
    host = serve_jobs()
    with open_stream(host, job_id) as answer:
        lines = answer.iter_lines()
        events = parse(lines)
        assert next(events).event == "created"
        change(database, job_id, "started", status="running")
        assert next(events).event == "started"
        own_postgres.kill()
        with pytest.raises(DatabaseUnavailableError):
            write_job(database)
        for _ in range(4):
            assert next(line for line in lines if line) == ": ping"
        with open_stream(host, job_id) as other:
            assert other.status_code == 503
            assert "retry-after" in other.headers
        own_postgres.start()
        for done in (1, 2):
            change(database, job_id, "progress", status="running", items_done=done)
        told = [next(events), next(events)]
    assert [one.data["items_done"] for one in told] == [1, 2]


def test_a_webhook_is_sent_once_the_database_is_back(
    serve_jobs: ServeJobs, database: Database, own_postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
    monkeypatch.setattr("forecast.jobs.webhooks.delivering._OUTAGE_SECONDS", 0.1)
    with receive() as receiver:
        serve_jobs()
        own_postgres.kill()
        threading.Event().wait(1.5)
        own_postgres.start()
        job_id = write_webhook(database, receiver.url)
        until(lambda: read_webhook(database, job_id).status == "delivered")
        assert len(receiver.received) == 1
