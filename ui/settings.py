"""Settings of the page, from the environment and the file that ENV_FILE names (`.env` by default)."""

import os
from pathlib import Path
from typing import Self

from pydantic import AliasChoices, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Settings(BaseSettings):
    """The page's own settings; with the gateway it shares the key alone."""

    model_config = SettingsConfigDict(
        env_prefix="UI_", extra="ignore", env_ignore_empty=True, populate_by_name=True
    )

    api_base_url: str = Field(
        "http://127.0.0.1:8000", pattern=r"^https?://", description="The gateway that the page asks."
    )
    api_public_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="The gateway in the requests that visitors copy; UI_API_BASE_URL where it is empty.",
    )
    api_key: SecretStr = Field(
        validation_alias=AliasChoices("UI_API_KEY", "API_SECRET_KEY"),
        description="The key the page sends to the gateway; API_SECRET_KEY where it is empty.",
    )
    host: str = Field("127.0.0.1", description="The address the page listens on.")
    port: int = Field(8080, ge=1, le=65535, description="The port the page listens on.")
    trusted_proxy: str | None = Field(
        None, description="The address of the proxy whose word counts on who the visitor is; `*` for any."
    )
    threads: int = Field(8, ge=1, description="Requests that the page answers at once.")
    password: SecretStr | None = Field(
        None, description="The password that visitors give; none asks for none."
    )
    allow_open: bool = Field(
        False, description="Whether the page may listen beyond this host without a password."
    )
    secure_cookies: bool = Field(False, description="Whether cookies are sent over https only.")
    secret: SecretStr | None = Field(
        None, description="What sessions are signed with; empty makes one and keeps it in UI_STATE_DIR."
    )
    state_dir: Path = Field(Path("run/page"), description="The folder of visitors' tables and results.")
    lifetime_hours: float = Field(24.0, gt=0, description="How long tables and results are kept.")
    max_upload_size: int = Field(
        52_428_800,
        ge=1,
        validation_alias=AliasChoices("MAX_UPLOAD_SIZE"),
        description="The largest uploaded or fetched file, in bytes.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Name the env file when the settings are read, not when this module is imported."""
        env_file = DotEnvSettingsSource(settings_cls, env_file=os.environ.get("ENV_FILE", ".env"))
        return init_settings, env_settings, env_file

    @property
    def is_local(self) -> bool:
        """Whether the page is for users of this host alone, without a proxy that brings others."""
        return self.host in LOOPBACK and self.trusted_proxy is None

    @property
    def public_url(self) -> str:
        """The gateway in the requests that visitors copy, without a slash at its end."""
        return (self.api_public_url or self.api_base_url).rstrip("/")

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if not self.api_key.get_secret_value():
            raise ValueError("UI_API_KEY and API_SECRET_KEY are empty")
        if not self.is_local and self.password is None and not self.allow_open:
            name = "UI_HOST" if self.trusted_proxy is None else "UI_TRUSTED_PROXY"
            raise ValueError(
                f"{name} reaches beyond this host: set UI_PASSWORD, or UI_ALLOW_OPEN=true to let anybody in"
            )
        return self


def describe_fault(error: ValidationError) -> str:
    """Return what is wrong with settings, one line for each that is; their values stay unsaid."""
    faults = (f"  {_write_name(one['loc'])}: {one['msg']}" for one in error.errors())
    return "\n".join(["the settings in .env or the environment are not valid", *faults])


def _write_name(place: tuple[int | str, ...]) -> str:
    """Return the variable that sets what is at fault."""
    name = ".".join(map(str, place))
    return f"UI_{name}".upper() if name in Settings.model_fields else name.upper() or "together"
