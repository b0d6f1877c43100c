"""Who calls is known over a WebSocket, too."""

from typing import Annotated

import pytest
from fastapi import Depends, WebSocket
from starlette.testclient import TestClient, WebSocketDenialResponse

from forecast.core.principal import Principal
from forecast.core.security import authenticate
from tests.clients.conftest import MakeKey, bearer
from tests.conftest import AUTHORIZED


@pytest.fixture
def socket(gateway: TestClient) -> TestClient:
    """A gateway with a WebSocket that tells who calls."""

    async def tell(socket: WebSocket, principal: Annotated[Principal, Depends(authenticate)]) -> None:
        await socket.accept()
        await socket.send_json([principal.client_id, principal.role])
        await socket.close()

    gateway.app.add_api_websocket_route("/api/v1/ws/me", tell)  # type: ignore[attr-defined]
    return gateway


def test_a_websocket_knows_who_calls(socket: TestClient, make_key: MakeKey) -> None:
    key = bearer(make_key()["key"])
    for headers, told in (
        (AUTHORIZED, ["default", "admin"]),
        (AUTHORIZED | {"X-Client-ID": "beta"}, ["beta", "admin"]),
        (key, ["acme", "forecast"]),
    ):
        with socket.websocket_connect("/api/v1/ws/me", headers=dict(headers)) as opened:
            assert opened.receive_json() == told


@pytest.mark.parametrize(
    ("headers", "status", "error"),
    [(bearer("x"), 401, "UNAUTHORIZED"), (AUTHORIZED | {"X-Client-ID": "A"}, 422, "REQUEST_INVALID")],
)
def test_a_websocket_of_nobody_known_is_refused(
    socket: TestClient, headers: dict[str, str], status: int, error: str
) -> None:
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        socket.websocket_connect("/api/v1/ws/me", headers=dict(headers)),
    ):
        pass
    assert (refused.value.status_code, refused.value.json()["error"]) == (status, error)
