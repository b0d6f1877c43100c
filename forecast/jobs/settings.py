"""The settings of jobs."""

from typing import Literal

from pydantic import Field

from forecast.core.config import EnvSettings


class JobSettings(EnvSettings):
    """How jobs are cut, handed out and given up."""

    job_runner: Literal["embedded"] = Field(
        "embedded", description="Who computes jobs: `embedded`, threads of the gateway's own processes."
    )
    job_workers: int = Field(2, ge=0, description="Threads of each gateway process that compute jobs.")
    job_chunk_items: int = Field(
        100, ge=1, description="The most items that a job computes and stores at a time."
    )
    job_lease_seconds: float = Field(
        30.0, gt=0, description="How long a part of a job stays with a worker that gives no sign of life."
    )
    job_max_attempts: int = Field(
        3, ge=1, description="How often a part of a job is begun before the job fails."
    )
    job_patience_seconds: float = Field(
        3600.0, ge=0, description="How long a part of a job waits for a model that is away or overloaded."
    )
    job_max_per_client: int = Field(
        20, ge=1, description="The most jobs of one client that wait or run at a time."
    )
