"""Who opens a WebSocket, and from which page."""

import asyncio
import time
from urllib.parse import urlsplit

from fastapi import WebSocket, WebSocketDisconnect
from pydantic_core import from_json

from forecast.core.config import Settings
from forecast.core.errors import AuthenticationError, RateLimitError, SapheneiaError
from forecast.core.principal import Principal
from forecast.core.rate_limit import RateLimiter
from forecast.core.security import recognize

TOKEN_SECONDS = 5.0
_UNKNOWN = (
    "Send the API key in the header 'Authorization: Bearer <key>', or as the first message"
    ' {"token": "<key>"} at once.'
)


def has_allowed_origin(socket: WebSocket) -> bool:
    """Return whether a page may open it: browsers leave it to the server to look where one comes from."""
    origin = socket.headers.get("origin")
    settings: Settings = socket.app.state.settings
    allowed = settings.cors_allowed_origins
    if origin is None or "*" in allowed or origin in allowed:
        return True
    return urlsplit(origin).netloc == socket.headers.get("host")


async def read_authorization(socket: WebSocket) -> str:
    """Return what a caller shows: its Authorization header, or the token of its first message.

    A page cannot send the header, and a key in the URL would be in every log. Raises AuthenticationError
    where neither comes in time, WebSocketDisconnect where the caller leaves.
    """
    header = socket.headers.get("authorization")
    if header is not None:
        return header
    try:
        message = await asyncio.wait_for(socket.receive(), TOKEN_SECONDS)
    except TimeoutError:
        raise AuthenticationError(_UNKNOWN) from None
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    return f"Bearer {_read_token(message.get('text') or '')}"


def _read_token(text: str) -> str:
    try:
        told = from_json(text)
    except ValueError:
        raise AuthenticationError(_UNKNOWN) from None
    token = told.get("token") if isinstance(told, dict) else None
    if not isinstance(token, str) or not token:
        raise AuthenticationError(_UNKNOWN)
    return token


async def authenticate(socket: WebSocket, authorization: str) -> Principal:
    """Return who shows this, counted on its quota as any call is.

    Raises AuthenticationError where that is nobody known, RateLimitError beyond the quota.
    """
    try:
        principal = await recognize(socket.scope, authorization)
    except SapheneiaError:
        await _count(socket, f"address:{socket.client.host if socket.client else 'unknown'}")
        raise
    await _count(socket, principal)
    return principal


async def _count(socket: WebSocket, caller: Principal | str) -> None:
    limiter: RateLimiter = socket.app.state.rate_limiter
    counted = await limiter.count("data", caller)
    if counted is not None and not counted[0]:
        wait = max(1, counted[1].reset_at - int(time.time()))
        raise RateLimitError(f"Your quota of calls a minute is used up; try again in {wait} s.")
