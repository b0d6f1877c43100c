import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from timesfm import ForecastConfig, TimesFM_2p5_200M_torch

from forecast.core.adapter import DECILES, Floats, Forecast, Task
from forecast.core.loading import unload_model
from forecast.models.timesfm25.schemas.schema import TimesFM25Options
from forecast.models.timesfm25.services.model import LoadedTimesFM, TimesFM25Adapter
from forecast.models.timesfm25.tests import tiny
from tests.pretrained import assert_alike, configure, make_task, one_thread_offline, walk

ADAPTER = TimesFM25Adapter()


@pytest.fixture(scope="module", autouse=True)
def _offline_and_alone() -> Iterator[None]:
    with one_thread_offline():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("local")
    tiny.write(place)
    tiny.write_transformers(place)
    return place


@pytest.fixture(scope="module")
def loaded(folder: Path) -> LoadedTimesFM:
    return ADAPTER.load(configure(folder, "tiny"))


class TinyLibrary(TimesFM_2p5_200M_torch):  # type: ignore[misc]
    """The library's own class over its own module, in the size of the checkpoint."""

    def __init__(self) -> None:
        self.model = tiny.TinyModule()
        self.torch_compile = False


@pytest.fixture(scope="module")
def library(folder: Path) -> Any:
    model = TinyLibrary()
    model.load_checkpoint(str(folder / "tiny"))
    return model


def ask_library(library: Any, target: Floats, horizon: int, **flags: bool) -> Floats:
    """Return the library's mean and deciles for one series alone, shape (steps, 10)."""
    library.compile(
        ForecastConfig(
            max_context=len(target),
            max_horizon=horizon,
            use_continuous_quantile_head=True,
            **flags,
        )
    )
    outputs: Floats = library.forecast(horizon, [target])[1][0].astype(np.float64)
    return outputs


def sparse(length: int) -> Floats:
    """Return a series that is zero but for every eighth step: its forecasts want to be negative."""
    return np.where(np.arange(length) % 8 == 0, 10.0 + np.arange(length) % 3, 0.0)


def predict_one(loaded: LoadedTimesFM, task: Task) -> Forecast:
    (forecast,) = ADAPTER.predict(loaded, [task])
    return forecast


@pytest.mark.parametrize("length", [1, 2, 31, 32, 33, 100, 512])
@pytest.mark.parametrize("horizon", [1, 24, 128, 129, 300])
def test_the_forecast_equals_the_library_called_directly(
    loaded: LoadedTimesFM, library: Any, length: int, horizon: int
) -> None:
    target = walk(length, seed=length, level=0.0)
    whole = ask_library(library, target, horizon)

    found = predict_one(loaded, make_task(target, horizon))

    assert_alike(found, whole[:, 0], whole[:, 1:], target)
    assert (found.levels, found.mean.shape, found.quantiles.shape) == (DECILES, (horizon,), (horizon, 9))


@pytest.mark.parametrize("name", list(TimesFM25Options.model_fields))
@pytest.mark.parametrize("asked", [True, False])
def test_each_option_does_what_the_librarys_flag_of_its_name_does(
    loaded: LoadedTimesFM, library: Any, name: str, asked: bool
) -> None:
    target = sparse(96)
    whole = ask_library(library, target, 40, **{name: asked})

    found = predict_one(loaded, make_task(target, 40, options=TimesFM25Options(**{name: asked})))

    assert_alike(found, whole[:, 0], whole[:, 1:], target)


@pytest.mark.parametrize("name", ["force_flip_invariance", "infer_is_positive", "fix_quantile_crossing"])
def test_each_option_changes_numbers(loaded: LoadedTimesFM, name: str) -> None:
    target = sparse(96)
    on, off = (
        predict_one(loaded, make_task(target, 128, options=TimesFM25Options(**{name: asked})))
        for asked in (True, False)
    )
    assert np.abs(on.quantiles - off.quantiles).max() > 1e-2


def test_a_normalized_series_reaches_the_network_with_a_spread_of_one(
    loaded: LoadedTimesFM, monkeypatch: pytest.MonkeyPatch
) -> None:
    spreads = []
    decode = loaded.model.model.decode

    def spy(horizon: int, inputs: Any, masks: Any) -> Any:
        spreads.append(float(inputs[0].std(correction=0)))
        return decode(horizon, inputs, masks)

    monkeypatch.setattr(loaded.model.model, "decode", spy)
    target = 40.0 * walk(64)
    for asked in (True, False):
        options = TimesFM25Options(normalize_inputs=asked, force_flip_invariance=False)
        ADAPTER.predict(loaded, [make_task(target, 24, options=options)])
    assert spreads == pytest.approx([1.0, target.std()], rel=1e-4)


def test_positivity_is_decided_series_by_series(loaded: LoadedTimesFM) -> None:
    positive, negative = sparse(96), walk(90, seed=1, level=-50.0)

    first, second = ADAPTER.predict(loaded, [make_task(positive, 128), make_task(negative, 128)])

    assert first.quantiles.min() == 0.0
    assert second.mean.min() < 0


def make_ragged(count: int, horizon: int, **changes: Any) -> list[Task]:
    lengths = [1, 2, 3, 32, 33, 256, *np.random.default_rng(3).integers(1, 257, count - 6)]
    return [
        make_task(walk(int(length), seed, level=10.0 ** (seed % 6)), horizon, **changes)
        for seed, length in enumerate(lengths)
    ]


@pytest.mark.parametrize(
    ("count", "horizon", "normalize"), [(64, 24, False), (12, 200, False), (64, 24, True)]
)
def test_ragged_series_forecast_the_same_alone_and_together(
    loaded: LoadedTimesFM, count: int, horizon: int, normalize: bool
) -> None:
    tasks = make_ragged(count, horizon, options=TimesFM25Options(normalize_inputs=normalize))
    for task, together in zip(tasks, ADAPTER.predict(loaded, tasks), strict=True):
        alone = predict_one(loaded, task)
        assert_alike(together, alone.mean, alone.quantiles, task.series.target)


def test_the_two_formats_of_one_checkpoint_forecast_the_same(folder: Path, loaded: LoadedTimesFM) -> None:
    other = ADAPTER.load(configure(folder, "transformers"))
    for length, horizon in ((5, 24), (100, 200)):
        task = make_task(walk(length), horizon)
        expected = predict_one(loaded, task)
        assert_alike(predict_one(other, task), expected.mean, expected.quantiles, task.series.target)


def test_transformers_own_class_forecasts_the_same(loaded: LoadedTimesFM) -> None:
    import torch

    target = walk(100)
    with torch.no_grad():
        outputs = tiny.make_transformers()(past_values=[torch.tensor(target, dtype=torch.float32)])
    found = predict_one(loaded, make_task(target, 128))
    whole = outputs.full_predictions[0].double().numpy()
    assert_alike(found, whole[:128, 0], whole[:128, 1:], target)


def test_a_batch_shares_the_weights_and_leaves_the_model_as_it_was(loaded: LoadedTimesFM) -> None:
    before = dict(vars(loaded.model))
    predict_one(loaded, make_task(walk(50)))
    assert vars(loaded.model) == before


def test_a_batch_is_padded_to_its_longest_context_only(
    loaded: LoadedTimesFM, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = []
    decode = loaded.model.model.decode

    def spy(horizon: int, inputs: Any, masks: Any) -> Any:
        shapes.append((horizon, tuple(inputs.shape)))
        return decode(horizon, inputs, masks)

    monkeypatch.setattr(loaded.model.model, "decode", spy)
    once = TimesFM25Options(force_flip_invariance=False)
    ADAPTER.predict(loaded, [make_task(walk(length), 24, options=once) for length in (33, 5, 60)])
    assert shapes == [(128, (3, 64))]


def test_the_backcast_is_what_the_library_would_have_forecast_for_the_context(
    loaded: LoadedTimesFM, library: Any
) -> None:
    target = walk(96, seed=4)
    whole = ask_library(library, target, 24, return_backcast=True, infer_is_positive=False)
    options = TimesFM25Options(infer_is_positive=False)
    tasks = [make_task(t, 24, options=options, backcast=True) for t in (target, walk(50), walk(20))]

    found, shorter, shortest = ADAPTER.predict(loaded, tasks)

    assert found.backcast is not None
    assert np.isnan(found.backcast[:32]).all()
    assert found.backcast[32:] == pytest.approx(whole[:64, 0], abs=1e-4)
    assert shorter.backcast is not None
    assert np.isfinite(shorter.backcast).tolist() == [False] * 32 + [True] * 18
    alone = predict_one(loaded, tasks[1]).backcast
    assert alone is not None
    assert shorter.backcast[32:] == pytest.approx(alone[32:], abs=1e-4)
    assert shortest.backcast is not None
    assert np.isnan(shortest.backcast).all()


def test_context_and_horizon_share_the_librarys_limit_and_the_answer_says_so(loaded: LoadedTimesFM) -> None:
    target = walk(16_384)
    found = predict_one(loaded, make_task(target, 24))
    expected = predict_one(loaded, make_task(target[-16_256:], 24))
    assert found.warnings == ("Context and horizon share 16384 steps: the first 128 were left out.",)
    assert expected.warnings == ()
    assert_alike(found, expected.mean, expected.quantiles, target)


def test_the_limits_are_those_of_the_published_model(loaded: LoadedTimesFM) -> None:
    limits = ADAPTER.limits(loaded)
    assert (limits.max_context, limits.max_horizon, limits.min_context) == (16_384, 1024, 1)
    assert (limits.native_levels, limits.backcast) == (DECILES, True)


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


@pytest.mark.parametrize("unit", [1e-300, 1e-9, 1e3, 1e30])
def test_the_unit_of_a_series_does_not_matter(loaded: LoadedTimesFM, unit: float) -> None:
    target = walk(90)
    plain, scaled = (predict_one(loaded, make_task(t)) for t in (target, target * unit))
    assert_alike(scaled, plain.mean * unit, plain.quantiles * unit, target * unit)


def test_a_far_away_level_costs_no_precision(loaded: LoadedTimesFM) -> None:
    target = walk(90, level=0.0)
    far = predict_one(loaded, make_task(target + 1e9)).mean - 1e9
    off = TimesFM25Options(infer_is_positive=False)
    assert far == pytest.approx(predict_one(loaded, make_task(target, options=off)).mean, abs=1e-4)


def test_tasks_share_a_batch_when_passes_and_options_are_the_same() -> None:
    def key(length: int, horizon: int, **options: bool) -> Any:
        return ADAPTER.batch_key(make_task(walk(length), horizon, options=TimesFM25Options(**options)))

    assert key(64, 1) == key(33, 128) == key(129, 24)
    assert len({key(64, 24), key(64, 129), key(64, 24, normalize_inputs=True)}) == 3
    assert [ADAPTER.width(make_task(walk(length), 4)) for length in (1, 32, 33)] == [32, 32, 64]


def test_the_weights_are_given_back_though_something_still_refers_to_the_model(folder: Path) -> None:
    loaded = ADAPTER.load(configure(folder, "tiny"))

    unload_model(ADAPTER, loaded)

    assert sum(tensor.numel() for tensor in loaded.model.model.parameters()) == 0


def test_the_library_is_not_touched_by_importing_the_adapter() -> None:
    program = (
        "import sys, forecast.models.timesfm25.routes.endpoints\n"
        "assert not {'torch', 'timesfm', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
