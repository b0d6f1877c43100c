"""The table of idempotency keys: what was asked with each, and what it was answered."""

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text

from forecast.database.metadata import Json, UtcDateTime, metadata

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("route", Text, nullable=False),
    Column("body_hash", Text, nullable=False),
    Column("status", Text, nullable=False),  # running or done
    Column("claim", Text, nullable=False),  # of the one call that may answer
    Column("made", Text),  # what it made, written with it: a call that takes over must not make another
    Column("lease_until", UtcDateTime, nullable=False),
    Column("response_status", Integer),
    Column("response_headers", Json),
    Column("response_body", LargeBinary),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "created_at"),
)
