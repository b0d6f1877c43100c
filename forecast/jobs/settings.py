"""The settings of jobs."""

import re
from importlib.util import find_spec
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from forecast.core.config import EnvSettings


class JobSettings(EnvSettings):
    """How jobs are cut, handed out and given up."""

    job_runner: Literal["embedded", "celery"] = Field(
        "embedded",
        description="Who computes jobs: `embedded`, threads of the gateway's own processes, or `celery`,"
        " workers on any host.",
    )
    job_workers: int = Field(2, ge=0, description="Threads of each gateway process that compute jobs.")
    job_chunk_items: int = Field(
        250,
        ge=1,
        description="The most items that a job computes and stores at a time; fewer where they take long.",
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
    celery_broker_url: SecretStr | None = Field(
        None, description="The Redis that hands jobs to Celery's workers, as `redis://host:port/db`."
    )
    celery_result_backend: SecretStr | None = Field(
        None,
        description="Where Celery keeps how its tasks ended, for monitors; forecasts go to the database.",
    )

    @field_validator("celery_broker_url")
    @classmethod
    def _is_a_broker(cls, value: SecretStr | None) -> SecretStr | None:
        # What is wrong is told without the value, which may have a password.
        if value is not None and not re.fullmatch(r"rediss?://[^/].*", value.get_secret_value()):
            raise ValueError(
                "is not the address of a Redis server: redis://host:port/db, or rediss:// over TLS"
            )
        return value

    @model_validator(mode="after")
    def _has_a_broker(self) -> Self:
        if self.job_runner == "celery" and self.celery_broker_url is None:
            raise ValueError("JOB_RUNNER=celery needs CELERY_BROKER_URL, such as redis://127.0.0.1:6379/0")
        if self.job_runner == "celery" and find_spec("celery") is None:
            raise ValueError("JOB_RUNNER=celery needs the extra `celery`: pip install 'sapheneia[celery]'")
        return self
