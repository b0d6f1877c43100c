"""Many callers who wait for one load that the first of them began."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from forecast.core.answer import write_json
from forecast.core.config import Settings
from forecast.core.errors import AbandonedError, CheckpointError
from forecast.core.inference import Call, Patience, infer
from forecast.core.lifecycle import ModelService
from forecast.core.parameters import InferenceRequest, Parameters
from forecast.core.principal import DEFAULT_CLIENT
from tests.conftest import AUTHORIZED, MakeApp
from tests.core.conftest import PREFIX, REQUEST
from tests.core.test_lazy import count_loads
from tests.fakes import FakeAdapter, Gate, make_service


async def settled(model: ModelService[Any]) -> str:
    while model.snapshot.status == "initializing":
        await asyncio.sleep(0.001)
    return model.snapshot.status


def test_a_caller_who_goes_away_leaves_the_load_to_the_others(make_settings: Callable[..., Settings]) -> None:
    gate = Gate()
    model = make_service(FakeAdapter(on_load=gate))
    request = InferenceRequest[Parameters].model_validate(REQUEST)
    settings = make_settings(lazy_initialization=True)

    async def gone() -> None:
        assert await asyncio.to_thread(gate.entered.wait, 60)

    async def never() -> None:
        await asyncio.Event().wait()

    async def scene() -> None:
        left = asyncio.create_task(
            infer(
                model,
                request,
                settings,
                Call(DEFAULT_CLIENT, Patience(time.monotonic(), 60, gone)),
                write_json,
            )
        )
        stays = asyncio.create_task(
            infer(
                model,
                request,
                settings,
                Call(DEFAULT_CLIENT, Patience(time.monotonic(), 60, never)),
                write_json,
            )
        )
        with pytest.raises(AbandonedError):
            await left
        assert model.snapshot.status == "initializing"
        gate.opened.set()
        assert b'"point_forecast"' in await stays
        assert await settled(model) == "ready"

    asyncio.run(scene())
    model.shutdown()


def test_many_first_callers_share_one_load_and_hold_no_thread(
    make_app: MakeApp, serve: Callable[[FastAPI], str], fake: FakeAdapter
) -> None:
    gate = Gate()
    loads = count_loads(fake, gate)

    async def scene(url: str) -> list[httpx.Response]:
        async with httpx.AsyncClient(
            base_url=url, headers=AUTHORIZED, timeout=90, limits=httpx.Limits(max_connections=100)
        ) as client:
            calls = [asyncio.create_task(client.post(f"{PREFIX}/inference", json=REQUEST)) for _ in range(64)]
            assert await asyncio.to_thread(gate.entered.wait, 60)
            assert (await client.get("/health/live")).status_code == 200
            # A shutdown runs in a thread of the pool, which has 40.
            assert (await client.post("/forecast/v1/statsforecast/shutdown")).status_code == 200
            assert not any(call.done() for call in calls)
            gate.opened.set()
            return list(await asyncio.gather(*calls))

    answers = asyncio.run(scene(serve(make_app(model_name="all", lazy_initialization=True))))
    assert [answer.status_code for answer in answers] == [200] * 64
    assert len(loads) == 1


def test_every_waiting_caller_gets_the_error_of_the_one_load(
    make_app: MakeApp, serve: Callable[[FastAPI], str], fake: FakeAdapter
) -> None:
    gate = Gate()

    def fail(config: object) -> None:
        gate(config)
        raise CheckpointError("no such weights")

    loads = count_loads(fake, fail)

    async def scene(url: str) -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=url, headers=AUTHORIZED, timeout=90) as client:
            calls = [asyncio.create_task(client.post(f"{PREFIX}/inference", json=REQUEST)) for _ in range(8)]
            assert await asyncio.to_thread(gate.entered.wait, 60)
            gate.opened.set()
            return list(await asyncio.gather(*calls))

    answers = asyncio.run(scene(serve(make_app(lazy_initialization=True))))
    assert {answer.json()["detail"] for answer in answers} == {"no such weights"}
    assert len({answer.json()["instance"] for answer in answers}) == 8
    assert len(loads) == 1
