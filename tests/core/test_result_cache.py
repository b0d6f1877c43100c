from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from forecast.core.adapter import Covariate, Options, Task
from forecast.core.principal import DEFAULT_CLIENT
from forecast.core.result_cache import ResultCache, name_tasks
from tests.conftest import AUTHORIZED, MakeApp
from tests.core.conftest import PREFIX, REQUEST
from tests.fakes import FakeAdapter, last_value, make_series, make_task


class Other(Options):
    """Options that differ from none."""

    method: str = "another"


PRICE = Covariate("price", "numerical", np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0, 7.0]))
PROMO = Covariate("promo", "categorical", np.array(["a", "b", "a"], dtype=object), None)


def with_covariate(covariate: Covariate) -> Task:
    return replace(make_task(), series=replace(make_series(), covariates=(covariate,)))


DIFFERENT = [
    make_task(),
    make_task("b"),
    make_task(horizon=5),
    make_task(values=[1.0, 2.0, 4.0]),
    replace(make_task(), levels=(0.5,)),
    replace(make_task(), options=Other()),
    replace(make_task(), backcast=True),
    replace(make_task(), companions=(make_series("c"),)),
    replace(make_task(), series=replace(make_series(), season_length=12)),
    replace(make_task(), series=replace(make_series(), index=pd.date_range("1999-01-01", periods=3))),
    with_covariate(PRICE),
    with_covariate(replace(PRICE, future=np.array([4.0, 5.0, 6.0, 8.0]))),
    with_covariate(replace(PRICE, future=None)),
    with_covariate(replace(PRICE, static=True)),
    with_covariate(PROMO),
    with_covariate(replace(PROMO, past=np.array(["a", "a", "b"], dtype=object))),
    with_covariate(replace(PROMO, name="sale")),
]


def name(task: Task) -> bytes:
    return name_tasks([task], DEFAULT_CLIENT)[0]


def test_whatever_a_forecast_depends_on_is_in_its_key() -> None:
    keys = name_tasks(DIFFERENT, DEFAULT_CLIENT)

    assert len({*keys}) == len(DIFFERENT)
    assert keys == [name(task) for task in DIFFERENT]
    assert keys[0] == name(make_task())
    assert keys[-3] == name(with_covariate(replace(PROMO, past=PROMO.past.copy())))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.integers(0, 19), st.floats(1e-3, 1.0))
def test_another_value_is_another_key(values: list[float], place: int, change: float) -> None:
    other = list(values)
    other[place % len(values)] += change

    assert name(make_task(values=values)) == name(make_task(values=[*values]))
    assert name(make_task(values=values)) != name(make_task(values=other))


def test_the_oldest_are_forgotten_where_they_take_too_much() -> None:
    forecasts = [last_value(make_task(str(number))) for number in range(3)]
    cache = ResultCache(most_bytes=3_000, seconds=60)

    for number, forecast in enumerate(forecasts):
        cache.keep([bytes([number])], [forecast])

    assert cache.find([b"\0", b"\1", b"\2"]) == {1: forecasts[1], 2: forecasts[2]}


def test_what_is_older_than_the_lifetime_is_not_found() -> None:
    cache = ResultCache(most_bytes=10_000, seconds=-1)

    cache.keep([b"a"], [last_value(make_task())])

    assert cache.find([b"a"]) == {}


def test_a_remembered_forecast_cannot_be_changed() -> None:
    cache = ResultCache(most_bytes=10_000, seconds=60)
    forecast = last_value(make_task())
    cache.keep([b"a"], [forecast])

    with pytest.raises(ValueError, match="read-only"):
        cache.find([b"a"])[0].mean[0] = 7


@pytest.fixture
def remembering(
    make_app: MakeApp, fake: FakeAdapter, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """A gateway that remembers what the fake model forecast."""
    monkeypatch.setenv("RESULT_CACHE_BYTES", "100000")
    with TestClient(make_app(), headers=AUTHORIZED) as client:
        client.post(f"{PREFIX}/initialization", json={})
        fake.batches.clear()
        yield client


@pytest.fixture
def ask_for(remembering: TestClient) -> Callable[..., dict[str, object]]:
    def ask(*names: str, **headers: str) -> dict[str, object]:
        values = list(range(10)) * len(names)
        data = {"date": [*REQUEST["data"]["date"]] * len(names), "y": values}
        body = REQUEST | {
            "data": data | {"shop": [name for name in names for _ in range(10)]},
            "data_definition": {"y": "target", "shop": "id"},
        }
        answer = remembering.post(f"{PREFIX}/inference", json=body, headers=headers)
        assert answer.status_code == 200
        found: dict[str, object] = answer.json()
        return found

    return ask


def count_cached(answer: dict[str, object]) -> int:
    metadata = answer["execution_metadata"]
    assert isinstance(metadata, dict)
    return int(metadata["cached_series"])


def test_the_same_request_is_answered_from_memory(
    ask_for: Callable[..., dict[str, object]], remembering: TestClient, fake: FakeAdapter
) -> None:
    first, again = ask_for("a", "b"), ask_for("a", "b")

    assert again["prediction"] == first["prediction"]
    assert (count_cached(first), count_cached(again)) == (0, 2)
    assert fake.computed == ["a", "b"]
    assert 'sapheneia_model_series_cached_total{model="fake"} 2.0' in remembering.get("/metrics").text


def test_only_the_series_that_are_not_remembered_are_computed(
    ask_for: Callable[..., dict[str, object]], fake: FakeAdapter
) -> None:
    ask_for("a", "c")
    mixed = ask_for("b", "a", "d", "c")

    assert count_cached(mixed) == 2
    assert fake.computed == ["a", "c", "b", "d"]
    prediction = mixed["prediction"]
    assert isinstance(prediction, dict)
    assert prediction["series_ids"] == ["b", "a", "d", "c"]


def test_no_cache_has_it_computed_again(ask_for: Callable[..., dict[str, object]], fake: FakeAdapter) -> None:
    ask_for("a")

    assert count_cached(ask_for("a", **{"Cache-Control": "no-cache"})) == 0
    assert fake.computed == ["a", "a"]


def test_another_load_remembers_nothing(
    ask_for: Callable[..., dict[str, object]], remembering: TestClient, fake: FakeAdapter
) -> None:
    ask_for("a")
    remembering.post(f"{PREFIX}/shutdown")
    remembering.post(f"{PREFIX}/initialization", json={})

    assert count_cached(ask_for("a")) == 0
