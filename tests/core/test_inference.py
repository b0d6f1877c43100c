import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from forecast.core.adapter import Options
from forecast.core.config import Settings
from forecast.core.errors import AbandonedError, DeadlineError, SapheneiaError
from forecast.core.inference import Patience, infer
from forecast.core.parameters import InferenceRequest, Parameters
from forecast.core.schemas import InitializationRequest
from tests.conftest import AUTHORIZED, MakeApp
from tests.core.conftest import PREFIX, REQUEST
from tests.fakes import FakeAdapter, Gate, make_service

LOOPBACK = ("127.0.0.0/8",)


@pytest.fixture
def silent_url() -> Iterator[str]:
    """The URL of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/x.csv"


class HeldPlan(FakeAdapter):
    """Holds the planning of the first request back until the gate is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate()
        self.calls = 0

    def covariate_mode(self, loaded: str, options: Options) -> Any:
        self.calls += 1
        if self.calls == 1:
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
        asyncio.run(infer(service, request, settings, Patience(time.monotonic(), 600, at_once)))
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
        assert await asyncio.to_thread(adapter.gate.entered.wait, 10)

    async def scene() -> None:
        held = error is DeadlineError
        patience = Patience(time.monotonic(), 0.2 if held else 600, forever if held else planning)
        with pytest.raises(error):
            await infer(service, ask("given up"), settings, patience)
        assert adapter.gate.entered.is_set()
        adapter.gate.opened.set()
        await infer(service, ask("last"), settings, Patience(time.monotonic(), 600, forever))

    asyncio.run(scene())
    service.shutdown()
    assert adapter.computed == ["last"]
