"""Who is calling: the API key."""

import hashlib
import secrets
from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param

from forecast.core.config import Settings
from forecast.core.errors import AuthenticationError
from forecast.core.principal import ADMINISTRATOR, Principal

KEY_NAME = "default"
"""What the one key there is is called where its value must not be told."""

bearer = HTTPBearer(auto_error=False, description="The gateway's API_SECRET_KEY.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


async def get_settings(request: Request) -> Settings:
    """Return the settings of the app that serves this request."""
    settings: Settings = request.app.state.settings
    return settings


CurrentSettings = Annotated[Settings, Depends(get_settings)]


def is_key(credentials: HTTPAuthorizationCredentials | None, settings: Settings) -> bool:
    """Return whether the credentials are the gateway's key, in constant time."""
    given = credentials.credentials if credentials else ""
    return secrets.compare_digest(given.encode(), settings.api_secret_key.get_secret_value().encode())


def has_key(headers: Mapping[str, str], settings: Settings) -> bool:
    """Return whether a request's headers have the gateway's key."""
    scheme, given = get_authorization_scheme_param(headers.get("authorization"))
    credentials = HTTPAuthorizationCredentials(scheme=scheme, credentials=given)
    return scheme.lower() == "bearer" and is_key(credentials, settings)


async def require_key(credentials: Credentials, settings: CurrentSettings) -> Principal:
    """Return who calls, by the right key; raise AuthenticationError otherwise."""
    if credentials is None:
        raise AuthenticationError("Send the API key as 'Authorization: Bearer <API_SECRET_KEY>'.")
    if not is_key(credentials, settings):
        raise AuthenticationError("The API key is wrong.")
    return ADMINISTRATOR


Calling = Annotated[Principal, Depends(require_key)]


async def identify(request: Request, credentials: Credentials, settings: CurrentSettings) -> str:
    """Return what the caller's quota is counted under: the key when it is right, else the address."""
    if credentials is not None and is_key(credentials, settings):
        return "key:" + hashlib.sha256(credentials.credentials.encode()).hexdigest()[:16]
    return f"address:{request.client.host if request.client else 'unknown'}"


Caller = Annotated[str, Depends(identify)]
