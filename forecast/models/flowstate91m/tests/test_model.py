from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecast.core.adapter import DECILES, Task
from forecast.core.errors import HorizonError
from forecast.core.loading import unload_model
from forecast.models.flowstate91m.services import encoder
from forecast.models.flowstate91m.services.model import LoadedFlowState
from forecast.models.flowstate91m.tests.asking import (
    ADAPTER,
    assert_alike,
    configure,
    make_task,
    predict_one,
    walk,
)


def make_ragged(count: int, horizon: int) -> list[Task]:
    lengths = [1, 2, 3, 64, *np.random.default_rng(3).integers(1, 90, count - 4)]
    return [
        make_task(walk(int(length), seed, level=10.0 ** (seed % 6)), horizon)
        for seed, length in enumerate(lengths)
    ]


@pytest.mark.parametrize(("count", "horizon"), [(64, 24), (24, 100)])
def test_series_forecast_the_same_alone_and_together(
    loaded: LoadedFlowState, count: int, horizon: int
) -> None:
    batches: dict[Any, list[Task]] = {}
    for task in make_ragged(count, horizon) + make_ragged(count, horizon):
        batches.setdefault(ADAPTER.batch_key(task), []).append(task)
    assert max(map(len, batches.values())) > 1
    for tasks in batches.values():
        for task, together in zip(tasks, ADAPTER.predict(loaded, tasks), strict=True):
            alone = predict_one(loaded, task)
            assert_alike(together, alone.mean, alone.quantiles, task.series.target)


@pytest.mark.parametrize(("rows", "runs"), [(1, 56), (21, 19), (28, 14), (391, 2), (392, 1)])
def test_the_steps_of_a_batch_are_computed_in_runs_of_so_many_rows(
    folder: Path, loaded: LoadedFlowState, monkeypatch: pytest.MonkeyPatch, rows: int, runs: int
) -> None:
    tasks = [make_task(walk(50, seed), 30) for seed in range(7)]
    whole = ADAPTER.predict(loaded, tasks)
    monkeypatch.setattr(encoder, "_ROWS", rows)
    counted = []
    advance = encoder.Encoder._advance

    def spy(own: Any, given: Any, *others: Any) -> Any:
        counted.append(len(given))
        return advance(own, given, *others)

    monkeypatch.setattr(encoder.Encoder, "_advance", spy)
    parted = ADAPTER.predict(ADAPTER.load(configure(folder, "tiny")), tasks)
    for task, before, after in zip(tasks, whole, parted, strict=True):
        assert_alike(after, before.mean, before.quantiles, task.series.target)
    assert (len(counted), sum(counted)) == (runs, 56)


def test_the_encoders_of_the_last_four_scale_factors_are_kept_until_the_model_is_let_go(folder: Path) -> None:
    own = ADAPTER.load(configure(folder, "tiny"))
    for factor in (1.0, 2.0, 1.0, 3.0, 4.0, 5.0, 1.0, 2.0):
        predict_one(own, make_task(walk(30), factor=factor))
    kept = own.encoder.cache_info()
    assert (kept.misses, kept.hits, kept.currsize) == (6, 2, 4)

    unload_model(ADAPTER, own)

    assert own.encoder.cache_info().currsize == 0


def test_tasks_share_a_batch_of_equal_length_horizon_and_scale_factor() -> None:
    def key(length: int = 64, horizon: int = 24, **series: Any) -> Any:
        return ADAPTER.batch_key(make_task(walk(length), horizon, **series))

    assert key() == key(factor=None) == key(factor=None, freq="D")
    assert len({key(), key(65), key(horizon=25), key(factor=2.0), key(factor=None, season_length=8)}) == 5


def test_the_gap_before_the_first_value_counts_for_nothing(loaded: LoadedFlowState) -> None:
    target = walk(60)
    gappy = np.concatenate([np.full(5, np.nan), target])
    short, long = make_task(target), make_task(gappy)
    assert ADAPTER.batch_key(short) == ADAPTER.batch_key(long)
    first, second = ADAPTER.predict(loaded, [short, long])
    assert_alike(second, first.mean, first.quantiles, target)


def test_the_forecast_varies_with_the_input(loaded: LoadedFlowState) -> None:
    target = walk(64)
    first = predict_one(loaded, make_task(target, 60)).mean
    for place in (0, 20, 63):
        moved = target.copy()
        moved[place] += 5
        assert np.abs(predict_one(loaded, make_task(moved, 60)).mean - first).max() > 1e-3
    assert np.abs(predict_one(loaded, make_task(target, 60, 0.9)).mean - first).max() > 1e-3


@pytest.mark.parametrize("points", [1, 2, 50])
@pytest.mark.parametrize("value", [7.5, 0.0, 1e-300, -1e12, 1e300])
def test_a_constant_series_is_forecast_as_that_constant(
    loaded: LoadedFlowState, points: int, value: float
) -> None:
    found = predict_one(loaded, make_task([value] * points, 30))
    assert found.mean == pytest.approx(np.full(30, value), rel=1e-15)
    assert found.quantiles == pytest.approx(np.full((30, 9), value), rel=1e-15)


@pytest.mark.parametrize("unit", [1e-300, 1e-9, 1e3, 1e12, 1e30, 1e300])
def test_the_unit_of_a_series_does_not_matter(loaded: LoadedFlowState, unit: float) -> None:
    target = walk(90)
    plain, scaled = (predict_one(loaded, make_task(t)) for t in (target, target * unit))
    # The network's tolerance is a little of the early steps' spread, and nothing in large units.
    assert np.abs(scaled.mean / unit - plain.mean).max() < 1e-2
    assert np.abs(scaled.quantiles / unit - plain.quantiles).max() < 1e-2


@pytest.mark.parametrize("level", [1e9, -1e12])
def test_a_far_away_level_costs_no_precision(loaded: LoadedFlowState, level: float) -> None:
    target = np.round(walk(90, level=0.0) * 1024) / 1024  # exact at either level
    far = predict_one(loaded, make_task(target + level)).mean - level
    assert far == pytest.approx(predict_one(loaded, make_task(target)).mean, abs=1e-3)


def test_an_outlier_costs_the_other_values_no_precision(loaded: LoadedFlowState) -> None:
    target = walk(90)
    target[3] = 1e30
    found = predict_one(loaded, make_task(target))
    assert np.isfinite(found.quantiles).all()
    assert np.abs(found.quantiles).max() < 1e31


def test_two_values_have_a_finite_forecast(loaded: LoadedFlowState) -> None:
    for pair in ([1.0, 2.0], [0.0, 1e-300], [1e12, -1e12]):
        found = predict_one(loaded, make_task(pair, 60))
        assert np.isfinite(found.quantiles).all()
        assert np.abs(found.quantiles).max() <= 100 * max(map(abs, pair))


def test_the_scale_factor_is_told(loaded: LoadedFlowState) -> None:
    assert predict_one(loaded, make_task(walk(30), factor=0.5)).method == "scale factor 0.5"
    weekly = make_task(walk(30), factor=None, freq="D", season_length=7)
    assert predict_one(loaded, weekly).method == "scale factor 3.429"


@pytest.mark.parametrize(("factor", "window", "patch"), [(1.0, 2048, 24), (24 / 7, 597, 7)])
def test_the_longest_horizon_leaves_one_step_of_context(
    loaded: LoadedFlowState, factor: float, window: int, patch: int
) -> None:
    most = window + patch - 1
    found = predict_one(loaded, make_task(walk(40), most, factor))
    assert found.mean.shape == (most,)
    assert found.warnings == (
        f"At a scale factor of {factor:.4g} the model sees {window} steps, of which the horizon takes"
        f" {window - 1}: the context is the last 1.",
    )
    with pytest.raises(HorizonError, match=f"horizon of {most + 1} is above this model's limit of {most} at"):
        predict_one(loaded, make_task(walk(40), most + 1, factor))


def test_a_horizon_that_takes_less_than_half_of_the_window_is_no_matter(loaded: LoadedFlowState) -> None:
    task = make_task(walk(597), 305, 24 / 7)
    assert predict_one(loaded, task).warnings == ()
    assert len(predict_one(loaded, make_task(walk(597), 306, 24 / 7)).warnings) == 1


def test_the_limits_are_those_of_the_checkpoint_and_of_the_series(
    folder: Path, loaded: LoadedFlowState
) -> None:
    limits = ADAPTER.limits(loaded)
    assert (limits.max_context, limits.max_horizon, limits.min_context) == (16_384, 16_384, 1)
    assert (limits.native_levels, limits.missing, limits.covariates) == (DECILES, True, "regression")
    task = make_task(walk(40), 100, factor=None, freq="D", season_length=7)
    own = ADAPTER.series_limits(loaded, task.series, task.options)
    assert (own.max_context, own.max_horizon) == (597 - 93, 603)


def test_a_checkpoint_without_masks_forecasts_one_patch_and_takes_no_gaps(folder: Path) -> None:
    unmasked = ADAPTER.load(configure(folder, "tiny-unmasked"))
    assert ADAPTER.limits(unmasked).missing is False
    assert predict_one(unmasked, make_task(walk(40), 24)).mean.shape == (24,)
    with pytest.raises(HorizonError, match="above this model's limit of 24 at a scale factor of 1"):
        predict_one(unmasked, make_task(walk(40), 25))


def test_the_weights_are_given_back_though_something_still_refers_to_the_model(folder: Path) -> None:
    loaded = ADAPTER.load(configure(folder, "tiny"))

    unload_model(ADAPTER, loaded)

    assert sum(tensor.numel() for tensor in loaded.model.parameters()) == 0
