"""What is remembered of keys, and for how long."""

import asyncio
from datetime import UTC, datetime

import pytest

from forecast.clients import service
from forecast.clients.ring import FRESH_SECONDS, OUTAGE_SECONDS, KeyRing
from forecast.clients.schemas import MadeKey, NewKey
from forecast.core.errors import AuthenticationError, DatabaseUnavailableError
from forecast.core.principal import Principal
from forecast.database.connection import RETRY_SECONDS, Database
from tests.clients.conftest import Clock
from tests.postgres import PostgresServer

NOW = datetime.now(UTC)


def make(database: Database) -> MadeKey:
    with database.write() as connection:
        return service.create_key(connection, "default", NewKey(name="laptop"), NOW)


def revoke(database: Database, made: MadeKey) -> None:
    with database.write() as connection:
        service.revoke_key(connection, made.key_id, NOW)


def find(ring: KeyRing, made: MadeKey) -> Principal:
    return asyncio.run(ring.find(made.key))


def test_another_process_finds_a_key_revoked_once_what_it_knew_is_old(
    database: Database, clock: Clock
) -> None:
    ring, made = KeyRing(database, clock), make(database)
    assert find(ring, made).counted == f"key:{made.key_id}"
    revoke(database, made)
    clock.now += FRESH_SECONDS - 0.1
    assert find(ring, made).name == "laptop"
    clock.now += 0.1
    with pytest.raises(AuthenticationError, match="was revoked or has expired"):
        find(ring, made)


def test_a_key_that_is_forgotten_is_asked_for_again(database: Database, clock: Clock) -> None:
    ring, made = KeyRing(database, clock), make(database)
    find(ring, made)
    revoke(database, made)
    ring.forget(made.key_id)
    with pytest.raises(AuthenticationError):
        find(ring, made)


def test_what_was_read_before_a_revocation_is_not_remembered(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring, made = KeyRing(database, clock), make(database)

    def read_slowly(*arguments: object) -> object:
        key = service.find_key(*arguments)  # type: ignore[arg-type]
        ring.forget(made.key_id)  # as another request does that revokes it meanwhile
        return key

    with monkeypatch.context() as patch:
        patch.setattr("forecast.clients.ring.find_key", read_slowly)
        find(ring, made)
    revoke(database, made)
    with pytest.raises(AuthenticationError):
        find(ring, made)


def test_a_key_is_read_from_the_database_once_in_a_while(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring, made = KeyRing(database, clock), make(database)
    read = []

    def count(*arguments: object) -> object:
        read.append(1)
        return service.find_key(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("forecast.clients.ring.find_key", count)

    async def many() -> None:
        await asyncio.gather(*(ring.find(made.key) for _ in range(100)))

    find(ring, made)
    asyncio.run(many())
    assert len(read) == 1


def test_while_the_database_is_down_keys_that_were_used_go_on(
    clock: Clock, own_postgres: PostgresServer
) -> None:
    database = Database(own_postgres.url())
    ring, used, unused = KeyRing(database, clock), make(database), make(database)
    find(ring, used)
    own_postgres.kill()

    clock.now += OUTAGE_SECONDS - 1
    for _ in range(2):
        assert find(ring, used).client_id == "default"
        with pytest.raises(DatabaseUnavailableError) as refused:
            find(ring, unused)
        assert refused.value.retry_after == RETRY_SECONDS
    clock.now += RETRY_SECONDS
    with pytest.raises(DatabaseUnavailableError):  # it was used too long ago
        find(ring, used)

    own_postgres.start()
    clock.now += RETRY_SECONDS
    assert find(ring, used).name == find(ring, unused).name == "laptop"
    database.close()
