"""Settings, read from the environment and from the file that ENV_FILE names (`.env` by default)."""

import ipaddress
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from forecast.core.service_urls import ServiceUrls

TEMPLATE_KEY = "change-me-to-a-long-random-string"
SHORTEST_KEY = 32
_BUCKETS = re.compile(r"(s3|gs|az)://[^/]+/.*[^/]")


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


def _is_store(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme == "redis+unix":
        return parts.path.strip("/") != ""
    reachable = parts.scheme in ("redis", "rediss") and bool(parts.hostname and port)
    database = parts.path.strip("/")
    return uri == "memory://" or (reachable and (not database or database.isdecimal()))


class SettingsError(ValueError):
    """A setting names something that there is not, or those of models are not valid."""


def describe_fault(error: SettingsError | ValidationError) -> str:
    """Return what is wrong with settings, one line for each that is; their values stay unsaid."""
    if isinstance(error, SettingsError):
        return str(error)
    return describe_lines(list_faults(error))


def describe_lines(lines: Sequence[str]) -> str:
    """Return what is wrong with settings, from the lines that `list_faults` tells."""
    return "\n".join(["the settings in .env or the environment are not valid", *dict.fromkeys(lines)])


def list_faults(error: ValidationError, prefix: str = "") -> list[str]:
    """Return a line for each setting that is wrong, named as it is written in the environment."""
    lines = []
    for fault in error.errors():
        name = ".".join(map(str, fault["loc"]))
        # One that all models share is told by its alias, which has no prefix.
        written = name if name.isupper() else f"{prefix}{name.upper()}"
        lines.append(f"  {written if name else 'together'}: {fault['msg']}")
    return lines


class EnvSettings(BaseSettings):
    """Settings that come from the environment first and from the env file second."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, populate_by_name=True)

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


class Settings(EnvSettings):
    """The gateway's own settings."""

    api_secret_key: SecretStr = Field(
        description="The administrator's key, which callers send as `Authorization: Bearer <key>`."
    )
    api_host: str = Field("127.0.0.1", description="The address the API listens on.")
    api_port: int = Field(8000, ge=1, le=65535, description="The port the API listens on.")
    environment: Literal["development", "production"] = Field(
        "development", description="In `production` a template or short key refuses to start."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The least severe level that is logged."
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="How log lines are written: `text`, or `json` with one object a line."
    )
    log_console: bool = Field(True, description="Whether log lines go to the console as well as to the file.")
    log_dir: Path = Field(Path("logs"), description="The folder of the rotated log file.")
    data_dir: Path = Field(Path("data"), description="The folder that data paths are resolved under.")
    uvicorn_workers: int = Field(
        1, ge=1, description="Server processes; each loads its own models and has its own queues."
    )
    metrics_dir: Path | None = Field(
        None, description="Where several server processes add up their figures; scripts.serve makes a folder."
    )
    drain_seconds: float = Field(
        1.0, ge=0, description="How long a SIGTERM lets requests come while /health/ready says 503 already."
    )
    model_name: str = Field("all", description="The one model this process serves, or `all`.")
    model_service_urls: ServiceUrls = Field(
        {},
        description="Services that models run in, as `timesfm20=http://host:8001`, comma-separated;"
        " with `MODEL_NAME=all`.",
    )
    initialize_on_start: Words = Field(
        ("statsforecast",), description="Models loaded at start, comma-separated, or `none`."
    )
    lazy_initialization: bool = Field(
        False, description="Whether the first inference loads a model that is not loaded, and waits for it."
    )
    cors_allowed_origins: Words = Field(
        ("http://127.0.0.1:8080", "http://localhost:8080"),
        description="Origins that browsers may call from, comma-separated.",
    )
    cors_allow_credentials: bool = Field(False, description="Whether browsers may send credentials.")
    cors_allow_methods: Words = Field(
        ("GET", "POST", "PUT", "DELETE"), description="Methods that browsers may use."
    )
    cors_allow_headers: Words = Field(
        (
            "Authorization",
            "Content-Type",
            "X-Request-ID",
            "X-Deadline-Ms",
            "Prefer",
            "Cache-Control",
            "Idempotency-Key",
            "Last-Event-ID",
        ),
        description="Headers that browsers may send.",
    )
    rate_limit_enabled: bool = Field(True, description="Whether quotas are counted.")
    rate_limit_per_minute: int = Field(
        60, ge=1, description="Calls a minute about models, uploads, tables and clients."
    )
    rate_limit_data_per_minute: int = Field(
        600, ge=1, description="Calls a minute that put, read or delete history, forecasts and jobs."
    )
    rate_limit_inference_per_minute: int = Field(
        10, ge=1, description="Inference calls a minute of a key that has no quota of its own."
    )
    rate_limit_initialization_per_minute: int = Field(20, ge=1, description="Initialization calls a minute.")
    rate_limit_storage_uri: SecretStr = Field(
        SecretStr("memory://"), description="Where quotas are counted: `memory://` or `redis://host:port/db`."
    )
    max_request_size: int = Field(10_485_760, ge=1, description="The largest request body, in bytes.")
    max_upload_size: int = Field(
        52_428_800, ge=1, description="The largest uploaded or fetched file, in bytes."
    )
    uploads_bytes: int = Field(
        10_737_418_240,
        ge=1,
        description="What a client's uploads and repaired tables may take together, in bytes.",
    )
    upload_retention_days: int = Field(
        0, ge=0, description="How many days an upload or a repaired table is kept; 0 keeps all."
    )
    max_series_per_request: int = Field(
        10_000, ge=1, description="The most series in one request; each target of a table counts."
    )
    data_url_timeout_seconds: float = Field(
        10.0, gt=0, description="The time a data URL has to deliver, redirects included."
    )
    data_url_allowed_networks: Words = Field(
        (), description="Private networks that data URLs may reach, in CIDR form, comma-separated."
    )
    data_buckets_allowed: Words = Field(
        (), description="Objects that may be read, as comma-separated patterns: `s3://bucket/folder/*`."
    )

    database_url: SecretStr = Field(
        SecretStr("sqlite:///data/sapheneia.db"),
        description="Where history, jobs and forecasts are kept: `sqlite:///file` or"
        " `postgresql+psycopg://user:password@host/database`.",
    )
    database_pool_size: int = Field(
        10,
        ge=1,
        description="Connections to the database that a process keeps; under load it opens as many more.",
    )

    @property
    def database_files(self) -> frozenset[Path]:
        """The files of a database that is a file of this host."""
        found = re.fullmatch(r"sqlite:///(.+)", self.database_url.get_secret_value())
        names = [] if found is None else [found[1] + end for end in ("", "-wal", "-shm", "-journal")]
        return frozenset(Path(os.path.realpath(name)) for name in names)

    @field_validator("initialize_on_start")
    @classmethod
    def _may_be_none(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return () if value == ("none",) else tuple(dict.fromkeys(value))

    @field_validator("rate_limit_storage_uri")
    @classmethod
    def _is_a_store(cls, value: SecretStr) -> SecretStr:
        # What is wrong is told without the value, which may have a password.
        if not _is_store(value.get_secret_value()):
            raise ValueError(
                "is neither memory:// nor the address of a Redis server: redis://host:port/db, rediss:// over"
                " TLS, or redis+unix:///path/of/a/socket; marks in a password are written as %40 and the like"
            )
        return value

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"sqlite:///[^?]+|postgresql\+psycopg://.+", value.get_secret_value()):
            raise ValueError(
                "is neither sqlite:///path/of/a/file nor postgresql+psycopg://user:password@host:port/database"
            )
        return value

    @field_validator("data_url_allowed_networks")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ipaddress.ip_network(network)) for network in value)

    @field_validator("data_buckets_allowed")
    @classmethod
    def _are_buckets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            if not _BUCKETS.fullmatch(pattern):
                raise ValueError(
                    f"'{pattern}' is no pattern such as s3://bucket/*, gs://bucket/folder/* or az://…"
                )
        return value

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        key = self.api_secret_key.get_secret_value()
        if not key:
            raise ValueError("API_SECRET_KEY is empty")
        if self.environment == "production" and (key == TEMPLATE_KEY or len(key) < SHORTEST_KEY):
            raise ValueError(
                f"in production API_SECRET_KEY must have at least {SHORTEST_KEY} characters"
                " and not be the template's"
            )
        if "*" in self.cors_allowed_origins and self.cors_allow_credentials:
            raise ValueError("CORS_ALLOWED_ORIGINS=* cannot be combined with CORS_ALLOW_CREDENTIALS=true")
        if (
            self.uvicorn_workers > 1
            and self.rate_limit_enabled
            and self.rate_limit_storage_uri.get_secret_value() == "memory://"
        ):
            raise ValueError(
                "UVICORN_WORKERS above 1 needs a shared RATE_LIMIT_STORAGE_URI, such as redis://"
            )
        return self
