"""Who calls is known over a WebSocket, too."""

from typing import Annotated

import pytest
from fastapi import Depends, WebSocket
from starlette.testclient import TestClient

from forecast.core.errors import AuthenticationError, ForbiddenError
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
        with socket.websocket_connect("/api/v1/ws/me", headers=headers) as opened:
            assert opened.receive_json() == told
    with pytest.raises(AuthenticationError), socket.websocket_connect("/api/v1/ws/me", headers=bearer("x")):
        pass
    with (
        pytest.raises(ForbiddenError),
        socket.websocket_connect("/api/v1/ws/me", headers=key | {"X-Client-ID": "beta"}),
    ):
        pass
