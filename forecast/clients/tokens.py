"""Tokens (JWT) that an issuer signs: who calls with one."""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from forecast.clients.issuer import Issuer
from forecast.clients.settings import TokenSettings
from forecast.core.errors import AuthenticationError
from forecast.core.principal import CLIENT_ID, DEFAULT_CLIENT, ROLES, Principal

if TYPE_CHECKING:
    from jwt import PyJWK

LEEWAY_SECONDS = 10
_LONGEST_TOKEN = 8192
_LONGEST_NAME = 200
_REFUSED = "The token is wrong or has expired."


def is_token(given: str) -> bool:
    """Return whether a text could be a token."""
    return given.count(".") == 2 and len(given) <= _LONGEST_TOKEN


class TokenReader:
    """Reads the tokens that the settings accept."""

    def __init__(self, settings: TokenSettings, issuer: Issuer | None) -> None:
        self._settings = settings
        self._issuer = issuer

    async def read(self, given: str) -> Principal:
        """Return who calls with a token.

        Raises AuthenticationError where its signature, its time, its audience, its issuer or its claims are
        not what they must be, IssuerUnavailableError where the issuer's keys cannot be fetched.
        """
        import jwt

        try:
            header = jwt.get_unverified_header(given)
            # Before any key is looked for: a token chooses among what is allowed, and never what that is.
            if header.get("alg") not in self._settings.algorithms:
                raise AuthenticationError(_REFUSED)
            claims = self._decode(given, await self._find_key(header))
        except jwt.PyJWTError as error:
            raise AuthenticationError(_REFUSED) from error
        return self._principal(claims)

    async def _find_key(self, header: Mapping[str, Any]) -> "PyJWK | str":
        if self._issuer is None:
            secret = self._settings.jwt_secret
            return "" if secret is None else secret.get_secret_value()
        key_id = header.get("kid")
        key = await self._issuer.find_key(key_id) if isinstance(key_id, str) else None
        if key is None:
            raise AuthenticationError(_REFUSED)
        return key

    def _decode(self, given: str, key: "PyJWK | str") -> dict[str, Any]:
        from jwt import PyJWT

        settings = self._settings
        return PyJWT({"enforce_minimum_key_length": True}).decode(
            given,
            key,
            algorithms=list(settings.algorithms),
            audience=settings.jwt_audience,
            issuer=settings.jwt_issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "aud", "iss", settings.jwt_client_claim]},
        )

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        client_id = claims[self._settings.jwt_client_claim]
        if not isinstance(client_id, str) or CLIENT_ID.fullmatch(client_id) is None:
            raise AuthenticationError("The token's client is none that there can be.")
        if client_id == DEFAULT_CLIENT:
            raise AuthenticationError("A token cannot be of the client of API_SECRET_KEY.")
        role = claims.get(self._settings.jwt_role_claim, ROLES[0])
        if role not in ROLES:
            raise AuthenticationError(f"The token's role is none of {', '.join(ROLES)}.")
        name = claims.get("sub", client_id)
        if not isinstance(name, str) or not name.isprintable() or len(name) > _LONGEST_NAME:
            raise AuthenticationError("The token's subject is none that there can be.")
        counted = hashlib.sha256(f"{client_id}\0{name}".encode()).hexdigest()[:16]
        return Principal(client_id, name, role, counted=f"token:{counted}")
