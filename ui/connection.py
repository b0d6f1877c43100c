"""The connection to the gateway: every call returns data or raises GatewayError."""

from collections.abc import Mapping
from typing import Any

import httpx

from ui.errors import Fault, GatewayDownError, GatewayError

_CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 30.0


class Connection:
    """One gateway and the key that the page has for it."""

    def __init__(self, base_url: str, key: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers={"Authorization": f"Bearer {key}"},
            transport=transport,
            # A proxy of the host's environment has no part in calls to one's own gateway.
            trust_env=False,
        )

    async def send(
        self, method: str, path: str, seconds: float = ANSWER_SECONDS, **content: Any
    ) -> dict[str, Any]:
        """Return the object that a call is answered with, an empty one where there is no content."""
        timeout = httpx.Timeout(seconds, connect=_CONNECT_SECONDS)
        try:
            answer = await self._client.request(method, path, timeout=timeout, **content)
        except httpx.TransportError as error:
            raise GatewayDownError from error
        if answer.is_error:
            raise _refusal(answer)
        return _read(answer) if answer.content else {}

    async def open(self, path: str, seconds: float, accept: str, **content: Any) -> "Download":
        """Return a file of the gateway's, of which nothing is read yet; each piece may take `seconds`."""
        # As it is: a packed one would be unpacked here, and its length not known.
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        timeout = httpx.Timeout(seconds, connect=_CONNECT_SECONDS)
        request = self._client.build_request("GET", path, timeout=timeout, headers=headers, **content)
        try:
            answer = await self._client.send(request, stream=True)
            if answer.is_error:
                await answer.aread()
                raise _refusal(answer)
        except httpx.TransportError as error:
            raise GatewayDownError from error
        return Download(answer)

    async def close(self) -> None:
        """End the connections."""
        await self._client.aclose()


class Download:
    """A file on its way from the gateway, piece by piece."""

    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer
        self._pieces = answer.aiter_bytes()

    @property
    def content_type(self) -> str:
        """What kind of file it is."""
        return str(self._answer.headers.get("content-type", "application/octet-stream"))

    @property
    def length(self) -> str | None:
        """How many bytes it has, where the gateway tells."""
        told: str | None = self._answer.headers.get("content-length")
        return told

    async def read(self) -> bytes:
        """Return the next piece, none at the end; raise httpx.TransportError where the gateway is lost."""
        return await anext(self._pieces, b"")

    async def close(self) -> None:
        """Take no more of it."""
        await self._answer.aclose()


def _read(answer: httpx.Response) -> dict[str, Any]:
    """Return an answer's object; raise GatewayError where it is none, so not a gateway's."""
    try:
        found = answer.json()
    except ValueError as error:
        raise _unknown(answer) from error
    if not isinstance(found, dict):
        raise _unknown(answer)
    return found


def _refusal(answer: httpx.Response) -> GatewayError:
    """Return the error that an answer stands for; one that is no problem+json is told by its status."""
    if answer.headers.get("content-type", "").partition(";")[0] != "application/problem+json":
        return _unknown(answer)
    problem = _read(answer)
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return GatewayError(
            "The forecasting service does not take the key of this page; its operator sets it as UI_API_KEY.",
            status=httpx.codes.BAD_GATEWAY,
            code=str(problem["error"]),
        )
    retry_after = answer.headers.get("retry-after", "")
    return GatewayError(
        str(problem["detail"]),
        status=answer.status_code,
        code=str(problem["error"]),
        faults=[_fault(each) for each in problem.get("errors") or ()],
        retry_after=float(retry_after) if retry_after.isdecimal() else None,
    )


def _unknown(answer: httpx.Response) -> GatewayError:
    return GatewayError(
        f"What answers in place of the forecasting service is not one (status {answer.status_code}).",
        status=httpx.codes.BAD_GATEWAY,
    )


def _fault(error: Mapping[str, Any]) -> Fault:
    return Fault(
        str(error.get("message", "")), column=error.get("column") or error.get("field"), row=error.get("row")
    )
