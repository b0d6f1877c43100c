"""Sending webhooks: signed, once each, and again where they fail."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.testclient import TestClient

from forecast.core.errors import DatabaseUnavailableError
from forecast.database.connection import Database
from forecast.jobs.webhooks import deliveries, delivering
from forecast.jobs.webhooks.deliveries import claim
from forecast.jobs.webhooks.delivering import Deliverer
from forecast.jobs.webhooks.settings import WebhookSettings
from tests.conftest import MakeApp
from tests.jobs.test_routes import until
from tests.jobs.webhooks.receiver import Receiver, receive
from tests.jobs.written import SECRET, read_webhook, write_webhook

LOCAL = {"webhook_allowed_networks": ("127.0.0.0/8",)}

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(delivering, "_OUTAGE_SECONDS", 0.02)
    monkeypatch.setattr(deliveries, "_FIRST_DELAY", 0.0)


def _now() -> datetime:
    return datetime.now(UTC)


async def _deliver_until(done: Callable[[], bool], *databases: Database, **settings: Any) -> None:
    with anyio.fail_after(90):
        async with anyio.create_task_group() as group:
            for database in databases:
                deliverer = Deliverer(database, WebhookSettings(**LOCAL | settings))
                group.start_soon(deliverer.run)
            while not await anyio.to_thread.run_sync(done):
                await anyio.sleep(0.02)
            await anyio.sleep(0.1)  # for what must not come
            group.cancel_scope.cancel()


def _became(database: Database, job_id: str, status: str) -> Callable[[], bool]:
    return lambda: bool(read_webhook(database, job_id).status == status)


async def test_the_end_of_a_job_is_told_and_signed(database: Database, receiver: Receiver) -> None:
    job_id = write_webhook(database, receiver.url)
    await _deliver_until(_became(database, job_id, "delivered"), database)
    ((headers, body),) = receiver.received
    told = Webhook(SECRET.encode()).verify(body, headers)
    assert told == {
        "type": "forecast-job.ended",
        "timestamp": "2026-01-02T03:04:09Z",
        "job": {
            "job_id": job_id,
            "status": "succeeded",
            "kind": "forecast",
            "model": "statsforecast",
            "dataset": "default",
            "forecast_run_id": f"run-of-{job_id}",
            "items_total": 4,
            "items_done": 4,
            "items_failed": 1,
            "progress": 1.0,
            "estimated_end": None,
            "created_at": "2026-01-02T03:04:05Z",
            "started_at": None,
            "finished_at": "2026-01-02T03:04:09Z",
            "error": None,
            "result": f"/api/v1/forecasts/run-of-{job_id}",
        },
    }
    assert headers["webhook-id"] == f"msg_{job_id}"
    assert headers["content-type"] == "application/json"
    row = read_webhook(database, job_id)
    assert (row.attempts, row.last_error, row.secret) == (1, None, "")
    with pytest.raises(WebhookVerificationError):
        Webhook(b"a secret of somebody else").verify(body, headers)


async def test_a_secret_of_the_specification_signs_with_its_bytes(
    database: Database, receiver: Receiver
) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    job_id = write_webhook(database, receiver.url, secret)
    await _deliver_until(_became(database, job_id, "delivered"), database)
    ((headers, body),) = receiver.received
    assert Webhook(secret).verify(body, headers)["job"]["job_id"] == job_id


async def test_what_fails_is_sent_again_under_the_same_id(database: Database, receiver: Receiver) -> None:
    receiver.answers = [(500, {}), (302, {"Location": receiver.url}), (200, {})]
    job_id = write_webhook(database, receiver.url)
    await _deliver_until(_became(database, job_id, "delivered"), database)
    assert [headers["webhook-id"] for headers, _ in receiver.received] == [f"msg_{job_id}"] * 3
    assert len({body for _, body in receiver.received}) == 1
    assert read_webhook(database, job_id).attempts == 3


async def test_after_the_last_attempt_it_has_failed(database: Database, receiver: Receiver) -> None:
    receiver.answers = [(503, {})]
    job_id = write_webhook(database, receiver.url)
    await _deliver_until(_became(database, job_id, "failed"), database, webhook_attempts=3)
    assert len(receiver.received) == 3
    row = read_webhook(database, job_id)
    assert (row.last_error, row.secret) == ("The receiver answered with status 503.", "")


async def test_a_receiver_that_is_gone_is_sent_nothing_more(database: Database, receiver: Receiver) -> None:
    receiver.answers = [(410, {})]
    job_id = write_webhook(database, receiver.url)
    await _deliver_until(_became(database, job_id, "failed"), database)
    assert len(receiver.received) == 1


async def test_several_processes_send_each_webhook_once(
    open_database: Callable[[], Database], receiver: Receiver
) -> None:
    databases = [open_database() for _ in range(3)]
    job_ids = {write_webhook(databases[0], receiver.url) for _ in range(30)}
    await _deliver_until(lambda: len(receiver.received) >= 30, *databases)
    assert sorted(told["job"]["job_id"] for told in receiver.bodies) == sorted(job_ids)


async def test_a_receiver_that_does_not_answer_is_given_up_and_holds_up_nobody(
    database: Database, receiver: Receiver
) -> None:
    with receive() as stuck:
        stuck.stuck = freed = threading.Event()
        slow = write_webhook(database, stuck.url)
        await _deliver_until(lambda: len(stuck.received) == 1, database, webhook_timeout_seconds=60)
        quick = write_webhook(database, receiver.url)
        await _deliver_until(_became(database, quick, "delivered"), database)
        freed.set()
    assert read_webhook(database, slow).status == "pending"


async def test_a_timeout_is_told(database: Database) -> None:
    with receive() as stuck:
        stuck.stuck = threading.Event()
        job_id = write_webhook(database, stuck.url)
        await _deliver_until(
            lambda: read_webhook(database, job_id).last_error is not None,
            database,
            webhook_timeout_seconds=0.2,
        )
    assert read_webhook(database, job_id).last_error == "The receiver did not answer within 0.2 s."


async def test_what_is_in_flight_at_a_shutdown_is_sent_at_once_after_it_under_the_same_id(
    database: Database, receiver: Receiver
) -> None:
    receiver.stuck = threading.Event()
    job_id = write_webhook(database, receiver.url)
    await _deliver_until(lambda: len(receiver.received) == 1, database, webhook_timeout_seconds=60)
    row = read_webhook(database, job_id)
    assert (row.status, row.attempts, row.last_error) == ("pending", 0, None)
    assert row.next_at <= _now()
    receiver.stuck.set()
    await _deliver_until(_became(database, job_id, "delivered"), database, webhook_attempts=1)
    first, second = receiver.received
    assert first[0]["webhook-id"] == second[0]["webhook-id"] == f"msg_{job_id}"
    assert first[1] == second[1]
    assert read_webhook(database, job_id).attempts == 1


def test_a_gateway_that_is_shut_down_gives_back_what_it_is_sending(
    make_app: MakeApp,
    database_url: str,
    database: Database,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
    monkeypatch.setenv("WEBHOOK_TIMEOUT_SECONDS", "60")
    receiver.stuck = threading.Event()
    job_id = write_webhook(database, receiver.url)
    with TestClient(make_app(database_url=database_url)):
        until(lambda: len(receiver.received) == 1)
    row = read_webhook(database, job_id)
    assert (row.status, row.attempts) == ("pending", 0)
    assert row.next_at <= _now()


async def test_what_cannot_be_given_back_waits_for_the_end_of_its_lease(
    database: Database,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivering, "give_back", lambda *_: _raise(DatabaseUnavailableError("away")))
    receiver.stuck = threading.Event()
    job_id = write_webhook(database, receiver.url)
    await _deliver_until(lambda: len(receiver.received) == 1, database, webhook_timeout_seconds=60)
    assert f"webhook=not_given_back job={job_id}" in caplog.text
    row = read_webhook(database, job_id)
    assert (row.status, row.attempts, row.next_at > _now()) == ("pending", 1, True)


async def test_a_database_that_comes_back_is_used_again(
    database: Database, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = write_webhook(database, receiver.url)
    faults = [DatabaseUnavailableError("away")] * 3
    monkeypatch.setattr(delivering, "claim", lambda *given: _raise(faults.pop()) if faults else claim(*given))
    await _deliver_until(_became(database, job_id, "delivered"), database)


def _raise(error: Exception) -> Any:
    raise error


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "2130706433", "10.0.0.1", "[::ffff:10.0.0.1]"],
)
async def test_nothing_is_sent_to_private_addresses(
    database: Database, receiver: Receiver, host: str
) -> None:
    port = receiver.url.partition("127.0.0.1:")[2].partition("/")[0]
    job_id = write_webhook(database, f"http://{host}:{port}/hook")
    await _deliver_until(
        lambda: read_webhook(database, job_id).last_error is not None,
        database,
        webhook_allowed_networks=(),
    )
    assert "WEBHOOK_ALLOWED_NETWORKS" in read_webhook(database, job_id).last_error
    assert receiver.received == []


async def test_secrets_stay_out_of_logs(
    database: Database, receiver: Receiver, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = write_webhook(database, receiver.url)
    with caplog.at_level(logging.DEBUG):
        monkeypatch.setattr(delivering, "settle", lambda *given: _raise(RuntimeError(str(given))))
        await _deliver_until(lambda: "webhook=unsettled" in caplog.text, database)
    assert job_id in caplog.text
    assert SECRET not in caplog.text
