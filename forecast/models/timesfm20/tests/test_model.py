from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import TimesFmModelForPrediction

from forecast.core.adapter import DECILES, Covariate, Floats, Forecast, Series, Task
from forecast.core.loading import unload_model
from forecast.core.regression import regress
from forecast.models.timesfm20.services.model import LoadedTimesFM, TimesFM20Adapter
from forecast.models.timesfm20.tests import tiny
from tests.pretrained import assert_alike, configure, make_task, one_thread_offline, walk

ADAPTER = TimesFM20Adapter()


@pytest.fixture(scope="module", autouse=True)
def _offline_and_alone() -> Iterator[None]:
    with one_thread_offline():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("local")
    tiny.write(place)
    tiny.write_original(place)
    return place


@pytest.fixture(scope="module")
def loaded(folder: Path) -> LoadedTimesFM:
    return ADAPTER.load(configure(folder, "tiny"))


@pytest.fixture(scope="module")
def library(folder: Path) -> Any:
    return TimesFmModelForPrediction.from_pretrained(folder / "tiny").eval()


def predict_one(loaded: LoadedTimesFM, task: Task) -> Forecast:
    (forecast,) = ADAPTER.predict(loaded, [task])
    return forecast


def ask_library(library: Any, targets: Sequence[Floats], freq: Sequence[int]) -> Any:
    past = [torch.tensor(target, dtype=torch.float32) for target in targets]
    with torch.no_grad():
        return library(past_values=past, freq=list(freq)).full_predictions.double().numpy()


@pytest.mark.parametrize("length", [1, 2, 31, 32, 33, 100, 256])
@pytest.mark.parametrize(("freq", "category"), [("D", 0), ("MS", 1), ("QS", 2)])
def test_the_forecast_equals_the_library_called_directly(
    loaded: LoadedTimesFM, library: Any, length: int, freq: str, category: int
) -> None:
    target = walk(length, seed=length, level=5.0)
    (whole,) = ask_library(library, [target], [category])
    found = predict_one(loaded, make_task(target, 128, freq))
    assert_alike(found, whole[:, 0], whole[:, 1:], target)
    assert found.levels == DECILES


@pytest.mark.parametrize("horizon", [1, 24, 128, 129, 300])
def test_the_horizon_asked_for_is_rolled_forward_pass_by_pass(
    loaded: LoadedTimesFM, library: Any, horizon: int
) -> None:
    target = walk(70, level=5.0)
    past, expected = target, np.empty((0, 10))
    while len(expected) < horizon:
        (whole,) = ask_library(library, [past[-tiny.CONTEXT :]], [0])
        past, expected = np.concatenate([past, whole[:, 0]]), np.concatenate([expected, whole])
    found = predict_one(loaded, make_task(target, horizon))
    assert found.mean.shape == (horizon,)
    assert found.quantiles.shape == (horizon, 9)
    assert_alike(found, expected[:horizon, 0], expected[:horizon, 1:], target)


def make_ragged(count: int, horizon: int) -> list[Task]:
    lengths = [1, 2, 3, 32, 33, 256, *np.random.default_rng(3).integers(1, 257, count - 6)]
    freqs = ["D", "h", "W-SUN", "MS", "QS", "YS"]
    return [
        make_task(walk(int(length), seed, level=10.0 ** (seed % 6)), horizon, freqs[seed % 6])
        for seed, length in enumerate(lengths)
    ]


@pytest.mark.parametrize(("count", "horizon"), [(64, 24), (12, 200)])
def test_ragged_series_forecast_the_same_alone_and_together(
    loaded: LoadedTimesFM, count: int, horizon: int
) -> None:
    tasks = make_ragged(count, horizon)
    for task, together in zip(tasks, ADAPTER.predict(loaded, tasks), strict=True):
        alone = predict_one(loaded, task)
        assert_alike(together, alone.mean, alone.quantiles, task.series.target)


def test_horizons_of_one_batch_may_differ(loaded: LoadedTimesFM) -> None:
    tasks = [make_task(walk(40), 3), make_task(walk(40), 200)]
    short, long = ADAPTER.predict(loaded, tasks)
    assert (len(short.mean), len(long.mean)) == (3, 200)
    assert short.mean == pytest.approx(long.mean[:3])


def test_the_original_checkpoint_forecasts_the_same(folder: Path, loaded: LoadedTimesFM) -> None:
    for path in ("original", "original/torch_model.ckpt"):
        original = ADAPTER.load(configure(folder, path))
        for horizon in (24, 200):
            task = make_task(walk(50), horizon)
            expected = predict_one(loaded, task)
            assert_alike(predict_one(original, task), expected.mean, expected.quantiles, task.series.target)


def test_the_sizes_of_an_original_come_from_its_tensors(folder: Path, loaded: LoadedTimesFM) -> None:
    original = ADAPTER.load(configure(folder, "original")).model.config.to_dict()
    expected = loaded.model.config.to_dict() | {"context_length": 2048}
    told = {"architectures", "dtype", "_name_or_path"}
    assert {k: v for k, v in original.items() if k not in told} == {
        k: v for k, v in expected.items() if k not in told
    }


def test_the_limits_are_the_checkpoints_own(folder: Path, loaded: LoadedTimesFM) -> None:
    limits = ADAPTER.limits(loaded)
    assert (limits.max_context, limits.max_horizon, limits.min_context) == (256, 2048, 1)
    assert limits.native_levels == DECILES
    assert ADAPTER.limits(ADAPTER.load(configure(folder, "original"))).max_context == 2048


def test_the_forecast_varies_with_the_input(loaded: LoadedTimesFM) -> None:
    target = walk(64)
    first = predict_one(loaded, make_task(target)).mean
    for place in (0, 20, 63):
        moved = target.copy()
        moved[place] += 2
        assert np.abs(predict_one(loaded, make_task(moved)).mean - first).max() > 1e-3


def test_a_constant_series_gives_a_constant_forecast(loaded: LoadedTimesFM) -> None:
    found = predict_one(loaded, make_task([7.5] * 50, 200))
    assert found.mean == pytest.approx(np.full(200, 7.5), abs=1e-4)
    assert found.quantiles == pytest.approx(np.full((200, 9), 7.5), abs=1e-4)


def test_only_the_last_steps_of_a_context_beyond_the_limit_count(loaded: LoadedTimesFM) -> None:
    target = walk(400)
    whole, last = (predict_one(loaded, make_task(t)) for t in (target, target[-tiny.CONTEXT :]))
    assert_alike(whole, last.mean, last.quantiles, target)


@pytest.mark.parametrize("unit", [1e-9, 1e3, 1e30])
def test_the_unit_of_a_series_does_not_matter(loaded: LoadedTimesFM, unit: float) -> None:
    target = walk(90)
    plain, scaled = (predict_one(loaded, make_task(t)) for t in (target, target * unit))
    assert_alike(scaled, plain.mean * unit, plain.quantiles * unit, target * unit)


def test_a_far_away_level_costs_no_precision(loaded: LoadedTimesFM) -> None:
    target = walk(90, level=0.0)
    # Seen raw in float32, steps of 64 are the smallest at this level, and near it lies the padding value.
    far = predict_one(loaded, make_task(target + 1123581321.0)).mean - 1123581321.0
    assert far == pytest.approx(predict_one(loaded, make_task(target)).mean, abs=1e-4)


def test_short_contexts_pay_for_no_padding(loaded: LoadedTimesFM, monkeypatch: pytest.MonkeyPatch) -> None:
    widths = []
    decode = loaded.model.decoder.forward

    def spy(past_values: Any, **rest: Any) -> Any:
        widths.append(past_values.shape[1])
        return decode(past_values=past_values, **rest)

    monkeypatch.setattr(loaded.model.decoder, "forward", spy)
    ADAPTER.predict(loaded, [make_task(walk(33), 300), make_task(walk(5), 300)])
    assert widths == [64, 192, 256]


def test_tasks_share_a_batch_when_they_need_the_same_passes_and_are_as_wide_as_their_patches() -> None:
    def key(length: int, horizon: int, freq: str = "D") -> Any:
        return ADAPTER.batch_key(make_task(walk(length), horizon, freq))

    assert key(64, 1) == key(33, 128) == key(50, 24, "MS") == key(256, 24)
    assert key(64, 24) != key(64, 129)
    assert [ADAPTER.width(make_task(walk(length), 4)) for length in (1, 32, 33)] == [32, 32, 64]


def test_covariates_move_the_forecast_through_the_regression(loaded: LoadedTimesFM) -> None:
    promo = np.array(["no", "no", "yes", "no"] * 18, dtype=object)
    target = walk(64) + 25 * (promo[:64] == "yes")
    plain = make_task(target, 8)
    covariates = (Covariate("promo", "categorical", promo[:64], promo[64:]),)
    series = Series("s", plain.series.index, target, plain.series.future_index, "D", 7, covariates)
    ((residual, adjustment),) = regress([series])
    forecast = predict_one(loaded, Task(residual, 8))
    restored = adjustment.restore(forecast)
    lift = restored.mean - forecast.mean * adjustment.scale
    promoted = promo[64:] == "yes"
    assert lift[promoted] - lift[0] == pytest.approx(np.full(2, 25), abs=3)
    assert restored.quantiles - restored.mean[:, None] == pytest.approx(
        (forecast.quantiles - forecast.mean[:, None]) * adjustment.scale
    )


def test_the_weights_are_given_back_though_something_still_refers_to_the_model(folder: Path) -> None:
    loaded = ADAPTER.load(configure(folder, "tiny"))

    unload_model(ADAPTER, loaded)

    assert sum(tensor.numel() for tensor in loaded.model.parameters()) == 0
