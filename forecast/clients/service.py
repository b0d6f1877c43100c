"""Making, listing and revoking clients and keys, in the transaction of a connection."""

import re
import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from forecast.clients.keys import hash_key, make_key
from forecast.clients.schemas import Client, Key, MadeKey, NewKey
from forecast.clients.tables import api_keys, clients
from forecast.core.errors import ExistsError, NotFoundError
from forecast.core.principal import CLIENT_ID

_KEY_ID_BYTES = 8
_KEY_ID = re.compile(rf"[0-9a-f]{{{2 * _KEY_ID_BYTES}}}", re.ASCII)


def create_client(connection: Connection, client_id: str, name: str, now: datetime) -> Client:
    """Make a client and return it; raise ExistsError where there is one of this ID."""
    row = {"client_id": client_id, "name": name, "created_at": now}
    try:
        with connection.begin_nested():
            connection.execute(insert(clients).values(row))
    except IntegrityError as error:
        raise ExistsError(f"There is a client '{client_id}' already.") from error
    return Client(**row)


def list_clients(connection: Connection) -> list[Client]:
    """Return all clients, by their IDs."""
    rows = connection.execute(select(clients).order_by(clients.c.client_id)).mappings()
    return [Client(**row) for row in rows]


def read_client(connection: Connection, client_id: str) -> Client:
    """Return a client; raise NotFoundError where there is none of this ID."""
    # What no client is called is not asked for: PostgreSQL takes no text with a NUL.
    if CLIENT_ID.fullmatch(client_id) is not None:
        row = connection.execute(select(clients).where(clients.c.client_id == client_id)).mappings().first()
        if row is not None:
            return Client(**row)
    raise NotFoundError("There is no client of this ID.")


def create_key(connection: Connection, client_id: str, wanted: NewKey, now: datetime) -> MadeKey:
    """Make a key of a client, and return it with its value; raise NotFoundError for no such client."""
    read_client(connection, client_id)
    key = make_key()
    made = MadeKey(
        key_id=secrets.token_hex(_KEY_ID_BYTES),
        client_id=client_id,
        name=wanted.name,
        role=wanted.role,
        inferences_per_minute=wanted.inferences_per_minute,
        inferences_per_day=wanted.inferences_per_day,
        created_at=now,
        expires_at=wanted.ends(now),
        revoked_at=None,
        key=key,
    )
    row = made.model_dump(exclude={"key"}) | {"key_hash": hash_key(key)}
    connection.execute(insert(api_keys).values(row))
    return made


def list_keys(connection: Connection, client_id: str | None = None) -> list[Key]:
    """Return the keys of a client, or of all, the oldest first."""
    wanted = select(api_keys).order_by(api_keys.c.client_id, api_keys.c.created_at, api_keys.c.key_id)
    if client_id is not None:
        read_client(connection, client_id)
        wanted = wanted.where(api_keys.c.client_id == client_id)
    return [_as_key(row) for row in connection.execute(wanted).mappings()]


def find_key(connection: Connection, key_hash: str) -> Key | None:
    """Return the key that has a hash, revoked and expired ones too."""
    row = connection.execute(select(api_keys).where(api_keys.c.key_hash == key_hash)).mappings().first()
    return None if row is None else _as_key(row)


def revoke_key(connection: Connection, key_id: str, now: datetime) -> None:
    """Revoke a key, for good; raise NotFoundError where there is none of this ID."""
    found = select(api_keys.c.key_id).where(api_keys.c.key_id == key_id)
    if _KEY_ID.fullmatch(key_id) is None or connection.execute(found).first() is None:
        raise NotFoundError("There is no key of this ID.")
    # One that was revoked keeps the time of its first end.
    where = (api_keys.c.key_id == key_id) & api_keys.c.revoked_at.is_(None)
    connection.execute(update(api_keys).where(where).values(revoked_at=now))


def _as_key(row: Any) -> Key:
    return Key(**{name: value for name, value in row.items() if name != "key_hash"})
