from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chronos import Chronos2Pipeline

from forecast.core.adapter import Covariate, Floats, Task
from forecast.models.chronos.services.model import LoadedChronos
from forecast.models.chronos.tests import tiny
from forecast.models.chronos.tests.making import ADAPTER, assert_alike, make_task, predict_one, walk
from forecast.models.chronos.tests.test_covariates import categorical, make_covariates, numerical

HORIZON = 12


def make_group(targets: Any, horizon: int = HORIZON, covariates: tuple[Covariate, ...] = ()) -> Task:
    first, *others = (make_task(target, horizon, covariates) for target in targets)
    return replace(first, companions=tuple(other.series for other in others))


def make_targets(count: int, length: int, seed: int = 0) -> Floats:
    return np.stack([walk(length, seed * 100 + at, level=10.0 ** (at % 4)) for at in range(count)])


def ask_library(folder: Path, task: Task) -> tuple[Any, Any]:
    library = Chronos2Pipeline.from_pretrained(folder / "tiny")
    covariates = task.series.covariates
    (quantiles,), (medians,) = library.predict_quantiles(
        [
            {
                "target": np.stack([one.target for one in task.targets]),
                "past_covariates": {one.name: one.past for one in covariates},
                "future_covariates": {one.name: one.future for one in covariates if one.future is not None},
            }
        ],
        prediction_length=task.horizon,
        quantile_levels=tiny.LEVELS,
    )
    return medians, quantiles


def assert_as_the_library(folder: Path, loaded: LoadedChronos, task: Task) -> None:
    forecast = predict_one(loaded, task)
    assert len(forecast.companions) == len(task.companions)
    means, quantiles = ask_library(folder, task)
    for found, one, mean, matrix in zip(forecast.targets, task.targets, means, quantiles, strict=True):
        assert_alike(found, mean, matrix, one.target)


@pytest.mark.filterwarnings("ignore:We recommend keeping prediction length")
@pytest.mark.parametrize(("count", "length", "horizon"), [(2, 60, 12), (3, 9, 1), (5, 128, 32), (2, 70, 50)])
def test_several_targets_equal_the_library_called_directly(
    folder: Path, chronos2: LoadedChronos, count: int, length: int, horizon: int
) -> None:
    assert_as_the_library(folder, chronos2, make_group(make_targets(count, length), horizon))


@pytest.mark.parametrize("only", [slice(0, 1), slice(1, 2), slice(2, 3), slice(3, 4), slice(0, 4)])
def test_covariates_beside_several_targets_are_used_as_the_library_does(
    folder: Path, chronos2: LoadedChronos, only: slice
) -> None:
    covariates = make_covariates(60, 1)[only]
    assert_as_the_library(folder, chronos2, make_group(make_targets(2, 60), HORIZON, covariates))


def test_gaps_and_ends_before_the_cutoff_are_the_models_own_matter(
    folder: Path, chronos2: LoadedChronos
) -> None:
    targets = make_targets(3, 60)
    targets[0, 5:9] = targets[1, -4:] = targets[2, :30] = np.nan
    assert_as_the_library(folder, chronos2, make_group(targets))


def test_each_target_moves_the_forecast_of_the_others(chronos2: LoadedChronos) -> None:
    targets = make_targets(2, 60)
    first = predict_one(chronos2, make_group(targets))
    (alone,) = ADAPTER.predict(chronos2, [make_task(targets[0], HORIZON)])
    moved = targets.copy()
    moved[1] = moved[1, ::-1]
    second = predict_one(chronos2, make_group(moved))
    assert np.abs(second.mean - first.mean).max() > 0.01
    assert np.abs(alone.mean - first.mean).max() > 0.01


def test_a_known_future_moves_the_forecast_of_every_target(chronos2: LoadedChronos) -> None:
    values = np.random.default_rng(1).normal(size=60 + HORIZON)
    found = []
    for shift in (0.0, 3.0):
        values[-4] += shift
        task = make_group(make_targets(3, 60), HORIZON, (numerical("price", values.copy(), 60),))
        found.append(np.stack([one.mean for one in predict_one(chronos2, task).targets]))
    first, moved = found
    assert (np.abs(moved - first).max(axis=1) > 1e-3).all()


def test_a_future_category_moves_the_forecast_of_every_target(chronos2: LoadedChronos) -> None:
    def forecast(ahead: str) -> Floats:
        values = [*(["no", "yes", "no", "no"] * 15), *[ahead] * HORIZON]
        task = make_group(make_targets(2, 60), HORIZON, (categorical("promo", values, 60),))
        return np.stack([one.mean for one in predict_one(chronos2, task).targets])

    assert (np.abs(forecast("yes") - forecast("no")).max(axis=1) > 1e-3).all()
    assert np.array_equal(forecast("never seen"), forecast("nor this"))


@pytest.mark.parametrize("horizon", [12, 42])
def test_ragged_groups_forecast_the_same_alone_and_together(chronos2: LoadedChronos, horizon: int) -> None:
    lengths = np.random.default_rng(5).integers(2, 129, 20)
    tasks = [
        make_group(make_targets(3, int(length), seed), horizon, make_covariates(int(length), seed, horizon))
        for seed, length in enumerate(lengths)
    ]
    for task, together in zip(tasks, ADAPTER.predict(chronos2, tasks), strict=True):
        alone = predict_one(chronos2, task)
        for one, first, second in zip(task.targets, together.targets, alone.targets, strict=True):
            assert_alike(first, second.mean, second.quantiles, one.target)


def test_one_target_and_several_do_not_share_a_batch() -> None:
    targets = make_targets(3, 60)
    keys = {ADAPTER.batch_key(make_group(targets[:count])) for count in (1, 2, 3)}
    assert len(keys) == 3


@pytest.mark.parametrize("size", [1e-30, 1e280])
def test_the_size_of_one_target_does_not_matter_to_the_others(chronos2: LoadedChronos, size: float) -> None:
    targets = make_targets(2, 60)
    plain = predict_one(chronos2, make_group(targets))
    sized = predict_one(chronos2, make_group([targets[0], targets[1] * size]))
    assert_alike(sized, plain.mean, plain.quantiles, targets[0])
    other = plain.companions[0]
    assert_alike(sized.companions[0], other.mean * size, other.quantiles * size, targets[1] * size)


def test_chronos2_alone_takes_several_targets(
    chronos2: LoadedChronos, bolt: LoadedChronos, t5: LoadedChronos
) -> None:
    assert [ADAPTER.limits(loaded).multivariate for loaded in (chronos2, bolt, t5)] == [True, False, False]
