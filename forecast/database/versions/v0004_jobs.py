"""The tables of forecast.jobs."""

from alembic import op
from sqlalchemy import Column, Float, ForeignKey, Integer, LargeBinary, Text, text

from forecast.database.metadata import Json, Serial, UtcDateTime

revision = "0004"
down_revision = "0003"

_TABLES = ("idempotency_keys", "webhook_deliveries", "job_events", "job_chunks", "forecast_jobs")


def upgrade() -> None:
    """Make them."""
    _make_jobs()
    _make_chunks()
    _make_events()
    _make_deliveries()
    _make_idempotency_keys()


def downgrade() -> None:
    """Drop them."""
    for name in _TABLES:
        op.drop_table(name)


def _make_jobs() -> None:
    op.create_table(
        "forecast_jobs",
        Column("job_id", Text, primary_key=True),
        Column("client_id", Text, nullable=False),
        Column("user_id", Text, nullable=False),
        Column("forecast_run_id", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("model_name", Text, nullable=False),
        Column("dataset", Text),
        Column("ask", Json, nullable=False),
        Column("runner", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("items_total", Integer, nullable=False),
        Column("items_done", Integer, nullable=False, server_default=text("0")),
        Column("items_failed", Integer, nullable=False, server_default=text("0")),
        Column("error", Json),
        Column("created_at", UtcDateTime, nullable=False),
        Column("started_at", UtcDateTime),
        Column("finished_at", UtcDateTime),
    )
    _index("forecast_jobs", "client_id", "created_at", "job_id")
    _index("forecast_jobs", "client_id", "started_at")
    _index("forecast_jobs", "finished_at")


def _make_chunks() -> None:
    op.create_table(
        "job_chunks",
        _of_a_job(primary_key=True),
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("model_name", Text, nullable=False),
        Column("client_id", Text, nullable=False),
        Column("items", Integer, nullable=False),
        Column("status", Text, nullable=False),
        Column("worker", Text),
        Column("lease_until", UtcDateTime),
        Column("claimed_at", UtcDateTime),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
        Column("waited", Float, nullable=False, server_default=text("0")),
        Column("handed_at", UtcDateTime),
        Column("content", LargeBinary, nullable=False),
    )
    _index("job_chunks", "status", "client_id")


def _make_events() -> None:
    op.create_table(
        "job_events",
        Column("sequence", Serial, primary_key=True),
        _of_a_job(nullable=False),
        Column("at", UtcDateTime, nullable=False),
        Column("kind", Text, nullable=False),
        Column("data", Json, nullable=False),
        sqlite_autoincrement=True,
    )
    _index("job_events", "job_id", "sequence")


def _make_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        _of_a_job(primary_key=True),
        Column("url", Text, nullable=False),
        Column("secret", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
        Column("next_at", UtcDateTime),
        Column("last_error", Text),
        Column("delivered_at", UtcDateTime),
    )
    _index("webhook_deliveries", "status", "next_at")


def _make_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        Column("client_id", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("route", Text, nullable=False),
        Column("body_hash", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("lease_until", UtcDateTime, nullable=False),
        Column("response_status", Integer),
        Column("response_headers", Json),
        Column("response_body", LargeBinary),
        Column("created_at", UtcDateTime, nullable=False),
    )
    _index("idempotency_keys", "created_at")


def _of_a_job(*, primary_key: bool = False, nullable: bool = False) -> Column[str]:
    key = ForeignKey("forecast_jobs.job_id", ondelete="CASCADE")
    return Column("job_id", Text, key, primary_key=primary_key, nullable=nullable)


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)
