"""Makes, lists and revokes the keys of clients in the database of the settings: `./setup.sh keys …`.

Exits with 1 where something is wrong, and says what.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import get_args

from pydantic import ValidationError
from sqlalchemy import Connection

from forecast.clients import service
from forecast.clients.schemas import Key, NewClient, NewKey
from forecast.core.config import Settings, describe_fault
from forecast.core.errors import NotFoundError, SapheneiaError
from forecast.core.principal import Role
from forecast.database.connection import Database


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments ask; return the exit status."""
    given = _read(arguments)
    try:
        settings = Settings()
    except ValidationError as error:
        return _fail(describe_fault(error))
    database = Database(settings.database_url.get_secret_value())
    try:
        with database.write() as connection:
            lines = given.do(connection, given)
    except ValidationError as error:
        return _fail(_describe(error))
    except SapheneiaError as error:
        return _fail(error.detail)
    finally:
        database.close()
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


def create(connection: Connection, given: argparse.Namespace) -> list[str]:
    """Make a key, and its client where there is none; return its value, and then what it is."""
    now = datetime.now(UTC)
    wanted = NewKey(
        name=given.name,
        role=given.role,
        inferences_per_minute=given.per_minute,
        inferences_per_day=given.per_day,
        expires_in_days=given.expires_days,
    )
    client_id = NewClient(client_id=given.client).client_id
    try:
        service.read_client(connection, client_id)
    except NotFoundError:
        service.create_client(connection, client_id, client_id, now)
    made = service.create_key(connection, client_id, wanted, now)
    sys.stderr.write("The key, which is shown this once:\n")
    return [made.key]


def list_them(connection: Connection, given: argparse.Namespace) -> list[str]:
    """Return a line for each key of a client, or of all."""
    keys = service.list_keys(connection, given.client)
    head = ("KEY_ID", "CLIENT", "NAME", "ROLE", "A MINUTE", "A DAY", "CREATED", "STATE")
    rows = [head, *map(_row, keys)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def revoke(connection: Connection, given: argparse.Namespace) -> list[str]:
    """Revoke a key."""
    service.revoke_key(connection, given.key_id, datetime.now(UTC))
    return [f"Revoked {given.key_id}; a gateway that runs refuses it within 5 seconds."]


def _row(key: Key) -> tuple[str, ...]:
    quotas = (
        "-" if quota is None else str(quota) for quota in (key.inferences_per_minute, key.inferences_per_day)
    )
    return (key.key_id, key.client_id, key.name, key.role, *quotas, f"{key.created_at:%Y-%m-%d}", _state(key))


def _state(key: Key) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    if key.expires_at is None:
        return "valid"
    word = "valid until" if key.holds(datetime.now(UTC)) else "expired"
    return f"{word} {key.expires_at:%Y-%m-%d}"


def _describe(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())


def _fail(told: str) -> int:
    sys.stderr.write(f"error: {told}\n")
    return 1


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("./setup.sh keys", description="The keys of clients.")
    verbs = parser.add_subparsers(required=True, metavar="create|list|revoke")
    made = verbs.add_parser("create", help="make a key and show it, this once")
    made.set_defaults(do=create)
    made.add_argument("client", metavar="CLIENT", help="whose it is; made where there is none")
    made.add_argument("--name", required=True, help="what the log calls the key")
    made.add_argument("--role", choices=get_args(Role), default="forecast", help="what it may do (forecast)")
    made.add_argument("--expires-days", type=int, help="in how many days it ends; never where left out")
    made.add_argument("--per-minute", type=int, help="inferences a minute; the gateway's where left out")
    made.add_argument("--per-day", type=int, help="inferences a day; no quota where left out")
    listed = verbs.add_parser("list", help="list the keys of a client, or of all")
    listed.set_defaults(do=list_them)
    listed.add_argument("client", metavar="CLIENT", nargs="?")
    revoked = verbs.add_parser("revoke", help="revoke a key, for good")
    revoked.set_defaults(do=revoke)
    revoked.add_argument("key_id", metavar="KEY_ID")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
