"""A gateway whose database is down."""

from datetime import UTC, datetime

from starlette.testclient import TestClient

from forecast.clients import service
from forecast.clients.schemas import NewKey
from tests.clients.conftest import bearer
from tests.conftest import AUTHORIZED, MakeApp
from tests.core.conftest import PREFIX, REQUEST
from tests.postgres import PostgresServer


def test_forecasts_go_on_while_the_database_is_down(make_app: MakeApp, own_postgres: PostgresServer) -> None:
    app = make_app(database_url=own_postgres.url())
    with app.state.database.write() as connection:
        known, unknown = (
            service.create_key(connection, "default", NewKey(name=name), datetime.now(UTC)).key
            for name in ("known", "unknown")
        )
    with TestClient(app, headers=AUTHORIZED) as client:
        client.post(f"{PREFIX}/initialization", json={})
        assert client.get("/api/v1/me", headers=bearer(known)).status_code == 200
        own_postgres.kill()

        for headers in (AUTHORIZED, bearer(known)):
            assert client.post(f"{PREFIX}/inference", json=REQUEST, headers=headers).status_code == 200
        assert client.get("/health", headers=bearer(unknown)).status_code == 200
        for _ in range(2):
            refused = client.post(f"{PREFIX}/inference", json=REQUEST, headers=bearer(unknown))
            assert (refused.status_code, refused.json()["error"]) == (503, "DATABASE_UNAVAILABLE")
            assert refused.headers["Retry-After"] == "5"
        assert client.get("/api/v1/me", headers=bearer("wrong")).status_code == 401
        listing = client.get("/api/v1/clients")
        assert (listing.status_code, listing.json()["error"]) == (503, "DATABASE_UNAVAILABLE")
