import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from sqlalchemy import update
from starlette.testclient import TestClient

from forecast.core.body import body_reader
from forecast.core.errors import NotFoundError, OverloadedError, RateLimitError
from forecast.core.principal import Principal
from forecast.core.routing import guards
from forecast.database.connection import Database
from forecast.idempotency.keys import Claim, Keys, note_made
from forecast.idempotency.route import CurrentClaim, IdempotentRoute, UnparsedIdempotentRoute, claim_key
from forecast.idempotency.tables import idempotency_keys
from tests.conftest import AUTHORIZED, MakeApp


class Order(BaseModel):
    what: str


class Shop:
    """Does something for each call that reaches it: `done` counts how often, in the database too."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.done = 0
        self.lock = threading.Lock()
        self.busy = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def serve(self, order: Order, claim: Claim | None) -> Response:
        with self.lock:
            self.done += 1
            number = self.done
        self.busy.set()
        assert self.go_on.wait(30)
        faults = {
            "nothing": NotFoundError("No such thing."),
            "much": OverloadedError("Too much."),
            "often": RateLimitError("Too often.", retry_after=3),
        }
        if order.what in faults:
            raise faults[order.what]
        if order.what == "bug":
            raise KeyError(order.what)
        if claim is not None:
            with self.database.write() as connection:
                note_made(connection, claim, f"{order.what} {number}")
        if order.what == "broken tea":
            raise OverloadedError("Made, and not told.")
        return Response(f"{order.what} {number} \xe9", 202, {"Location": f"/orders/{number}"})


async def retell(request: Request, caller: Principal, made: str) -> Response:
    return Response(f"{made} for {caller.client_id}", 202, {"Location": "/orders/again"})


async def read_query(a: str | None = None) -> None:
    """Take a parameter, which all the routes then have."""


def build_router(shop: Shop) -> APIRouter:
    passes = [*guards("discovery"), Depends(read_query), Depends(claim_key(retell))]
    router = APIRouter(prefix="/shop", dependencies=passes)

    def order(order: Annotated[Order, Depends(body_reader(Order, Order))], claim: CurrentClaim) -> Response:
        return shop.serve(order, claim)

    def parsed(order: Order, claim: CurrentClaim) -> Response:
        return shop.serve(order, claim)

    router.add_api_route("/orders", order, methods=["POST"], route_class_override=UnparsedIdempotentRoute)
    router.add_api_route("/parsed", parsed, methods=["POST"], route_class_override=IdempotentRoute)
    return router


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


@pytest.fixture
def keys(database: Database) -> Keys:
    return Keys(database, 24)


@pytest.fixture
def shop_client(make_app: MakeApp, shop: Shop, keys: Keys, database_url: str) -> Iterator[TestClient]:
    app = make_app(database_url=database_url)
    app.include_router(build_router(shop))
    with TestClient(app, headers=AUTHORIZED, raise_server_exceptions=False) as client:
        yield client


Post = Callable[..., Any]


def end_leases(database: Database) -> None:
    """Let the calls that are being answered have given no sign of life for long."""
    _set_leases(database, datetime.now(UTC) - timedelta(days=1))


def prolong_leases(database: Database) -> None:
    """Let the leases of the calls that are being answered end after the test."""
    _set_leases(database, datetime.now(UTC) + timedelta(days=1))


def _set_leases(database: Database, until: datetime) -> None:
    with database.write() as connection:
        connection.execute(update(idempotency_keys).values(lease_until=until))


@pytest.fixture(params=["orders", "parsed"])
def post(request: pytest.FixtureRequest, shop_client: TestClient) -> Post:
    """Orders something with an Idempotency-Key, on routes that read their body and on those that do not."""

    def order(key: str, what: str = "tea", accept: str = "*/*", **more: Any) -> Any:
        headers = {"Idempotency-Key": key, "Content-Type": "application/json", "Accept": accept}
        return shop_client.post(f"/shop/{request.param}", json={"what": what}, headers=headers, **more)

    return order
