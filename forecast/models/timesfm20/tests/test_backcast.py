from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import TimesFmModelForPrediction

from forecast.core.adapter import Covariate, Floats, Task
from forecast.core.regression import correct
from forecast.models.timesfm20.services.model import LoadedTimesFM
from forecast.models.timesfm20.tests import tiny
from forecast.models.timesfm20.tests.test_model import ADAPTER, predict_one
from tests.pretrained import CLOSE, configure, make_task, walk

PATCH = 32


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Any:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("local")
    tiny.write(place)
    return place


@pytest.fixture(scope="module")
def loaded(folder: Path) -> LoadedTimesFM:
    return ADAPTER.load(configure(folder, "tiny"))


def make_backcast(loaded: LoadedTimesFM, task: Task) -> Floats:
    backcast = predict_one(loaded, replace(task, backcast=True)).backcast
    assert backcast is not None
    return backcast


@pytest.mark.parametrize("length", [33, 34, 64, 70, 100, 256])
@pytest.mark.parametrize(("freq", "category"), [("D", 0), ("MS", 1)])
def test_the_backcast_equals_the_library_called_directly(
    folder: Path, loaded: LoadedTimesFM, length: int, freq: str, category: int
) -> None:
    target = walk(length, seed=length, level=5.0)
    library = TimesFmModelForPrediction.from_pretrained(folder / "tiny").eval()
    with torch.no_grad():
        past = [torch.tensor(target, dtype=torch.float32)]
        whole = library(past_values=past, freq=[category], return_forecast_on_context=True).mean_predictions
    expected = whole[0, : tiny.CONTEXT - PATCH].double().numpy()[-(length - PATCH) :]
    found = make_backcast(loaded, make_task(target, 8, freq))
    assert found.shape == (length,)
    assert np.isnan(found[:PATCH]).all()
    assert found[PATCH:] == pytest.approx(expected, abs=CLOSE * target.std())


def test_each_patch_is_forecast_from_nothing_but_what_lies_before_it(loaded: LoadedTimesFM) -> None:
    target = walk(160)
    found = make_backcast(loaded, make_task(target))
    for start in (32, 64, 96, 128):
        ahead = predict_one(loaded, make_task(target[:start], PATCH)).mean
        assert found[start : start + PATCH] == pytest.approx(ahead, abs=1e-4)


def test_the_backcast_leaves_the_forecast_as_it_is(loaded: LoadedTimesFM) -> None:
    task = make_task(walk(100), 200)
    plain, asked = predict_one(loaded, task), predict_one(loaded, replace(task, backcast=True))
    assert plain.backcast is None
    assert asked.mean == pytest.approx(plain.mean, abs=1e-9)
    assert asked.quantiles == pytest.approx(plain.quantiles, abs=1e-9)


def test_ragged_series_have_the_same_backcast_alone_and_together(loaded: LoadedTimesFM) -> None:
    lengths = [1, 31, 32, 33, 256, *np.random.default_rng(3).integers(1, 257, 20)]
    tasks = [
        replace(make_task(walk(int(length), seed, level=10.0 ** (seed % 6))), backcast=True)
        for seed, length in enumerate(lengths)
    ]
    for task, forecast in zip(tasks, ADAPTER.predict(loaded, tasks), strict=True):
        close = CLOSE * float(np.abs(task.series.target).max())
        assert forecast.backcast == pytest.approx(make_backcast(loaded, task), abs=close, nan_ok=True)


@pytest.mark.parametrize("length", [1, 31, 32])
def test_a_context_of_one_patch_has_no_backcast(loaded: LoadedTimesFM, length: int) -> None:
    assert np.isnan(make_backcast(loaded, make_task(walk(length)))).all()


def test_beyond_the_limit_only_the_last_steps_have_a_backcast(loaded: LoadedTimesFM) -> None:
    target = walk(300)
    found = make_backcast(loaded, make_task(target))
    assert np.isnan(found[: 44 + PATCH]).all()
    expected = make_backcast(loaded, make_task(target[44:]))
    assert found[44:] == pytest.approx(expected, abs=1e-4, nan_ok=True)


def test_tasks_with_and_without_a_backcast_do_not_share_a_batch() -> None:
    task = make_task(walk(64))
    assert ADAPTER.batch_key(task) != ADAPTER.batch_key(replace(task, backcast=True))


def test_covariates_explain_what_the_model_misses(loaded: LoadedTimesFM) -> None:
    promo = (np.random.default_rng(4).random(256 + 8) < 0.3).astype(float)
    task = make_task(walk(256) + 80 * promo[:256], 8)
    series = replace(task.series, covariates=(Covariate("promo", "numerical", promo[:256], promo[256:]),))
    (adjustment,) = correct([series], [make_backcast(loaded, task)])
    assert adjustment is not None
    assert adjustment.scale == 1.0
    promoted = promo[256:] == 1
    assert promoted.any()
    assert not promoted.all()
    lift = adjustment.offset[promoted].mean() - adjustment.offset[~promoted].mean()
    assert lift == pytest.approx(80, abs=30)
