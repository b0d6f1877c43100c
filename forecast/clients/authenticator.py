"""Who calls: by API_SECRET_KEY, a client's key, or a token."""

import hashlib
import secrets
from dataclasses import replace

from pydantic import SecretStr

from forecast.clients.issuer import Issuer
from forecast.clients.keys import is_key
from forecast.clients.ring import KeyRing
from forecast.clients.settings import TokenSettings
from forecast.clients.tokens import TokenReader, is_token
from forecast.core.config import Settings
from forecast.core.errors import AuthenticationError
from forecast.core.principal import ADMINISTRATOR, Principal
from forecast.database.connection import Database


class ClientAuthenticator:
    """Knows API_SECRET_KEY, the keys of `ring`, and the tokens that `tokens` reads, if any."""

    def __init__(self, secret: SecretStr, ring: KeyRing, tokens: TokenReader | None) -> None:
        self.ring = ring
        self._secret = secret.get_secret_value().encode()
        self._tokens = tokens
        counted = hashlib.sha256(self._secret).hexdigest()[:16]
        self._administrator = replace(ADMINISTRATOR, counted=f"key:{counted}")

    async def authenticate(self, given: str) -> Principal:
        """Return who calls; raises what KeyRing and TokenReader do, AuthenticationError at anything else."""
        if secrets.compare_digest(given.encode("utf-8", "backslashreplace"), self._secret):
            return self._administrator
        if is_key(given):
            return await self.ring.find(given)
        if self._tokens is not None and is_token(given):
            return await self._tokens.read(given)
        raise AuthenticationError("The API key is wrong.")


def make_authenticator(settings: Settings, database: Database) -> ClientAuthenticator:
    """Return what knows the keys of a database and the tokens of the environment's settings."""
    accepted = TokenSettings()
    issuer = None if accepted.jwt_jwks_url is None else Issuer(accepted.jwt_jwks_url)
    tokens = TokenReader(accepted, issuer) if accepted.configured else None
    return ClientAuthenticator(settings.api_secret_key, KeyRing(database), tokens)
