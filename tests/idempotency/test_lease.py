from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from forecast.core.errors import DatabaseUnavailableError
from forecast.database.connection import Database
from forecast.idempotency import route
from forecast.idempotency.keys import Keys
from forecast.idempotency.tables import idempotency_keys
from tests.idempotency.conftest import Post, Shop, end_leases
from tests.jobs.test_routes import until


def read_lease(database: Database) -> datetime:
    """Return until when the only key is taken."""
    with database.read() as connection:
        lease: datetime = connection.execute(select(idempotency_keys.c.lease_until)).scalar_one()
    return lease


def test_a_call_that_takes_longer_than_a_lease_keeps_its_key(
    post: Post, shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "LEASE_SECONDS", 1.5)  # how often it is renewed
    shop.go_on.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(post, "one")
        assert shop.busy.wait(30)
        for _ in range(2):
            end_leases(database)
            until(lambda: read_lease(database) > datetime.now(UTC))
            assert post("one").status_code == 409
        shop.go_on.set()
        assert first.result().status_code == 202
    assert shop.done == 1
    assert post("one").headers["Idempotency-Replayed"] == "true"


def test_an_answer_that_cannot_be_kept_is_given_all_the_same(
    post: Post, shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise DatabaseUnavailableError("away")

    monkeypatch.setattr(Keys, "keep", fail)
    assert post("one").status_code == 202
    assert "idempotency=unsettled" in caplog.text
    assert post("one").status_code == 409


def test_without_the_database_a_call_with_a_key_is_not_done(
    post: Post, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DatabaseUnavailableError("away", retry_after=5)

    monkeypatch.setattr(Keys, "begin", fail)
    answer = post("one")
    assert (answer.status_code, answer.json()["error"]) == (503, "DATABASE_UNAVAILABLE")
    assert answer.headers["Retry-After"] == "5"
    assert shop.done == 0


def test_what_was_made_without_its_answer_being_kept_is_told_and_not_made_again(
    post: Post, shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setattr(Keys, "keep", _fail)
        assert post("one").text == "tea 1 \xe9"
    end_leases(database)
    told, again = post("one"), post("one")
    assert (told.status_code, told.text, told.headers["Location"]) == (
        202,
        "tea 1 for default",
        "/orders/again",
    )
    assert (again.status_code, again.content) == (202, told.content)
    assert [answer.headers.get_list("Idempotency-Replayed") for answer in (told, again)] == [["true"]] * 2
    assert shop.done == 1


def test_what_was_made_before_its_call_failed_is_not_made_again(post: Post, shop: Shop) -> None:
    assert post("one", "broken tea").status_code == 503
    answer = post("one", "broken tea")
    assert (answer.status_code, answer.text) == (202, "broken tea 1 for default")
    assert shop.done == 1


def _fail(*_: object) -> None:
    raise DatabaseUnavailableError("away")
