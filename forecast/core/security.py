"""Who is calling: found out once a request, from its key or token."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Protocol, cast
from urllib.parse import quote

from fastapi import Depends, Request
from fastapi.requests import HTTPConnection
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from starlette.datastructures import Headers
from starlette.types import Scope

from forecast.core.config import Settings
from forecast.core.errors import AuthenticationError, ForbiddenError, RequestError, SapheneiaError
from forecast.core.notes import note
from forecast.core.principal import CLIENT_ID, ROLES, Principal, Role

CLIENT_HEADER = "X-Client-ID"
"""The header in which API_SECRET_KEY names the client that it acts for."""
ROLE_HEADER = "X-Client-Role"
"""The header in which it names the role that it then acts with, by default its own."""
_FOUND = "caller"

bearer = HTTPBearer(
    auto_error=False, description="API_SECRET_KEY, the key of a client, or a token where they are accepted."
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


class Authenticator(Protocol):
    """What knows the keys and tokens; the app has it as `state.authenticator`."""

    async def authenticate(self, given: str) -> Principal:
        """Return who calls with a key or token.

        Raises AuthenticationError where nobody does, and an error of 503 where that cannot be told now.
        """
        ...


async def get_settings(request: Request) -> Settings:
    """Return the settings of the app that serves this request."""
    settings: Settings = request.app.state.settings
    return settings


CurrentSettings = Annotated[Settings, Depends(get_settings)]


async def find_caller(scope: Scope) -> Principal | SapheneiaError:
    """Return who makes a request, or why that is not known; looked up once, however often it is asked."""
    state = scope.setdefault("state", {})
    if _FOUND not in state:
        try:
            state[_FOUND] = await recognize(scope, Headers(scope=scope).get("authorization"))
        except SapheneiaError as error:
            state[_FOUND] = error
    return cast("Principal | SapheneiaError", state[_FOUND])


async def recognize(scope: Scope, authorization: str | None) -> Principal:
    """Return who shows an `authorization`, which need not be the request's own header.

    Raises AuthenticationError where that is nobody known, ForbiddenError where it names another client, and
    an error of 503 where it cannot be told now.
    """
    scheme, given = get_authorization_scheme_param(authorization)
    if scheme.lower() != "bearer" or not given:
        raise AuthenticationError("Send the API key as 'Authorization: Bearer <key>'.")
    authenticator: Authenticator = scope["app"].state.authenticator
    headers = Headers(scope=scope)
    known = await authenticator.authenticate(given)
    principal = _act(known, headers.get(CLIENT_HEADER), headers.get(ROLE_HEADER))
    # Quoted: a token's name is whatever its issuer writes.
    note(client=principal.client_id, key=quote(principal.name, safe="@:"))
    return principal


def _act(principal: Principal, client_id: str | None, role: str | None) -> Principal:
    """Return the principal as the client that it names; raise ForbiddenError where that is not its own."""
    if client_id is None:
        return principal
    if not principal.acts_for_others:
        if client_id != principal.client_id:
            raise ForbiddenError(f"Only API_SECRET_KEY may name another client in {CLIENT_HEADER}.")
        return principal
    if CLIENT_ID.fullmatch(client_id) is None:
        raise RequestError(f"{CLIENT_HEADER} is no name that a client can have.")
    if role is not None and role not in ROLES:
        raise RequestError(f"{ROLE_HEADER} is none of the roles {', '.join(ROLES)}.")
    # Not counted: a gateway that passes a request on has counted it under its caller's own quota.
    return replace(principal, client_id=client_id, role=role or principal.role, counted=None)


async def authenticate(connection: HTTPConnection) -> Principal:
    """Return who calls, over HTTP or a WebSocket; raise AuthenticationError where that is nobody known."""
    found = await find_caller(connection.scope)
    if isinstance(found, SapheneiaError):
        raise found
    return found


async def require_key(connection: HTTPConnection, _: Credentials) -> Principal:
    """Return who calls, by the right key or token; raise AuthenticationError otherwise."""
    return await authenticate(connection)


Calling = Annotated[Principal, Depends(require_key)]


def require_role(role: Role) -> Callable[[Principal], Awaitable[Principal]]:
    """Return a dependency that gives who calls, and raises ForbiddenError where its role is a lesser one."""

    async def check(principal: Calling) -> Principal:
        if not principal.may(role):
            raise ForbiddenError(f"This needs a key of the role '{role}'; yours has '{principal.role}'.")
        return principal

    return check


async def identify(request: Request) -> Principal | str:
    """Return whose quota a call is counted on: the caller's, else that of the address."""
    found = await find_caller(request.scope)
    if isinstance(found, Principal):
        return found
    return f"address:{request.client.host if request.client else 'unknown'}"


Caller = Annotated[Principal | str, Depends(identify)]
