"""The tables of runs: what was asked, the items of it, and the forecast of each step."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from forecast.database.metadata import Json, Serial, UtcDateTime, metadata

forecast_runs = Table(
    "forecast_runs",
    metadata,
    Column("forecast_run_id", String, primary_key=True),
    Column("client_id", String, nullable=False),
    Column("user_id", String, nullable=False),
    Column("job_id", String),
    Column("kind", String, nullable=False),
    Column("model_name", String, nullable=False),
    Column("model_version", String),
    Column("dataset", String),
    Column("cutoff", String),
    Column("prediction_length", Integer, nullable=False),
    Column("quantile_levels", Json, nullable=False),
    Column("request", Json, nullable=False),
    Column("status", String, nullable=False),
    Column("error", Json),
    Column("items_total", Integer, nullable=False),
    Column("items_done", Integer, nullable=False),
    Column("items_failed", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("seconds", Double),
)
Index(None, forecast_runs.c.client_id, forecast_runs.c.created_at, forecast_runs.c.forecast_run_id)
Index(None, forecast_runs.c.created_at)

forecast_items = Table(
    "forecast_items",
    metadata,
    Column("forecast_id", String, primary_key=True),
    Column(
        "forecast_run_id",
        String,
        ForeignKey(forecast_runs.c.forecast_run_id, ondelete="CASCADE"),
        nullable=False,
    ),
    Column("position", Integer, nullable=False),
    Column("item_id", String, nullable=False),
    Column("status", String, nullable=False),
    Column("error", Json),
    Column("cutoff", BigInteger),
    Column("zone", String),
    Column("context_length", Integer),
    Column("frequency", String),
    Column("data_hash", String),
    Column("method", String),
    Column("covariates_used", Boolean),
    Column("warnings", Json, nullable=False),
    UniqueConstraint("forecast_run_id", "position"),
)
Index(None, forecast_items.c.forecast_run_id, forecast_items.c.item_id)

forecast_results = Table(
    "forecast_results",
    metadata,
    Column("result_id", Serial, primary_key=True),
    Column("forecast_run_id", String, nullable=False),
    # No foreign key: it is checked row by row, and rows are only written beside their item.
    Column("forecast_id", String, nullable=False),
    Column("item_id", String, nullable=False),
    Column("date", BigInteger, nullable=False),
    Column("horizon_day", Integer, nullable=False),
    Column("point_forecast", Double, nullable=False),
    Column("p10", Double),
    Column("p50", Double),
    Column("p90", Double),
    Column("quantiles", Json),
)
Index(None, forecast_results.c.forecast_id)
