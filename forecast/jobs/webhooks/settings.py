"""The settings of webhooks."""

import ipaddress

from pydantic import Field, field_validator

from forecast.core.config import EnvSettings, Words


class WebhookSettings(EnvSettings):
    """Where webhooks may be sent, and how patiently."""

    webhook_allowed_networks: Words = Field(
        (), description="Private networks that webhooks may be sent to, in CIDR form, comma-separated."
    )
    webhook_attempts: int = Field(
        8, ge=1, description="How often a webhook is sent until its receiver takes it; eight take 14 hours."
    )
    webhook_timeout_seconds: float = Field(
        10.0, gt=0, le=60, description="The time a receiver has to answer a webhook."
    )

    @field_validator("webhook_allowed_networks")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ipaddress.ip_network(network)) for network in value)
