"""The tables of jobs: what is to be computed, in chunks, what happened to it, and whom to tell."""

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)

from forecast.database.metadata import Json, Serial, UtcDateTime, metadata

jobs = Table(
    "forecast_jobs",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("forecast_run_id", Text, nullable=False),
    Column("kind", Text, nullable=False),  # forecast or inference
    Column("model_name", Text, nullable=False),
    Column("dataset", Text),
    Column("ask", Json, nullable=False),
    Column("runner", Text, nullable=False),  # embedded or celery
    Column("status", Text, nullable=False),  # pending, running, succeeded, failed or cancelled
    Column("items_total", Integer, nullable=False),
    Column("items_done", Integer, nullable=False, server_default=text("0")),
    Column("items_failed", Integer, nullable=False, server_default=text("0")),
    Column("error", Json),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Index(None, "client_id", "created_at", "job_id"),
    Index(None, "client_id", "started_at"),
    Index(None, "finished_at"),
)

# Those of an ended job are removed.
job_chunks = Table(
    "job_chunks",
    metadata,
    Column("job_id", ForeignKey(jobs.c.job_id, ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("model_name", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("items", Integer, nullable=False),
    Column("status", Text, nullable=False),  # pending, running or done
    Column("worker", Text),
    Column("lease_until", UtcDateTime),  # until then nobody may claim it
    Column("claimed_at", UtcDateTime),  # last, which tells whose turn it is
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("waited", Float, nullable=False, server_default=text("0")),  # seconds, for a model that is away
    Column("handed_at", UtcDateTime),  # since then it waits at a broker
    Index(None, "status", "client_id"),
)

# By itself, for SQLite writes a row anew whenever it changes. That of a part that is done is removed.
job_contents = Table(
    "job_contents",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["job_id", "number"], [job_chunks.c.job_id, job_chunks.c.number], ondelete="CASCADE"
    ),
)

job_events = Table(
    "job_events",
    metadata,
    Column("sequence", Serial, primary_key=True),
    Column("job_id", ForeignKey(jobs.c.job_id, ondelete="CASCADE"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", Text, nullable=False),  # created, started, progress or ended
    Column("data", Json, nullable=False),
    Index(None, "job_id", "sequence"),
    sqlite_autoincrement=True,  # the number of a removed event is never given again
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("job_id", ForeignKey(jobs.c.job_id, ondelete="CASCADE"), primary_key=True),
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("status", Text, nullable=False),  # waiting for the job's end, pending, delivered or failed
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_at", UtcDateTime),
    Column("last_error", Text),
    Column("delivered_at", UtcDateTime),
    Index(None, "status", "next_at"),
)
