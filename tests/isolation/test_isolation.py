"""Two clients of one gateway: whatever one asks, it learns nothing of the other, and changes nothing."""

import base64
import io
import itertools
import json
import re
import uuid
from collections.abc import Collection, Iterator
from functools import partial
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from starlette.testclient import TestClient

from forecast.core.media import ARROW, PARQUET
from tests.isolation.belongings import Belongings, Caller, fill, forecast_of, make_caller, rows, wait_for
from tests.isolation.calling import (
    PAGES,
    SHARED,
    WEBSOCKETS,
    Call,
    Names,
    Route,
    find_routes,
    find_undescribed,
    write_call,
)
from tests.isolation.conftest import NOBODY

MARKER = "zq7xk4w9"
GHOST = "yj3vb8n5"
_NUMBERS = itertools.count()
_KEPT = re.compile(rf"{MARKER}-[0-9a-f]{{12}}\.csv")


@pytest.fixture
def other(gateway: TestClient) -> tuple[Caller, Belongings]:
    """The client that has everything."""
    return fill(gateway, MARKER, NOBODY)


@pytest.fixture
def routes(gateway: TestClient) -> list[Route]:
    app: Any = gateway.app
    return find_routes(app)


def as_ghost(names: Names) -> dict[str, list[str]]:
    """Return names of the same shapes that nothing has."""

    def rename(kind: str, name: str) -> str:
        if MARKER in name:
            return name.replace(MARKER, GHOST)
        if kind == "job_id":
            return str(uuid.UUID(int=uuid.UUID(name).int ^ 0xFFFF))
        if kind == "cursor of /api/v1/series/items":
            return base64.urlsafe_b64encode(
                base64.urlsafe_b64decode(name).replace(MARKER.encode(), GHOST.encode())
            ).decode()
        swapped = "f" if name[0] != "f" else "e"
        return swapped + name[1:] if kind in ("forecast_id", "key_id") else name

    return {kind: [rename(kind, name) for name in some] for kind, some in names.items()}


class Stranger:
    """Another client, and all that it has said."""

    def __init__(self, gateway: TestClient, other: Belongings, role: str = "forecast") -> None:
        number = next(_NUMBERS)
        self.client_id = f"stranger-{number}"
        self.caller, self.key_id = make_caller(gateway, self.client_id, "stranger", role)
        self.other = other
        self.said: set[str] = set()
        self.caller.send(200, "PUT", "/api/v1/series", json={"data": rows({"mine": 9})})
        self.names = {kind: list(some) for kind, some in other.names.items()}
        """What it can say: the names of the other client's things, and of its own."""
        self._learn(dataset="default", item_id="mine", idempotency_key="own-once")

    def make(self, call: Call) -> Any:
        """Make a call; require that its answer tells nothing of the other client."""
        self.said |= call.said
        answer = self.caller(call.route.method, call.path, **call.sent)
        told = f"{call.route.method} {call.path} {call.sent}: {answer.status_code}"
        # What all clients are told alike has nothing of what one of them said before.
        said = self.said if call.path.startswith("/api/v1/") else call.said
        leaked = [secret for secret in self.other.secrets if secret in self._strip(read(answer), said)]
        assert not leaked, f"{told} tells {leaked}: {answer.text[:500]}"
        assert answer.status_code < 500, f"{told} {answer.text[:500]}"
        if call.route.names_one and any(name in call.path for name in self.other.secrets - {MARKER}):
            assert (answer.status_code, answer.json()["error"]) == (404, "NOT_FOUND"), told
        self._note(call, answer)
        return answer

    def _strip(self, text: str, said: Collection[str]) -> str:
        """Return an answer without what the client said itself."""
        for word in sorted(said, key=len, reverse=True):
            text = text.replace(word, "")
        # A file is kept under the name that it was sent with, and a token that makes it another.
        return _KEPT.sub(lambda found: found[0] if found[0] in self.other.secrets else "", text)

    def _note(self, call: Call, answer: Any) -> None:
        """Remember what was made, once it will not change any more."""
        told = answer.json() if call.route.method == "POST" and answer.is_success else {}
        if "job_id" in told:
            job = wait_for(self.caller, told["job_id"])
            self._learn(job_id=job["job_id"], forecast_id=job["forecast_run_id"])
        elif "forecast_run_id" in told:
            self._learn(forecast_id=told["forecast_run_id"])
        elif told.get("path"):
            self._learn(source=told["path"], file=told["path"].rpartition("/")[2])

    def _learn(self, **names: str) -> None:
        for kind, name in names.items():
            self.names[kind].append(name)


def read(answer: Any) -> str:
    """Return the headers and all that is in an answer as text."""
    media = answer.headers.get("content-type", "")
    told = f"{list(answer.headers.multi_items())}\n"
    if answer.status_code == 200 and media == PARQUET:
        table = parquet.read_table(io.BytesIO(answer.content))
    elif answer.status_code == 200 and media == ARROW:
        table = pa.ipc.open_stream(answer.content).read_all()
    else:
        return told + str(answer.text)
    return f"{told}{table.schema.to_string()}\n{table.to_pylist()}"


def shape(value: Any) -> Any:
    """Return which fields an answer has, and how many of each, whatever it says in them."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items() if name != "details"}
    return [shape(one) for one in value] if isinstance(value, list) else None


def outline(answer: Any) -> Any:
    """Return what may not depend on whether something is another client's, or nobody's."""
    is_json = answer.content and "json" in answer.headers.get("content-type", "")
    told = answer.json() if is_json else None
    error = told.get("error") if isinstance(told, dict) else None
    return answer.status_code, error, shape(told)


def every_way(route: Route, names: Names) -> Iterator[Call]:
    """Yield calls of a route that between them say each of the names, with and without what is optional."""
    kinds = ["source", "item_id"] if route.has_body else []
    kinds += [kind for _, name in route.parameters if (kind := route.kind_of(name)) is not None]
    most = max((len(names[kind]) for kind in kinds), default=1)
    optional = {name for _, name in route.parameters}
    alone = [({name}, min(most, 2)) for name in sorted(optional)]
    for sent, count in [(optional, most), (set(), most), *alone]:
        for place in range(count):
            yield write_call(route, names, partial(_take_one, place), sent.__contains__)


def _take_one(place: int, some: list[str]) -> str:
    return some[place % len(some)]


def snapshot(caller: Caller, mine: Belongings) -> dict[str, bytes]:
    """Return all that a client reads of its own."""
    names = mine.names
    paths = [
        "/api/v1/me",
        "/api/v1/datasets",
        *(f"/api/v1/datasets/{one}" for one in names["dataset"]),
        *(f"/api/v1/series?dataset={one}&format=csv" for one in names["dataset"]),
        *(f"/api/v1/series/items?dataset={one}" for one in names["dataset"]),
        "/api/v1/forecasts",
        *(
            f"/api/v1/forecasts/{one}?format={kind}"
            for one in names["forecast_id"]
            for kind in ("json", "csv")
        ),
        "/api/v1/forecast-jobs",
        *(f"/api/v1/forecast-jobs/{one}" for one in names["job_id"]),
        *(f"/api/v1/forecast-jobs/{one}/events" for one in names["job_id"]),
    ]
    told = {}
    for path in paths:
        answer = caller("GET", path)
        assert answer.status_code == 200, (path, answer.text)
        told[path] = answer.content
    for source in names["source"][:2]:
        body = {"data_source_url_or_path": source}
        told[source] = json.dumps(caller.send(200, "POST", "/api/v1/tables", json=body)["table"]).encode()
    once = {"Idempotency-Key": names["idempotency_key"][0]}
    again = caller(
        "POST", "/api/v1/forecast", headers=once, json=forecast_of(names["dataset"][1], *names["item_id"])
    )
    assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true")
    told["replayed"] = again.content
    return told


def test_every_route_is_known(gateway: TestClient) -> None:
    app: Any = gateway.app
    assert find_undescribed(app) == WEBSOCKETS | PAGES


def test_no_route_tells_a_client_whether_something_is_anothers_or_nobodys(
    gateway: TestClient, other: tuple[Caller, Belongings], routes: list[Route]
) -> None:
    caller, theirs = other
    before = snapshot(caller, theirs)
    ghost = as_ghost(theirs.names)
    for role in ("forecast", "operator"):
        one, two = Stranger(gateway, theirs, role), Stranger(gateway, theirs, role)
        for route in routes:
            if role == "operator" and ((route.method, route.path) in SHARED or not route.is_for_admins):
                continue
            for real, made_up in zip(every_way(route, theirs.names), every_way(route, ghost), strict=True):
                answer = one.make(real)
                assert outline(answer) == outline(two.make(made_up)), (real, answer.text)
                if route.is_for_admins:
                    assert answer.status_code == 403
    assert snapshot(caller, theirs) == before


def test_nothing_that_a_client_does_in_any_order_tells_it_of_another(
    gateway: TestClient, other: tuple[Caller, Belongings], routes: list[Route]
) -> None:
    caller, theirs = other
    before = snapshot(caller, theirs)
    others = {
        "forecast": routes,
        "operator": [route for route in routes if (route.method, route.path) not in SHARED],
        "admin": [r for r in routes if (r.method, r.path) not in SHARED and not r.is_for_admins],
    }

    @settings(suppress_health_check=[HealthCheck.too_slow])
    @given(data=st.data())
    def explore(data: st.DataObject) -> None:
        role = data.draw(st.sampled_from(list(others)))
        stranger = Stranger(gateway, theirs, role)
        for route in data.draw(st.lists(st.sampled_from(others[role]), min_size=1, max_size=8)):
            call = write_call(
                route,
                stranger.names,
                lambda some: data.draw(st.sampled_from(some)),
                lambda name: data.draw(st.booleans(), label=name),
            )
            stranger.make(call)

    explore()
    assert snapshot(caller, theirs) == before


def test_a_websocket_tells_a_client_nothing_of_anothers_jobs(
    gateway: TestClient, other: tuple[Caller, Belongings]
) -> None:
    _, theirs = other
    stranger = Stranger(gateway, theirs)
    for job_id in (*theirs.names["job_id"], *as_ghost(theirs.names)["job_id"]):
        for query in ("", "?last_event_id=1"):
            path = f"/api/v1/ws/jobs/{job_id}{query}"
            with gateway.websocket_connect(path, headers=stranger.caller.headers) as socket:
                closed = socket.receive()
            told = {"type": "websocket.close", "code": 4404, "reason": f"There is no job '{job_id}'."}
            assert closed == told


def test_a_client_cannot_act_for_another(
    gateway: TestClient, other: tuple[Caller, Belongings], routes: list[Route]
) -> None:
    _, theirs = other
    for role in ("forecast", "operator", "admin"):
        stranger = Stranger(gateway, theirs, role)
        for route in routes:
            if route.path.startswith("/api/v1/"):
                call = write_call(route, theirs.names, lambda some: some[0], lambda name: False)
                for client_id in (theirs.client_id, *as_ghost(theirs.names)["client_id"], "default"):
                    headers = call.sent["headers"] | {"X-Client-ID": client_id}
                    answer = stranger.caller(route.method, call.path, **call.sent | {"headers": headers})
                    assert (answer.status_code, answer.json()["error"]) == (403, "FORBIDDEN")
                    assert MARKER not in read(answer)
