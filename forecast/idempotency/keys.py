"""Keys by which callers repeat a call: the first one is answered, the others get that answer again."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from forecast.core.errors import KeyInUseError, KeyReusedError
from forecast.database.connection import Database
from forecast.idempotency.tables import idempotency_keys as keys

LEASE_SECONDS = 60.0
"""How long a key stays taken by a process that no longer says that it still answers."""
_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A call with a key: whose it is, where it went and the hash of its body."""

    client_id: str
    key: str
    route: str
    body_hash: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The right, and the duty, to answer a call: nobody else does until it is kept, freed or lost."""

    client_id: str
    key: str
    token: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call was answered: the status, the headers in their order, and the body as it is."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Keys:
    """The keys in the database. All methods are for threads and raise DatabaseUnavailableError."""

    def __init__(self, database: Database, hours: float) -> None:
        self._database = database
        self._kept = timedelta(hours=hours)

    def begin(self, asked: Asked) -> Claim | Answer:
        """Return the claim to answer a call, or the answer that the first one with its key was given.

        Raises KeyReusedError where that one asked for something else, KeyInUseError while it still runs.
        """
        while True:
            with self._database.write() as connection:
                begun = self._take(connection, asked) or _read(connection, asked)
            # None: the call that had it freed it in between.
            if begun is not None:
                return begun

    def renew(self, claim: Claim) -> None:
        """Keep the key taken for LEASE_SECONDS from now on."""
        until = datetime.now(UTC) + timedelta(seconds=LEASE_SECONDS)
        with self._database.write() as connection:
            connection.execute(update(keys).where(_is_of(claim)).values(lease_until=until))

    def keep(self, claim: Claim, answer: Answer) -> None:
        """Keep the answer for those who ask again; a claim that was lost keeps nothing."""
        values = {
            "status": "done",
            "response_status": answer.status,
            "response_headers": [list(header) for header in answer.headers],
            "response_body": answer.body,
        }
        with self._database.write() as connection:
            connection.execute(update(keys).where(_is_of(claim)).values(**values))

    def free(self, claim: Claim) -> None:
        """Let the next call with the key be answered as if it were the first."""
        with self._database.write() as connection:
            connection.execute(delete(keys).where(_is_of(claim)))

    def sweep(self) -> int:
        """Remove the keys whose time is over; return how many there were."""
        with self._database.write() as connection:
            return connection.execute(delete(keys).where(self._is_over(datetime.now(UTC)))).rowcount

    def _take(self, connection: Connection, asked: Asked) -> Claim | None:
        now = datetime.now(UTC)
        same = and_(keys.c.client_id == asked.client_id, keys.c.key == asked.key)
        lost = and_(keys.c.status == "running", keys.c.lease_until < now)
        connection.execute(delete(keys).where(same, or_(lost, self._is_over(now))))
        claim = Claim(asked.client_id, asked.key, uuid.uuid4().hex)
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        row = {
            "client_id": asked.client_id,
            "key": asked.key,
            "route": asked.route,
            "body_hash": asked.body_hash,
            "status": "running",
            "claim": claim.token,
            "lease_until": now + timedelta(seconds=LEASE_SECONDS),
            "created_at": now,
        }
        inserting = insert(keys).values(row).on_conflict_do_nothing().returning(keys.c.key)
        return claim if connection.execute(inserting).one_or_none() else None

    def _is_over(self, now: datetime) -> ColumnElement[bool]:
        # One that still runs is not over, however long ago it began.
        return and_(keys.c.created_at < now - self._kept, keys.c.lease_until < now)


def _is_of(claim: Claim) -> ColumnElement[bool]:
    return and_(
        keys.c.client_id == claim.client_id,
        keys.c.key == claim.key,
        keys.c.claim == claim.token,
        keys.c.status == "running",
    )


def _read(connection: Connection, asked: Asked) -> Answer | None:
    same = and_(keys.c.client_id == asked.client_id, keys.c.key == asked.key)
    row = connection.execute(select(keys).where(same)).one_or_none()
    if row is None:
        return None
    if (row.route, row.body_hash) != (asked.route, asked.body_hash):
        raise KeyReusedError(
            "This Idempotency-Key was first sent with another body or to another address; use a new one."
        )
    if row.status == "running":
        told = "The first call with this Idempotency-Key still runs; ask again for its answer."
        raise KeyInUseError(told, retry_after=_RETRY_SECONDS)
    return Answer(
        row.response_status, [(name, value) for name, value in row.response_headers], row.response_body
    )
