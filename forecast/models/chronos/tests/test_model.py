import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from chronos import Chronos2Pipeline, ChronosBoltPipeline, ChronosPipeline

from forecast.core.adapter import DECILES
from forecast.core.loading import unload_model
from forecast.models.chronos.services.model import LoadedChronos
from forecast.models.chronos.tests import tiny
from forecast.models.chronos.tests.making import (
    ADAPTER,
    assert_alike,
    configure,
    make_task,
    predict_one,
    walk,
)


def tensor(target: Any) -> Any:
    return torch.tensor(target, dtype=torch.float32)


@pytest.mark.filterwarnings("ignore:We recommend keeping prediction length")
@pytest.mark.parametrize(("length", "horizon"), [(2, 24), (8, 1), (9, 12), (100, 32), (128, 45), (70, 100)])
def test_chronos2_equals_the_library_called_directly(
    folder: Path, chronos2: LoadedChronos, length: int, horizon: int
) -> None:
    target = walk(length, seed=length)
    library = Chronos2Pipeline.from_pretrained(folder / "tiny")
    (quantiles,), (median,) = library.predict_quantiles(
        [{"target": target}], prediction_length=horizon, quantile_levels=tiny.LEVELS
    )
    found = predict_one(chronos2, make_task(target, horizon))
    assert found.levels == tuple(tiny.LEVELS)
    assert_alike(found, median[0], quantiles[0], target)


@pytest.mark.filterwarnings("ignore:We recommend keeping prediction length")
@pytest.mark.parametrize(("length", "horizon"), [(2, 16), (8, 1), (9, 12), (128, 24), (70, 100)])
def test_bolt_equals_the_library_called_directly(
    folder: Path, bolt: LoadedChronos, length: int, horizon: int
) -> None:
    target = walk(length, seed=length)
    library = ChronosBoltPipeline.from_pretrained(folder / "bolt")
    quantiles, median = library.predict_quantiles(tensor(target), prediction_length=horizon)
    found = predict_one(bolt, make_task(target, horizon))
    assert found.levels == DECILES
    assert_alike(found, median[0], quantiles[0], target)


@pytest.mark.parametrize(("length", "horizon"), [(1, 4), (70, 16), (128, 20)])
@pytest.mark.parametrize("levels", [DECILES, (0.025, 0.5, 0.975)])
def test_t5_equals_the_library_called_directly_with_the_same_seed(
    folder: Path, t5: LoadedChronos, length: int, horizon: int, levels: tuple[float, ...]
) -> None:
    target = walk(length, seed=length)
    library = ChronosPipeline.from_pretrained(folder / "t5")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20)
        quantiles, mean = library.predict_quantiles(
            tensor(target), prediction_length=horizon, quantile_levels=list(levels)
        )
    found = predict_one(t5, make_task(target, horizon, levels=levels))
    assert found.levels == levels
    assert_alike(found, mean[0], quantiles[0], target)


def test_drawing_leaves_the_stream_of_others_alone(t5: LoadedChronos) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    predict_one(t5, make_task(walk(20), 2))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(("name", "horizon"), [("chronos2", 24), ("chronos2", 40), ("bolt", 40), ("t5", 2)])
def test_64_ragged_series_forecast_the_same_alone_and_together(
    request: pytest.FixtureRequest, name: str, horizon: int
) -> None:
    loaded = request.getfixturevalue(name)
    rng = np.random.default_rng(3)
    tasks = [
        make_task(walk(int(length), seed, level=10.0 ** (seed % 6)), horizon)
        for seed, length in enumerate([1, 2, 3, 8, 9, 128, *rng.integers(1, 129, 58)])
    ]
    tasks[10].series.target[:40:3] = np.nan
    for task, together in zip(tasks, ADAPTER.predict(loaded, tasks), strict=True):
        alone = predict_one(loaded, task)
        assert_alike(together, alone.mean, alone.quantiles, task.series.target)


def test_a_batch_is_one_call_of_the_library(
    quantile_model: LoadedChronos, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    forward = quantile_model.pipeline.model.forward

    def spy(context: Any, **rest: Any) -> Any:
        sizes.append(len(context))
        return forward(context=context, **rest)

    monkeypatch.setattr(quantile_model.pipeline.model, "forward", spy)
    ADAPTER.predict(quantile_model, [make_task(walk(30, seed)) for seed in range(64)])
    assert sizes == [64]


@pytest.mark.parametrize("horizon", [1, 16, 24, 33, 60])
def test_the_horizon_asked_for_is_the_horizon_returned(quantile_model: LoadedChronos, horizon: int) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = predict_one(quantile_model, make_task(walk(64), horizon))
    assert found.mean.shape == (horizon,)
    assert found.quantiles.shape == (horizon, len(found.levels))
    at_once = quantile_model.pipeline.model_prediction_length
    note = f"This checkpoint forecasts {at_once} steps at once; those after them rest on its own forecasts."
    assert found.warnings == ((note,) if horizon > at_once else ())
    assert told == []


def test_the_mean_is_the_median_where_a_model_has_no_mean(quantile_model: LoadedChronos) -> None:
    found = predict_one(quantile_model, make_task(walk(64)))
    assert found.mean.tolist() == found.quantiles[:, found.levels.index(0.5)].tolist()


def test_the_limits_are_the_checkpoints_own(
    chronos2: LoadedChronos, bolt: LoadedChronos, t5: LoadedChronos
) -> None:
    two, second, third = (ADAPTER.limits(loaded) for loaded in (chronos2, bolt, t5))
    assert (two.native_levels, second.native_levels, third.native_levels) == (
        tuple(tiny.LEVELS),
        DECILES,
        None,
    )
    assert [limits.covariates for limits in (two, second, third)] == ["native", "none", "none"]
    assert [limits.past_covariates for limits in (two, second, third)] == [True, False, False]
    for limits in (two, second, third):
        assert (limits.max_context, limits.max_horizon, limits.min_context) == (128, 128, 1)
        assert limits.missing


def test_the_declared_capabilities_are_those_of_the_published_chronos2() -> None:
    declared = ADAPTER.capabilities
    assert (declared.max_context, declared.max_horizon) == (8192, 8192)
    assert declared.native_levels == tuple(tiny.LEVELS)
    assert len(tiny.LEVELS) == 21


def test_the_forecast_varies_with_the_input(loaded: LoadedChronos) -> None:
    target = walk(64)
    first = predict_one(loaded, make_task(target)).mean
    for place in (2, 30, 63):
        moved = target.copy()
        moved[place] += 20
        assert np.abs(predict_one(loaded, make_task(moved)).mean - first).max() > 1e-3


def test_a_constant_series_gives_a_constant_forecast(quantile_model: LoadedChronos) -> None:
    for constant in (0.0, 1e-9, 0.1, 7.5, -3e8):
        found = predict_one(quantile_model, make_task([constant] * 50, 40))
        assert (found.mean == constant).all()
        assert (found.quantiles == constant).all()


def test_t5_samples_around_a_constant_series_and_keeps_zero(t5: LoadedChronos) -> None:
    found = predict_one(t5, make_task([7.5] * 50, 4))
    assert (found.quantiles[:, 0] < found.quantiles[:, -1]).all()
    assert (predict_one(t5, make_task([0.0] * 50, 4)).quantiles == 0).all()


@pytest.mark.parametrize("target", [[3.0], [3.0, 5.0]])
def test_one_and_two_points_are_enough(loaded: LoadedChronos, target: list[float]) -> None:
    found = predict_one(loaded, make_task(target, 4))
    assert np.isfinite(found.mean).all()
    assert np.isfinite(found.quantiles).all()


def test_gaps_are_the_models_own_matter(loaded: LoadedChronos) -> None:
    target = walk(64)
    whole = predict_one(loaded, make_task(target, 4))
    target[20:45] = np.nan
    target[[0, 60]] = np.nan
    gapped = predict_one(loaded, make_task(target, 4))
    assert np.isfinite(gapped.quantiles).all()
    assert np.abs(gapped.mean - whole.mean).max() > 1e-3
    padded = predict_one(loaded, make_task([np.nan] * 9 + target.tolist(), 4))
    assert_alike(padded, gapped.mean, gapped.quantiles, target)


@pytest.mark.parametrize("size", [2.0**-60, 2.0**90, 1e-30, 1e300])
def test_the_size_of_a_series_does_not_matter(loaded: LoadedChronos, size: float) -> None:
    # Chronos-T5 sorts values into bins, whose edges only powers of two keep in place.
    size = 2.0 ** round(np.log2(size)) if ADAPTER.limits(loaded).native_levels is None else size
    target = walk(90)
    plain, sized = (predict_one(loaded, make_task(values, 4)) for values in (target, target * size))
    assert_alike(sized, plain.mean * size, plain.quantiles * size, target * size)


def test_a_far_away_level_costs_no_precision(quantile_model: LoadedChronos) -> None:
    target = walk(90, level=0.0)
    far = predict_one(quantile_model, make_task(target + 1123581321.0)).mean - 1123581321.0
    assert far == pytest.approx(predict_one(quantile_model, make_task(target)).mean, abs=1e-4)


def test_only_the_last_steps_of_a_context_beyond_the_limit_count(quantile_model: LoadedChronos) -> None:
    target = walk(200)
    whole, last = (predict_one(quantile_model, make_task(t)) for t in (target, target[-tiny.CONTEXT :]))
    assert_alike(whole, last.mean, last.quantiles, target)


def test_tasks_share_a_batch_when_their_horizons_are_equal_and_are_as_wide_as_their_patches() -> None:
    def key(length: int, horizon: int = 4) -> Any:
        return ADAPTER.batch_key(make_task(walk(length), horizon))

    assert key(16) == key(129) != key(129, 5)
    assert [ADAPTER.width(make_task(walk(length), 4)) for length in (1, 16, 17, 129)] == [16, 16, 32, 144]


def test_a_checkpoint_in_half_precision_is_computed_in_full(folder: Path, tmp_path: Path) -> None:
    library = Chronos2Pipeline.from_pretrained(folder / "tiny")
    library.model.to(torch.bfloat16).save_pretrained(tmp_path / "half")
    half = ADAPTER.load(configure(tmp_path, "half"))
    assert {parameter.dtype for parameter in half.pipeline.model.parameters()} == {torch.float32}
    assert not half.pipeline.model.training


def test_the_library_is_not_touched_by_importing_the_adapter() -> None:
    code = (
        "import sys, forecast.models.chronos.routes.endpoints;"
        "sys.exit(bool({'torch', 'transformers', 'chronos'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("path", ["tiny", "bolt", "t5"])
def test_the_weights_are_given_back_though_something_still_refers_to_the_model(
    folder: Path, path: str
) -> None:
    loaded = ADAPTER.load(configure(folder, path))

    unload_model(ADAPTER, loaded)

    assert sum(tensor.numel() for tensor in loaded.pipeline.inner_model.parameters()) == 0
