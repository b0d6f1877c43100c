from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from forecast.core.errors import KeyInUseError, KeyReusedError
from forecast.database.connection import Database
from forecast.idempotency import keys as module
from forecast.idempotency.keys import Answer, Asked, Claim, Keys, note_made
from forecast.idempotency.tables import idempotency_keys
from tests.idempotency.conftest import end_leases

ASKED = Asked("acme", "key-1", "POST /x?", "0" * 64)
ANSWER = Answer(202, [("a", "1"), ("a", "2")], b"\x00\xff")


def _begin(keys: Keys, asked: Asked = ASKED) -> Claim:
    begun = keys.begin(asked)
    assert isinstance(begun, Claim)
    return begun


def test_another_process_replays_the_answer(open_database: Callable[[], Database]) -> None:
    one, other = Keys(open_database(), 24), Keys(open_database(), 24)
    one.keep(_begin(one), ANSWER)
    assert other.begin(ASKED) == ANSWER


def test_of_many_processes_one_claims(open_database: Callable[[], Database]) -> None:
    several = [Keys(open_database(), 24) for _ in range(4)]

    def begin(number: int) -> bool:
        try:
            return isinstance(several[number % 4].begin(ASKED), Claim)
        except KeyInUseError:
            return False

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(begin, range(20))) == 1


def test_keys_are_each_clients_own(keys: Keys) -> None:
    keys.keep(_begin(keys), ANSWER)
    _begin(keys, replace(ASKED, client_id="other"))


@pytest.mark.parametrize("changed", [{"route": "POST /y?"}, {"body_hash": "1" * 64}])
def test_a_key_stands_for_one_request(keys: Keys, changed: dict[str, str]) -> None:
    claim = _begin(keys)
    with pytest.raises(KeyReusedError):
        keys.begin(replace(ASKED, **changed))
    keys.keep(claim, ANSWER)
    with pytest.raises(KeyReusedError):
        keys.begin(replace(ASKED, **changed))


def test_a_process_that_died_frees_its_key_after_the_lease(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEASE_SECONDS", -1.0)
    dead = _begin(keys)
    monkeypatch.setattr(module, "LEASE_SECONDS", 60.0)
    living = _begin(keys)
    with pytest.raises(KeyInUseError):
        keys.begin(ASKED)
    keys.keep(dead, replace(ANSWER, status=500))
    keys.keep(living, ANSWER)
    assert keys.begin(ASKED) == ANSWER
    keys.free(living)
    assert keys.begin(ASKED) == ANSWER


def test_a_call_that_says_that_it_still_runs_keeps_its_key(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEASE_SECONDS", -1.0)
    claim = _begin(keys)
    monkeypatch.setattr(module, "LEASE_SECONDS", 60.0)
    keys.renew(claim)
    with pytest.raises(KeyInUseError):
        keys.begin(ASKED)


def test_a_freed_key_is_new_again(keys: Keys) -> None:
    keys.free(_begin(keys))
    _begin(keys, replace(ASKED, body_hash="1" * 64))


def _make(database: Database, claim: Claim, made: str = "job-1") -> None:
    with database.write() as connection:
        note_made(connection, claim, made)


def test_whoever_takes_over_is_told_what_was_made(keys: Keys, database: Database) -> None:
    dead = _begin(keys)
    _make(database, dead)
    with pytest.raises(KeyInUseError):
        keys.begin(ASKED)
    end_leases(database)
    living = _begin(keys)
    assert (living.made, living.token != dead.token) == ("job-1", True)
    with pytest.raises(KeyInUseError):
        keys.begin(ASKED)
    keys.keep(dead, replace(ANSWER, status=500))
    keys.keep(living, ANSWER)
    assert keys.begin(ASKED) == ANSWER


def test_what_was_made_is_told_however_often_its_tellers_die(keys: Keys, database: Database) -> None:
    _make(database, _begin(keys))
    for _ in range(3):
        end_leases(database)
        assert _begin(keys).made == "job-1"


def test_a_freed_key_whose_call_made_something_tells_it_at_once(keys: Keys, database: Database) -> None:
    claim = _begin(keys)
    _make(database, claim)
    keys.free(claim)
    with pytest.raises(KeyReusedError):
        keys.begin(replace(ASKED, body_hash="1" * 64))
    assert _begin(keys).made == "job-1"


def test_a_call_that_has_lost_its_key_makes_nothing(keys: Keys, database: Database) -> None:
    lost = _begin(keys)
    end_leases(database)
    living = _begin(keys)
    assert living.made is None
    with pytest.raises(KeyInUseError) as raised:
        _make(database, lost, "of the lost")
    assert raised.value.retry_after == 1
    _make(database, living, "of the living")
    end_leases(database)
    assert _begin(keys).made == "of the living"


def test_whoever_takes_over_waits_for_what_is_being_made(
    open_database: Callable[[], Database],
) -> None:
    one, other = open_database(), open_database()
    claim = _begin(Keys(one, 24))
    end_leases(one)
    with ThreadPoolExecutor(1) as pool:
        with one.write() as connection:
            note_made(connection, claim, "job-1")
            taking = pool.submit(_begin, Keys(other, 24))
            with pytest.raises(TimeoutError):
                taking.result(0.2)
        assert taking.result(30).made == "job-1"


def test_answers_are_swept_when_their_time_is_over(keys: Keys, database: Database) -> None:
    keys.keep(_begin(keys), ANSWER)
    keys.keep(_begin(keys, replace(ASKED, key="key-2")), ANSWER)
    running = _begin(keys, replace(ASKED, key="key-3"))
    assert keys.sweep() == 0
    old = datetime.now(UTC) - timedelta(hours=25)
    with database.write() as connection:
        connection.execute(
            update(idempotency_keys).where(idempotency_keys.c.key != "key-2").values(created_at=old)
        )
        connection.execute(
            update(idempotency_keys).where(idempotency_keys.c.key == "key-1").values(lease_until=old)
        )
    assert keys.sweep() == 1
    assert isinstance(keys.begin(replace(ASKED, key="key-2")), Answer)
    keys.keep(running, ANSWER)
    _begin(keys)
