"""The webhooks that are to be sent, as they lie in the database: whose turn, and what became of them."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from forecast.database.connection import Database
from forecast.jobs.tables import webhook_deliveries
from forecast.jobs.webhooks.deliveries import claim, delay, give_back, read_states, settle
from forecast.jobs.webhooks.sending import Outcome
from tests.jobs.written import ENDED, read_webhook, write_webhook

LEASE = timedelta(seconds=60)


def _now() -> datetime:
    return datetime.now(UTC)


def test_what_a_dead_process_had_begun_is_sent_after_its_lease(database: Database) -> None:
    job_id = write_webhook(database)
    now = _now()
    (dead,) = claim(database, 5, LEASE, now)
    assert claim(database, 5, LEASE, now) == []
    (living,) = claim(database, 5, LEASE, now + timedelta(seconds=61))
    assert (dead.attempts, living.attempts) == (1, 2)
    settle(database, dead, Outcome("lost"), 1, now)
    assert read_webhook(database, job_id).status == "pending"
    settle(database, living, Outcome(), 8, now)
    assert read_webhook(database, job_id).status == "delivered"


def test_what_another_process_has_claimed_since_is_not_given_back(database: Database) -> None:
    job_id = write_webhook(database)
    now = _now()
    (lost,) = claim(database, 5, LEASE, now)
    (living,) = claim(database, 5, LEASE, now + timedelta(seconds=61))
    give_back(database, lost, now)
    row = read_webhook(database, job_id)
    assert (row.attempts, row.next_at) == (living.attempts, now + timedelta(seconds=121))


def test_the_time_between_attempts_grows_to_six_hours() -> None:
    usual = [delay(attempts, chance=lambda: 0.5) for attempts in range(1, 9)]
    assert usual == [5, 30, 180, 1080, 6480, 21600, 21600, 21600]
    assert 14 < sum(usual[:7]) / 3600 < 15


def test_the_time_between_attempts_is_a_fifth_more_or_less_by_chance() -> None:
    assert [delay(1, chance=lambda: 0.0), delay(1, chance=lambda: 1.0)] == [4.0, 6.0]
    drawn = {delay(1) for _ in range(100)}
    assert len(drawn) > 90
    assert all(4.0 <= seconds <= 6.0 for seconds in drawn)


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 3600.0), (1.0, 4320.0)])
def test_a_receiver_that_asks_for_time_is_never_sent_to_early(chance: float, seconds: float) -> None:
    assert delay(1, 3600.0, lambda: chance) == seconds


def test_a_receiver_may_ask_for_more_time(database: Database) -> None:
    job_id = write_webhook(database)
    (delivery,) = claim(database, 1, LEASE, _now())
    settle(database, delivery, Outcome("Busy.", wait=3600.0), 8, ENDED)
    assert timedelta(hours=1) <= read_webhook(database, job_id).next_at - ENDED <= timedelta(hours=1.2)


def test_the_state_is_told_without_the_secret(database: Database) -> None:
    job_id = write_webhook(database)
    with database.read() as connection:
        states = read_states(connection, [job_id, "another"])
    assert {name: state.model_dump() for name, state in states.items()} == {
        job_id: {
            "url": "https://receiver.test/hook",
            "status": "pending",
            "attempts": 0,
            "last_error": None,
        }
    }


def test_a_webhook_waits_for_the_end_of_its_job(database: Database) -> None:
    write_webhook(database)
    with database.write() as connection:
        connection.execute(update(webhook_deliveries).values(status="waiting", next_at=None))
    assert claim(database, 5, LEASE, _now()) == []
