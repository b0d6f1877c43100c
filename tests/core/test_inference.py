import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest
from starlette.testclient import TestClient

from forecast.core.adapter import Options
from forecast.core.answer import write_json
from forecast.core.config import Settings
from forecast.core.data.table import Table
from forecast.core.errors import AbandonedError, DeadlineError, SapheneiaError, TooLargeError
from forecast.core.inference import Call, Patience, infer
from forecast.core.limits import check_series_count
from forecast.core.parameters import InferenceRequest, Parameters
from forecast.core.principal import DEFAULT_CLIENT
from forecast.core.schemas import InitializationRequest
from tests.conftest import AUTHORIZED, MakeApp
from tests.core.conftest import PREFIX, REQUEST
from tests.fakes import FakeAdapter, Gate, make_service, make_task

LOOPBACK = ("127.0.0.0/8",)


@pytest.fixture
def silent_url() -> Iterator[str]:
    """The URL of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/x.csv"


class HeldPlan(FakeAdapter):
    """Holds the planning of requests back until the gate is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate()

    def covariate_mode(self, loaded: str, options: Options) -> Any:
        self.gate(None)
        return super().covariate_mode(loaded, options)


def ask(name: str) -> InferenceRequest[Parameters]:
    body = REQUEST | {"data": REQUEST["data"] | {"shop": [name] * 10}}
    body["data_definition"] = {"y": "target", "shop": "id"}
    return InferenceRequest[Parameters].model_validate(body)


async def forever() -> None:
    await asyncio.Event().wait()


async def at_once() -> None:
    return


def test_the_deadline_passes_while_the_data_is_fetched(make_app: MakeApp, silent_url: str) -> None:
    app = make_app(data_url_allowed_networks=LOOPBACK, data_url_timeout_seconds=600)
    with TestClient(app, headers=AUTHORIZED) as client:
        client.post(f"{PREFIX}/initialization", json={})
        late = client.post(
            f"{PREFIX}/inference",
            json=REQUEST | {"data": None, "data_source_url_or_path": silent_url},
            headers={"X-Deadline-Ms": "200"},
        )
    assert (late.status_code, late.json()["error"]) == (504, "DEADLINE_EXCEEDED")


def test_a_caller_who_goes_away_while_the_data_is_fetched_is_left(
    make_settings: Callable[..., Settings], silent_url: str
) -> None:
    service = make_service()
    service.initialize(InitializationRequest())
    settings = make_settings(data_url_allowed_networks=LOOPBACK, data_url_timeout_seconds=600)
    request = ask("gone").model_copy(update={"data": None, "data_source_url_or_path": silent_url})
    with pytest.raises(AbandonedError):
        asyncio.run(
            infer(
                service,
                request,
                settings,
                Call(DEFAULT_CLIENT, Patience(time.monotonic(), 600, at_once)),
                write_json,
            )
        )
    service.shutdown()


@pytest.mark.parametrize("error", [DeadlineError, AbandonedError])
def test_a_plan_that_was_given_up_is_never_computed(
    make_settings: Callable[..., Settings], error: type[SapheneiaError]
) -> None:
    adapter = HeldPlan()
    service = make_service(adapter)
    service.initialize(InitializationRequest())
    settings = make_settings()

    async def planning() -> None:
        assert await asyncio.to_thread(adapter.gate.entered.wait, 60)

    async def scene() -> None:
        held = error is DeadlineError
        # A deadline may pass before a thread has begun to plan: then the next one is longer.
        for seconds in (0.2, 2, 20) if held else (600,):
            patience = Patience(time.monotonic(), seconds, forever if held else planning)
            with pytest.raises(error):
                await infer(service, ask("given up"), settings, Call(DEFAULT_CLIENT, patience), write_json)
            if adapter.gate.entered.is_set():
                break
        assert adapter.gate.entered.is_set()
        adapter.gate.opened.set()
        await infer(
            service,
            ask("last"),
            settings,
            Call(DEFAULT_CLIENT, Patience(time.monotonic(), 600, forever)),
            write_json,
        )

    asyncio.run(scene())
    service.shutdown()
    assert adapter.computed == ["last"]


def test_a_request_that_is_given_up_while_a_thread_queues_it_is_never_computed(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    held, gate = Gate(), Gate()
    adapter = FakeAdapter()
    service = make_service(adapter)
    service.initialize(InitializationRequest())
    adapter.on_predict = held
    service.submit([make_task("first")])
    worker = service.require_ready()[1].worker
    submit, futures, threads = worker.submit, [], []

    def submit_slowly(*given: Any) -> Any:
        threads.append(threading.current_thread())
        gate(None)
        futures.append(submit(*given))
        return futures[0]

    monkeypatch.setattr(worker, "submit", submit_slowly)

    async def queueing() -> None:
        assert await asyncio.to_thread(gate.entered.wait, 60)

    async def scene() -> None:
        patience = Patience(time.monotonic(), 600, queueing)
        with pytest.raises(AbandonedError):
            await infer(service, ask("given up"), make_settings(), Call(DEFAULT_CLIENT, patience), write_json)
        gate.opened.set()
        while not futures or not futures[0].cancelled():
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(scene(), 30))
    held.opened.set()
    service.shutdown()
    assert threads != [threading.main_thread()]
    assert adapter.computed == ["first"]


@pytest.mark.parametrize(
    ("ids", "asked", "targets", "count"),
    [(5, None, 1, 5), (2, None, 2, 4), (5, ["0", "1", "2", "3"], 1, 4), (None, None, 4, 4)],
)
def test_series_are_counted_by_ids_and_targets(
    ids: int | None, asked: list[str] | None, targets: int, count: int
) -> None:
    roles = dict.fromkeys((f"y{place}" for place in range(targets)), "target")
    frame = pd.DataFrame({name: [1.0] * 15 for name in roles})
    if ids is not None:
        frame["id"] = [row % ids for row in range(15)]
        roles["id"] = "id"
    body = {"data": {}, "data_definition": roles, "parameters": {"series_ids": asked}}
    request = InferenceRequest[Parameters].model_validate(body)
    check_series_count(request, Table(frame), count)
    with pytest.raises(TooLargeError, match=f"asks for {count} series; the limit is {count - 1} "):
        check_series_count(request, Table(frame), count - 1)


def test_more_series_than_a_request_may_have_are_refused(make_app: MakeApp) -> None:
    body = ask("a").model_dump(exclude_unset=True)
    body["data"]["shop"] = list("abcdefghij")
    with TestClient(make_app(max_series_per_request=9), headers=AUTHORIZED) as client:
        client.post(f"{PREFIX}/initialization", json={})
        refused = client.post(f"{PREFIX}/inference", json=body)
    assert (refused.status_code, refused.json()["details"]) == (413, {"series": 10, "max_series": 9})
