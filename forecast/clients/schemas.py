"""Clients and keys as they are asked for and told."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from forecast.core.principal import CLIENT_ID, Principal, Role
from forecast.core.schemas import Body

_LONGEST_DAYS = 36_500
_MOST = 1_000_000_000
_NO_ID = "Input should be 1 to 64 of a-z, 0-9, '.', '_' and '-', the first a letter or a digit"


def check_client_id(value: str) -> str:
    """Return a client's ID; refuse what is none."""
    if CLIENT_ID.fullmatch(value) is None:
        raise PydanticCustomError("client_id", _NO_ID)
    return value


def check_name(value: str) -> str:
    """Return a name; refuse what cannot stand in a line."""
    if not value.strip() or not value.isprintable():
        raise PydanticCustomError("name", "Input should be a name of printable characters")
    return value.strip()


ClientId = Annotated[str, AfterValidator(check_client_id)]
Name = Annotated[str, Field(max_length=100), AfterValidator(check_name)]


class NewClient(Body):
    """A client to make."""

    client_id: ClientId = Field(description="How it is called for ever: 1 to 64 of `a-z0-9._-`.")
    name: Name | None = Field(None, description="What people call it; its ID where left out.")


class Client(BaseModel):
    """A client, to whom keys, files, history, jobs and forecasts belong."""

    client_id: str
    name: str
    created_at: datetime


class Clients(BaseModel):
    """All clients, by their IDs."""

    clients: list[Client]


class NewKey(Body):
    """A key to make."""

    name: Name = Field(description="What the log calls it.")
    role: Role = Field("forecast", description="What it may do: `forecast`, `operator` or `admin`.")
    inferences_per_minute: int | None = Field(
        None,
        ge=1,
        le=_MOST,
        description="Its quota a minute; `RATE_LIMIT_INFERENCE_PER_MINUTE` where left out.",
    )
    inferences_per_day: int | None = Field(
        None, ge=1, le=_MOST, description="Its quota a day; none where left out."
    )
    expires_at: AwareDatetime | None = Field(
        None, strict=False, description="When it ends, with a time zone; never where left out."
    )
    expires_in_days: int | None = Field(
        None, ge=1, le=_LONGEST_DAYS, description="Instead, in how many days."
    )

    @model_validator(mode="after")
    def _has_one_end(self) -> Self:
        if self.expires_at is not None and self.expires_in_days is not None:
            raise PydanticCustomError("ends", "expires_at and expires_in_days exclude each other; give one")
        if self.expires_at is not None and self.expires_at <= datetime.now(UTC):
            raise PydanticCustomError("past", "expires_at is in the past")
        return self

    def ends(self, now: datetime) -> datetime | None:
        """Return when a key made now ends; None where it never does."""
        return self.expires_at if self.expires_in_days is None else now + timedelta(days=self.expires_in_days)


class Key(BaseModel):
    """A key without its value, which nobody can tell any more."""

    key_id: str
    client_id: str
    name: str
    role: Role
    inferences_per_minute: int | None
    inferences_per_day: int | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def principal(self) -> Principal:
        """Return who calls with it."""
        return Principal(
            self.client_id,
            self.name,
            self.role,
            counted=f"key:{self.key_id}",
            inferences_per_minute=self.inferences_per_minute,
            inferences_per_day=self.inferences_per_day,
        )

    def holds(self, now: datetime) -> bool:
        """Return whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


class MadeKey(Key):
    """A key that was just made, with its value."""

    key: str = Field(description="Its value, told this once: send it as `Authorization: Bearer <key>`.")


class Keys(BaseModel):
    """The keys of a client, the oldest first; revoked and expired ones too."""

    keys: list[Key]


class Me(BaseModel):
    """Who calls."""

    client_id: str
    name: str = Field(description="The name of the key, or whom the token is for.")
    role: Role
    inferences_per_minute: int = Field(description="Its quota of inferences a minute.")
    inferences_per_day: int | None = Field(
        description="Its quota of inferences a day; null where there is none."
    )
