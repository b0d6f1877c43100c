"""Routes that answer a call with an Idempotency-Key once, however often it is sent."""

import asyncio
import hashlib
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any

from anyio import CancelScope
from anyio.to_thread import run_sync
from fastapi import Depends, Header, Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from forecast.core.errors import DatabaseUnavailableError, RequestError
from forecast.core.media import read_preferences
from forecast.core.principal import Principal
from forecast.core.security import Calling
from forecast.core.unparsed import UnparsedRequest, UnparsedRoute
from forecast.idempotency.keys import LEASE_SECONDS, Answer, Asked, Claim, Keys

log = logging.getLogger(__name__)

_HEADER = "idempotency-key"
_REPLAYED = b"idempotency-replayed"
_CLAIM = "idempotency_claim"
_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_Key = Annotated[
    str | None,
    Header(
        description="1 to 255 characters of your choice, such as a UUID: however often a call with it is"
        " sent, it is done once, and answered the same."
    ),
]
_RENEWALS_A_LEASE = 3
_SAFE = {"GET", "HEAD", "OPTIONS"}
# What the same request may be told otherwise the next time: a model is loaded by then, a quota is free again.
_PASSING = {408, 409, 425, 429, 499}

Retell = Callable[[Request, Principal, str], Awaitable[Response]]
"""Answers a call with what an earlier one made, by what that wrote down with `note_made`."""


class _AnsweredError(Exception):
    """Ends a call that was done before."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def claim_key(retell: Retell) -> Callable[..., Awaitable[None]]:
    """Return what takes the key of a call on an IdempotentRoute, as a dependency after the guards.

    `retell` answers where an earlier call has made what it did not tell. Raises RequestError where a key is
    none, KeyReusedError where it was sent with something else, KeyInUseError while the first call runs.
    """

    async def claim(request: Request, calling: Calling, idempotency_key: _Key = None) -> None:
        if idempotency_key is None:
            return
        if not _KEY.fullmatch(idempotency_key):
            raise RequestError("The header 'Idempotency-Key' takes 1 to 255 printable ASCII characters.")
        begun = await _begin(request, calling.client_id, idempotency_key)
        if isinstance(begun, Answer):
            raise _AnsweredError(_replay(begun))
        setattr(request.state, _CLAIM, begun)
        if begun.made is not None:
            raise _AnsweredError(_mark(await retell(request, calling, begun.made)))

    return claim


async def find_claim(request: Request) -> Claim | None:
    """Return the claim that a call has to `note_made` with; None where it came without a key."""
    claim: Claim | None = getattr(request.state, _CLAIM, None)
    return claim


CurrentClaim = Annotated[Claim | None, Depends(find_claim)]


class IdempotentRoute(APIRoute):
    """A route with `claim_key` among its dependencies, which keeps its answers and gives them again.

    Answers that the same request may not get the next time (5xx, 429, 409) are not kept: its key is free.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except _AnsweredError as answered:
                return answered.response

        return answer

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; one with a key is sent its answer once that is kept."""
        if _HEADER not in Headers(scope=scope) or scope["method"] in _SAFE:
            await super().handle(scope, receive, send)
            return
        held = _Held()
        keys: Keys = scope["app"].state.idempotency_keys
        renewing = asyncio.create_task(_renew_always(keys, scope))
        try:
            await super().handle(scope, receive, held)
        finally:
            renewing.cancel()
            with CancelScope(shield=True):
                await run_sync(_settle, keys, scope.get("state", {}).get(_CLAIM), held.answer())
        for message in held.messages:
            await send(message)


class UnparsedIdempotentRoute(IdempotentRoute, UnparsedRoute):
    """An IdempotentRoute that reads its body itself."""


class _Held:
    """Takes the messages of a response and keeps them."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)

    def answer(self) -> Answer | None:
        """Return the response; None where it did not come to its end."""
        if not self.messages or self.messages[-1].get("more_body", False):
            return None
        start, *parts = self.messages
        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in start["headers"]
            if name != _REPLAYED
        ]
        return Answer(start["status"], headers, b"".join(part.get("body", b"") for part in parts))


async def _begin(request: Request, client_id: str, key: str) -> Claim | Answer:
    content = await (request.content() if isinstance(request, UnparsedRequest) else request.body())
    route = f"{request.method} {request.url.path}?{request.url.query}"
    accepted = _read_accepted(request)

    def begin() -> Claim | Answer:
        keys: Keys = request.app.state.idempotency_keys
        digest = hashlib.sha256(accepted + b"\n" + content)
        return keys.begin(Asked(client_id, key, route, digest.hexdigest()))

    return await run_sync(begin)


def _read_accepted(request: Request) -> bytes:
    """Return which media types a call accepts, in one line that is the same however they are written."""
    asked = read_preferences(", ".join(request.headers.getlist("accept"))) or {"*/*": 1.0}
    return ",".join(f"{name};q={quality:g}" for name, quality in sorted(asked.items())).encode()


def _replay(answer: Answer) -> Response:
    response = Response(answer.body, answer.status)
    response.raw_headers = [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers
    ]
    return _mark(response)


def _mark(response: Response) -> Response:
    response.raw_headers.append((_REPLAYED, b"true"))
    return response


def _settle(keys: Keys, claim: Claim | None, answer: Answer | None) -> None:
    if claim is None:
        return
    try:
        if answer is None or answer.status >= 500 or answer.status in _PASSING:
            keys.free(claim)
        else:
            keys.keep(claim, answer)
    except DatabaseUnavailableError:
        # The caller has its answer nevertheless; the key is free once its lease has ended.
        log.warning("idempotency=unsettled")


async def _renew_always(keys: Keys, scope: Scope) -> None:
    while True:
        await asyncio.sleep(LEASE_SECONDS / _RENEWALS_A_LEASE)
        claim: Claim | None = scope.get("state", {}).get(_CLAIM)
        if claim is not None:
            await run_sync(_renew, keys, claim)


def _renew(keys: Keys, claim: Claim) -> None:
    try:
        keys.renew(claim)
    except DatabaseUnavailableError:
        log.warning("idempotency=unrenewed")
