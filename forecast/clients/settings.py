"""The settings of tokens (JWT)."""

import re
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from forecast.core.config import EnvSettings

SHORTEST_SECRET = 32


class TokenSettings(EnvSettings):
    """Whose tokens are accepted, and what they say; none where neither URL nor secret is given."""

    jwt_jwks_url: str | None = Field(
        None, description="Where the public keys of tokens (RS256, ES256) are, as `https://issuer/jwks.json`."
    )
    jwt_secret: SecretStr | None = Field(
        None, description="Instead, the secret that tokens (HS256) are signed with; at least 32 characters."
    )
    jwt_audience: str | None = Field(None, description="Whom tokens have to be for (claim `aud`).")
    jwt_issuer: str | None = Field(None, description="Who has to have issued tokens (claim `iss`).")
    jwt_client_claim: str = Field("client_id", description="The claim that names a token's client.")
    jwt_role_claim: str = Field(
        "role", description="The claim that names a token's role; `forecast` where a token has none."
    )

    @property
    def configured(self) -> bool:
        """Whether any tokens are accepted."""
        return self.jwt_jwks_url is not None or self.jwt_secret is not None

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The algorithms that tokens may be signed with: never both those of a secret and of public keys."""
        return ("HS256",) if self.jwt_secret is not None else ("RS256", "ES256")

    @field_validator("jwt_jwks_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^/@\s]+(/\S*)?", value):
            raise ValueError("is no http(s) address, or one with a user")
        return value

    @field_validator("jwt_secret")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(f"must have at least {SHORTEST_SECRET} characters")
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.jwt_jwks_url is not None and self.jwt_secret is not None:
            raise ValueError("JWT_JWKS_URL and JWT_SECRET exclude each other")
        checked = self.jwt_audience is not None and self.jwt_issuer is not None
        if self.configured and not checked:
            raise ValueError("JWT_JWKS_URL and JWT_SECRET need JWT_AUDIENCE and JWT_ISSUER")
        if not self.configured and (self.jwt_audience is not None or self.jwt_issuer is not None):
            raise ValueError("JWT_AUDIENCE and JWT_ISSUER need JWT_JWKS_URL or JWT_SECRET")
        return self
