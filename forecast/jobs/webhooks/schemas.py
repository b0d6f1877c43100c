"""A webhook as callers ask for it, and as they see it."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, SecretStr

from forecast.core.data.outgoing import read_target
from forecast.jobs.webhooks.signature import read_secret


def _require_url(url: str) -> str:
    read_target(url)
    return url


def _require_secret(secret: SecretStr) -> SecretStr:
    read_secret(secret.get_secret_value())
    return secret


class Webhook(BaseModel):
    """Whom to tell of the end of a job."""

    model_config = {"extra": "forbid"}

    url: Annotated[str, AfterValidator(_require_url)] = Field(
        description="The http(s) URL that is sent a POST; it may neither be private nor redirect."
    )
    secret: Annotated[SecretStr, AfterValidator(_require_secret)] = Field(
        description="What it is signed with: `whsec_` and base64, or any text of 16 to 256 characters."
    )


class WebhookState(BaseModel):
    """What became of a webhook; `waiting` is for the job's end, `pending` for the receiver."""

    url: str
    status: Literal["waiting", "pending", "delivered", "failed"]
    attempts: int = Field(description="How often it was sent.")
    last_error: str | None = Field(description="Why the last attempt did not deliver it.")
