"""A job as callers see it."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from forecast.jobs.webhooks.schemas import WebhookState

Text = Annotated[str, Field(max_length=255, pattern=r"^[^\x00]*$")]
"""What PostgreSQL can compare: it has no NUL."""
JobStatus = Literal["pending", "running", "succeeded", "failed", "cancelled"]


class JobProblem(BaseModel):
    """Why a job has no result, for programs (`error`) and for people (`detail`)."""

    error: str
    detail: str


class Job(BaseModel):
    """Work that was handed over: how far it is, and where its result lies."""

    job_id: str
    status: JobStatus
    kind: Literal["forecast", "inference"]
    model: str
    dataset: str | None
    forecast_run_id: str
    items_total: int
    items_done: int = Field(description="Items that are stored, those that failed among them.")
    items_failed: int
    progress: float = Field(description="Items done of all, from 0 to 1.")
    estimated_end: datetime | None = Field(description="When it ends at the pace so far, while it runs.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: JobProblem | None
    result: str | None = Field(description="Where the forecasts are, once it has ended.")
    webhook: WebhookState | None = Field(None, description="What became of the webhook.")


class JobPage(BaseModel):
    """Jobs, the newest first, and the `cursor` of those that follow."""

    jobs: list[Job]
    next_cursor: str | None


class JobFilters(BaseModel):
    """Which jobs to list."""

    model_config = {"extra": "forbid"}

    status: JobStatus | None = None
    model: Text | None = None
    dataset: Text | None = None
    created_after: datetime | None = Field(None, description="Not before this time; UTC without an offset.")
    created_before: datetime | None = Field(None, description="Before this time; UTC without an offset.")
    limit: int = Field(50, ge=1, le=500, description="The most jobs in the answer.")
    cursor: Text | None = Field(None, description="`next_cursor` of the page before.")


def describe(row: Any, now: datetime, webhook: WebhookState | None = None) -> Job:
    """Return the job of a row of forecast_jobs, with the state of its webhook."""
    ended = row.finished_at is not None
    return Job(
        job_id=row.job_id,
        status=row.status,
        kind=row.kind,
        model=row.model_name,
        dataset=row.dataset,
        forecast_run_id=row.forecast_run_id,
        items_total=row.items_total,
        items_done=row.items_done,
        items_failed=row.items_failed,
        progress=row.items_done / row.items_total if row.items_total else 1.0,
        estimated_end=None if ended else _estimate(row, now),
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        error=row.error,
        result=f"/api/v1/forecasts/{row.forecast_run_id}" if ended else None,
        webhook=webhook,
    )


def _estimate(row: Any, now: datetime) -> datetime | None:
    if row.started_at is None or not row.items_done:
        return None
    left = (row.items_total - row.items_done) / row.items_done
    return now + (now - row.started_at) * left  # type: ignore[no-any-return]
