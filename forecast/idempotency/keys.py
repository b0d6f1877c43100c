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
    """A call with a key: whose it is, where it went, and the hash of its body and of what it accepts."""

    client_id: str
    key: str
    route: str
    body_hash: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The right, and the duty, to answer a call: nobody else does until it is kept, freed or lost.

    `made` is what an earlier call with the key has made, whose answer was not kept.
    """

    client_id: str
    key: str
    token: str
    made: str | None = None


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
                begun = (
                    self._take(connection, asked) or _take_over(connection, asked) or _read(connection, asked)
                )
            # None: the call that had it freed it in between.
            if begun is not None:
                return begun

    def renew(self, claim: Claim) -> None:
        """Keep the key taken for LEASE_SECONDS from now on."""
        until = _lease(datetime.now(UTC))
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
        """Let the next call with the key be answered as if it were the first, or with what this one made."""
        with self._database.write() as connection:
            connection.execute(delete(keys).where(_is_of(claim), keys.c.made.is_(None)))
            connection.execute(update(keys).where(_is_of(claim)).values(lease_until=datetime.now(UTC)))

    def sweep(self) -> int:
        """Remove the keys whose time is over; return how many there were."""
        with self._database.write() as connection:
            return connection.execute(delete(keys).where(self._is_over(datetime.now(UTC)))).rowcount

    def _take(self, connection: Connection, asked: Asked) -> Claim | None:
        now = datetime.now(UTC)
        lost = and_(_is_lost(now), keys.c.made.is_(None))
        connection.execute(delete(keys).where(_is_key(asked), or_(lost, self._is_over(now))))
        claim = Claim(asked.client_id, asked.key, uuid.uuid4().hex)
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        row = {
            "client_id": asked.client_id,
            "key": asked.key,
            "route": asked.route,
            "body_hash": asked.body_hash,
            "status": "running",
            "claim": claim.token,
            "lease_until": _lease(now),
            "created_at": now,
        }
        inserting = insert(keys).values(row).on_conflict_do_nothing().returning(keys.c.key)
        return claim if connection.execute(inserting).one_or_none() else None

    def _is_over(self, now: datetime) -> ColumnElement[bool]:
        # One that still runs is not over, however long ago it began.
        return and_(keys.c.created_at < now - self._kept, keys.c.lease_until < now)


def note_made(connection: Connection, claim: Claim, made: str) -> None:
    """Write down what a call makes, in the transaction that makes it, for those who call again.

    Raises KeyInUseError where the claim was lost meanwhile: another call may be making it.
    """
    noted = connection.execute(update(keys).where(_is_of(claim)).values(made=made))
    if noted.rowcount == 0:
        raise _in_use("Another call with this Idempotency-Key has begun meanwhile; ask again for its answer.")


def _lease(now: datetime) -> datetime:
    return now + timedelta(seconds=LEASE_SECONDS)


def _is_key(asked: Asked) -> ColumnElement[bool]:
    return and_(keys.c.client_id == asked.client_id, keys.c.key == asked.key)


def _is_lost(now: datetime) -> ColumnElement[bool]:
    return and_(keys.c.status == "running", keys.c.lease_until < now)


def _is_of(claim: Claim) -> ColumnElement[bool]:
    return and_(
        keys.c.client_id == claim.client_id,
        keys.c.key == claim.key,
        keys.c.claim == claim.token,
        keys.c.status == "running",
    )


def _take_over(connection: Connection, asked: Asked) -> Claim | None:
    """Return the claim to answer with what a call that was lost has made, None where there is no such."""
    now = datetime.now(UTC)
    token = uuid.uuid4().hex
    same = and_(keys.c.route == asked.route, keys.c.body_hash == asked.body_hash)
    taking = update(keys).where(_is_key(asked), same, _is_lost(now), keys.c.made.is_not(None))
    taken = taking.values(claim=token, lease_until=_lease(now)).returning(keys.c.made)
    row = connection.execute(taken).one_or_none()
    return None if row is None else Claim(asked.client_id, asked.key, token, row.made)


def _read(connection: Connection, asked: Asked) -> Answer | None:
    row = connection.execute(select(keys).where(_is_key(asked))).one_or_none()
    if row is None:
        return None
    if (row.route, row.body_hash) != (asked.route, asked.body_hash):
        raise KeyReusedError(
            "This Idempotency-Key was first sent with another body or 'Accept', or to another address; use a"
            " new one."
        )
    if row.status == "running":
        raise _in_use("The first call with this Idempotency-Key still runs; ask again for its answer.")
    return Answer(
        row.response_status, [(name, value) for name, value in row.response_headers], row.response_body
    )


def _in_use(told: str) -> KeyInUseError:
    return KeyInUseError(told, retry_after=_RETRY_SECONDS)
