"""The setting of those who watch jobs."""

from pydantic import Field

from forecast.core.config import EnvSettings


class WatchSettings(EnvSettings):
    """How many may watch."""

    job_streams_per_client: int = Field(
        100,
        ge=1,
        description="Event streams and WebSockets of jobs that a client may have open in a process.",
    )
