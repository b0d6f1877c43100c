"""The setting of idempotency keys."""

from pydantic import Field

from forecast.core.config import EnvSettings


class IdempotencySettings(EnvSettings):
    """How long answers are kept."""

    idempotency_hours: float = Field(
        24.0, gt=0, description="How long the answer to a call with an `Idempotency-Key` is kept."
    )
