from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chronos import Chronos2Pipeline

from forecast.core.adapter import Covariate, Floats, Task
from forecast.models.chronos.services.inputs import make_input
from forecast.models.chronos.services.model import LoadedChronos
from forecast.models.chronos.tests import tiny
from forecast.models.chronos.tests.making import ADAPTER, assert_alike, make_task, predict_one, walk

HORIZON = 12


def numerical(name: str, values: Any, length: int, *, known: bool = True) -> Covariate:
    whole = np.asarray(values, dtype=np.float64)
    return Covariate(name, "numerical", whole[:length], whole[length:] if known else None)


def categorical(
    name: str, values: Any, length: int, *, known: bool = True, static: bool = False
) -> Covariate:
    whole = np.asarray(values, dtype=object)
    return Covariate(name, "categorical", whole[:length], whole[length:] if known else None, static)


def make_covariates(length: int, seed: int, horizon: int = HORIZON) -> tuple[Covariate, ...]:
    rng = np.random.default_rng(seed)
    steps = length + horizon
    weather = rng.choice(["sun", "rain", "snow"], steps).astype(object)
    weather[-1] = "hail"
    return (
        numerical("price", 100 + rng.normal(size=steps), length),
        numerical("visits", rng.normal(size=steps), length, known=False),
        categorical("weather", weather, length),
        categorical("staff", rng.choice(["ann", "bob"], steps), length, known=False),
        numerical("size", [0.1] * steps, length),
        categorical("region", ["north"] * steps, length, static=True),
    )


def ask_library(folder: Path, task: Task) -> tuple[Any, Any]:
    library = Chronos2Pipeline.from_pretrained(folder / "tiny")
    covariates = task.series.covariates
    (quantiles,), (median,) = library.predict_quantiles(
        [
            {
                "target": task.series.target,
                "past_covariates": {one.name: one.past for one in covariates},
                "future_covariates": {one.name: one.future for one in covariates if one.future is not None},
            }
        ],
        prediction_length=task.horizon,
        quantile_levels=tiny.LEVELS,
    )
    return median[0], quantiles[0]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("only", [slice(0, 1), slice(1, 2), slice(2, 3), slice(3, 4), slice(0, 4)])
def test_covariates_are_used_as_the_library_does(
    folder: Path, chronos2: LoadedChronos, seed: int, only: slice
) -> None:
    target = walk(60 + seed, seed)
    target[5:8] = np.nan
    task = make_task(target, HORIZON, make_covariates(60 + seed, seed)[only])
    assert_alike(predict_one(chronos2, task), *ask_library(folder, task), target=target)


@pytest.mark.filterwarnings("ignore:We recommend keeping prediction length")
def test_covariates_last_through_an_unrolled_horizon(folder: Path, chronos2: LoadedChronos) -> None:
    promo = np.arange(100) % 5 == 0
    task = make_task(walk(60), 40, (numerical("promo", promo, 60),))
    assert_alike(predict_one(chronos2, task), *ask_library(folder, task), target=task.series.target)
    promo[-1] = not promo[-1]
    moved = make_task(walk(60), 40, (numerical("promo", promo, 60),))
    assert np.abs(predict_one(chronos2, moved).mean - predict_one(chronos2, task).mean)[32:].max() > 1e-3


@pytest.mark.parametrize("horizon", [12, 42])
def test_64_ragged_series_with_covariates_forecast_the_same_alone_and_together(
    chronos2: LoadedChronos, horizon: int
) -> None:
    rng = np.random.default_rng(5)
    tasks = []
    for seed, length in enumerate([1, 2, 9, 128, *rng.integers(1, 129, 60)]):
        target = walk(int(length), seed, level=10.0 ** (seed % 5))
        tasks.append(make_task(target, horizon, make_covariates(int(length), seed, horizon)))
    assert len({ADAPTER.batch_key(task)[0] for task in tasks}) == 1  # type: ignore[index]  # a tuple
    for task, together in zip(tasks, ADAPTER.predict(chronos2, tasks), strict=True):
        alone = predict_one(chronos2, task)
        assert_alike(together, alone.mean, alone.quantiles, task.series.target)


@pytest.mark.parametrize("constant", [0.1, 1 / 3, 1e9 + 0.1, -7.7])
def test_a_constant_covariate_is_no_rounding_noise(chronos2: LoadedChronos, constant: float) -> None:
    def forecast(length: int, value: float) -> Floats:
        covariate = numerical("size", [value] * (length + HORIZON), length)
        return predict_one(chronos2, make_task(walk(128)[-length:], HORIZON, (covariate,))).mean

    for length in (7, 50, 127):
        assert forecast(length, constant) == pytest.approx(forecast(length, 0.0), abs=1e-4)


def test_a_known_future_moves_the_forecast(chronos2: LoadedChronos) -> None:
    values = np.random.default_rng(1).normal(size=60 + HORIZON)
    first = predict_one(chronos2, make_task(walk(60), HORIZON, (numerical("price", values, 60),))).mean
    values[-4] += 3
    moved = predict_one(chronos2, make_task(walk(60), HORIZON, (numerical("price", values, 60),))).mean
    assert np.abs(moved - first).max() > 0.01


def test_a_future_category_moves_the_forecast(chronos2: LoadedChronos) -> None:
    promo = np.array(["no", "no", "yes", "no"] * 18, dtype=object)
    target = walk(60) + 25 * (promo[:60] == "yes")

    def forecast(future: list[str]) -> Floats:
        values = [*promo[:60], *future]
        return predict_one(chronos2, make_task(target, HORIZON, (categorical("promo", values, 60),))).mean

    known = forecast(["no"] * HORIZON)
    assert np.abs(forecast(["yes"] * HORIZON) - known).max() > 0.1
    unseen = forecast(["never seen"] * HORIZON)
    assert np.isfinite(unseen).all()
    assert np.abs(unseen - known).max() > 0.01
    assert (unseen == forecast(["nor this"] * HORIZON)).all()


def test_the_past_of_a_covariate_without_a_future_moves_the_forecast(chronos2: LoadedChronos) -> None:
    values = np.random.default_rng(1).normal(size=60)
    plain = predict_one(chronos2, make_task(walk(60), HORIZON)).mean
    covariate = numerical("visits", values, 60, known=False)
    first = predict_one(chronos2, make_task(walk(60), HORIZON, (covariate,))).mean
    moved = replace(covariate, past=values[::-1].copy())
    second = predict_one(chronos2, make_task(walk(60), HORIZON, (moved,))).mean
    assert np.abs(first - plain).max() > 0.01
    assert np.abs(second - first).max() > 0.01


def test_a_static_covariate_counts_by_being_there_and_not_by_its_value(chronos2: LoadedChronos) -> None:
    def forecast(*regions: str) -> Floats:
        covariates = tuple(
            categorical(f"region{place}", [region] * (60 + HORIZON), 60, static=True)
            for place, region in enumerate(regions)
        )
        return predict_one(chronos2, make_task(walk(60), HORIZON, covariates)).mean

    assert np.abs(forecast("north") - forecast()).max() > 0.01
    assert forecast("south") == pytest.approx(forecast("north"), abs=1e-9)


@pytest.mark.parametrize("size", [1e-30, 1e30, 1e280])
def test_the_size_and_level_of_a_covariate_do_not_matter(chronos2: LoadedChronos, size: float) -> None:
    values = np.random.default_rng(1).normal(size=60 + HORIZON)
    expected = predict_one(chronos2, make_task(walk(60), HORIZON, (numerical("x", values, 60),)))
    sized = numerical("x", (values + 1e4) * size, 60)
    found = predict_one(chronos2, make_task(walk(60), HORIZON, (sized,)))
    assert_alike(found, expected.mean, expected.quantiles, walk(60))


@pytest.mark.parametrize("future", [1.0, 1e9, 1e300])
def test_a_first_change_of_a_constant_covariate_gives_a_finite_forecast(
    chronos2: LoadedChronos, future: float
) -> None:
    covariate = numerical("promo", [0.0] * 60 + [future] * HORIZON, 60)
    assert np.isfinite(predict_one(chronos2, make_task(walk(60), HORIZON, (covariate,))).quantiles).all()


def test_tasks_with_other_covariates_do_not_share_a_batch() -> None:
    first, second = make_covariates(60, 0)[:2]
    keys = {
        ADAPTER.batch_key(make_task(walk(60), HORIZON, covariates))
        for covariates in ((), (first,), (second,), (first, second), (replace(first, future=None),))
    }
    assert len(keys) == 5


def test_rows_stand_in_the_order_that_the_library_wants(chronos2: LoadedChronos) -> None:
    task = make_task(walk(60), HORIZON, make_covariates(60, 0))
    made = make_input(chronos2.torch, task, [task.series.target])
    assert (made["n_targets"], made["n_covariates"], made["n_future_covariates"]) == (1, 6, 4)
    assert made["context"].shape == (7, 60)
    unknown = made["future_covariates"].isnan().all(dim=1).tolist()
    assert unknown == [True, True, True, False, False, False, False]
