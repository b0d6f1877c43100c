"""The tables of forecast.runs."""

import sqlalchemy as sa
from alembic import op

from forecast.database.metadata import Json, Serial, UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make them."""
    _make_runs()
    _make_items()
    op.create_table(
        "forecast_results",
        sa.Column("result_id", Serial, primary_key=True),
        sa.Column("forecast_run_id", sa.String, nullable=False),
        sa.Column("forecast_id", sa.String, nullable=False),
        sa.Column("item_id", sa.String, nullable=False),
        sa.Column("date", sa.BigInteger, nullable=False),
        sa.Column("horizon_day", sa.Integer, nullable=False),
        sa.Column("point_forecast", sa.Double, nullable=False),
        sa.Column("p10", sa.Double),
        sa.Column("p50", sa.Double),
        sa.Column("p90", sa.Double),
        sa.Column("quantiles", Json),
    )
    op.create_index("ix_forecast_results_forecast_id", "forecast_results", ["forecast_id"])


def _make_runs() -> None:
    op.create_table(
        "forecast_runs",
        sa.Column("forecast_run_id", sa.String, primary_key=True),
        sa.Column("client_id", sa.String, nullable=False),
        sa.Column("user_id", sa.String, nullable=False),
        sa.Column("job_id", sa.String),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("model_name", sa.String, nullable=False),
        sa.Column("model_version", sa.String),
        sa.Column("dataset", sa.String),
        sa.Column("cutoff", sa.String),
        sa.Column("prediction_length", sa.Integer, nullable=False),
        sa.Column("quantile_levels", Json, nullable=False),
        sa.Column("request", Json, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("error", Json),
        sa.Column("items_total", sa.Integer, nullable=False),
        sa.Column("items_done", sa.Integer, nullable=False),
        sa.Column("items_failed", sa.Integer, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("started_at", UtcDateTime),
        sa.Column("finished_at", UtcDateTime),
        sa.Column("seconds", sa.Double),
    )
    newest = ["client_id", "created_at", "forecast_run_id"]
    op.create_index("ix_forecast_runs_client_id_created_at_forecast_run_id", "forecast_runs", newest)
    op.create_index("ix_forecast_runs_created_at", "forecast_runs", ["created_at"])


def _make_items() -> None:
    op.create_table(
        "forecast_items",
        sa.Column("forecast_id", sa.String, primary_key=True),
        sa.Column(
            "forecast_run_id",
            sa.String,
            sa.ForeignKey("forecast_runs.forecast_run_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("item_id", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("error", Json),
        sa.Column("cutoff", sa.BigInteger),
        sa.Column("zone", sa.String),
        sa.Column("context_length", sa.Integer),
        sa.Column("frequency", sa.String),
        sa.Column("data_hash", sa.String),
        sa.Column("method", sa.String),
        sa.Column("covariates_used", sa.Boolean),
        sa.Column("warnings", Json, nullable=False),
        sa.UniqueConstraint("forecast_run_id", "position"),
    )
    op.create_index(
        "ix_forecast_items_forecast_run_id_item_id", "forecast_items", ["forecast_run_id", "item_id"]
    )


def downgrade() -> None:
    """Drop them."""
    for name in ("forecast_results", "forecast_items", "forecast_runs"):
        op.drop_table(name)
