"""The numbers are those of the library called directly, and where it answers short the right ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from forecast.core.adapter import DECILES, Floats
from forecast.models.flowstate91m.services.model import LoadedFlowState
from forecast.models.flowstate91m.services.timescale import timescale
from forecast.models.flowstate91m.tests.asking import (
    ADAPTER,
    ask_library,
    assert_alike,
    configure,
    make_task,
    predict_one,
    walk,
)

SHORT = (47, 71)  # As many masked steps as make whole patches with the last step before them.


@pytest.mark.parametrize("length", [2, 3, 64, 100])
@pytest.mark.parametrize("horizon", [1, 8, 24, 25, 48, 70, 72, 100])
def test_the_forecast_equals_the_library_called_directly(
    loaded: LoadedFlowState, library: Any, length: int, horizon: int
) -> None:
    target = walk(length, seed=length)
    (mean,), (quantiles,) = ask_library(library, [target], horizon)
    found = predict_one(loaded, make_task(target, horizon))
    assert_alike(found, mean, quantiles, target)
    assert found.levels == DECILES


@pytest.mark.parametrize("factor", [0.25, 24 / (365 / 7), 2.0, 24 / 7, 6.0, 24.0])
@pytest.mark.parametrize("horizon", [8, 30])
def test_it_does_at_other_scale_factors(
    loaded: LoadedFlowState, library: Any, factor: float, horizon: int
) -> None:
    target = walk(50)
    (mean,), (quantiles,) = ask_library(library, [target], horizon, factor)
    assert_alike(predict_one(loaded, make_task(target, horizon, factor)), mean, quantiles, target)


def test_a_context_beyond_the_limit_counts_by_its_last_steps(loaded: LoadedFlowState, library: Any) -> None:
    target = walk(700)
    for horizon in (7, 100):  # The library cuts the context to 597 steps, or what a long horizon leaves.
        (mean,), (quantiles,) = ask_library(library, [target], horizon, 24 / 7)
        assert_alike(predict_one(loaded, make_task(target, horizon, 24 / 7)), mean, quantiles, target)


def last_patch(library: Any, target: Floats, masked: int) -> Floats:
    """Return the library's quantiles of the patch after all masked steps, shape (patch, levels)."""
    with torch.inference_mode():
        library.model.config.min_context = len(target)
        past = torch.tensor(target, dtype=torch.float32)[None, :, None]
        whole = library.model(past, return_dict=True, scale_factor=1.0, batch_first=True, mask_n=masked)
    patch = whole.last_hidden_state[-1, 0, :, :, 0].double().numpy()
    quantiles: Floats = np.quantile(patch, library.config.quantiles, axis=0).T
    return quantiles


@pytest.mark.parametrize("horizon", SHORT)
def test_the_library_loses_steps_of_some_horizons_which_are_returned_here(
    loaded: LoadedFlowState, library: Any, horizon: int
) -> None:
    target = walk(64)
    _, (some,) = ask_library(library, [target], horizon)
    found = predict_one(loaded, make_task(target, horizon))
    whole = horizon // 24 * 24
    assert len(some) == whole  # else the workaround is no longer needed
    assert (found.mean.shape, found.quantiles.shape) == ((horizon,), (horizon, 9))
    assert_alike(
        found, found.mean, np.vstack([some, last_patch(library, target, horizon - 24)[-23:]]), target
    )


@pytest.mark.parametrize("horizon", SHORT)
def test_the_whole_patches_of_such_a_horizon_are_those_of_the_next_one(
    loaded: LoadedFlowState, library: Any, horizon: int
) -> None:
    target = walk(64)
    (mean,), (quantiles,) = ask_library(library, [target], horizon + 1)
    found = predict_one(loaded, make_task(target, horizon))
    whole = horizon // 24 * 24
    assert np.abs(found.mean[:whole] - mean[:whole]).max() <= 1e-5 * 50
    assert np.abs(found.quantiles[:whole] - quantiles[:whole]).max() <= 1e-5 * 50


def test_the_library_loses_a_step_by_rounding_which_is_returned_here(
    loaded: LoadedFlowState, library: Any
) -> None:
    target, factor = walk(200), 24 / 59
    _, (some,) = ask_library(library, [target], 59, factor)
    _, (whole,) = ask_library(library, [target], 59, np.nextafter(factor, 0))
    assert (len(some), len(whole)) == (58, 59)
    found = predict_one(loaded, make_task(target, 59, factor))
    assert_alike(found, found.mean, whole, target)


@pytest.mark.parametrize("horizon", [24, 60])
def test_the_shape_of_r1_1_forecasts_as_the_library_does(
    folder: Path, loaded: LoadedFlowState, horizon: int
) -> None:
    own = ADAPTER.load(configure(folder, "tiny-r1.1"))
    layer = own.model.model.encoder.layers[0]
    assert (type(layer.mlp).__name__, layer.ssm.output_gating) == ("MLP", True)
    target = walk(64)
    reference = type(own.model).from_pretrained(folder / "tiny-r1.1").eval()
    (mean,), (quantiles,) = ask_library(reference, [target], horizon)
    found = predict_one(own, make_task(target, horizon))
    assert_alike(found, mean, quantiles, target)
    assert np.abs(found.mean - predict_one(loaded, make_task(target, horizon)).mean).max() > 1e-2


def test_gaps_are_taken_as_the_library_takes_them(loaded: LoadedFlowState, library: Any) -> None:
    target = walk(64)
    target[[5, 20, 21, 22, 60]] = np.nan
    for horizon in (24, 60):
        (mean,), (quantiles,) = ask_library(library, [target], horizon)
        assert_alike(predict_one(loaded, make_task(target, horizon)), mean, quantiles, target)


@pytest.mark.parametrize("factor", [1.0, 24 / 7])
def test_a_batch_that_shares_its_kernel_equals_the_librarys_with_one_for_each_series(
    loaded: LoadedFlowState, library: Any, factor: float
) -> None:
    targets = [walk(50, seed) for seed in range(5)]
    means, quantiles = ask_library(library, targets, 30, factor)
    found = ADAPTER.predict(loaded, [make_task(target, 30, factor) for target in targets])
    for one, mean, quantile, target in zip(found, means, quantiles, targets, strict=True):
        assert_alike(one, mean, quantile, target)


@pytest.mark.parametrize(("length", "factor"), [(2048, 1.0), (2500, 0.5), (8192, 0.25)])
def test_the_whole_window_is_seen_as_the_library_sees_it(
    loaded: LoadedFlowState, library: Any, length: int, factor: float
) -> None:
    target = walk(length)
    (mean,), (quantiles,) = ask_library(library, [target], 20, factor)
    assert_alike(predict_one(loaded, make_task(target, 20, factor)), mean, quantiles, target)


@pytest.fixture(scope="module", params=["tiny", "tiny-r1.1", "tiny-unmasked"])
def pair(request: pytest.FixtureRequest, folder: Path) -> tuple[LoadedFlowState, Any]:
    """A checkpoint as the adapter loads it, and as the library does."""
    own = ADAPTER.load(configure(folder, request.param))
    return own, type(own.model).from_pretrained(folder / request.param).eval()


@settings(deadline=None)
@given(
    length=st.integers(2, 150),
    horizon=st.integers(1, 150),
    factor=st.sampled_from([0.25, 0.4615, 1.0, 24 / 7, 6.0]),
    series=st.integers(1, 5),
    gaps=st.sets(st.tuples(st.integers(0, 4), st.integers(1, 149)), max_size=40),
)
def test_any_batch_equals_the_librarys(
    pair: tuple[LoadedFlowState, Any],
    length: int,
    horizon: int,
    factor: float,
    series: int,
    gaps: set[tuple[int, int]],
) -> None:
    own, library = pair
    targets = [walk(length, seed) for seed in range(series)]
    scale = timescale(library.config, factor)
    horizon = min(horizon, scale.max_horizon)
    if scale.masks:
        # The first two steps have values: before the first the library takes a gap for a value, and what
        # is constant is forecast as such here.
        seen = length - min(length, scale.max_context(horizon))
        for row, step in gaps:
            if row < series and seen + 1 < step < length:
                targets[row][step] = np.nan
    means, quantiles = ask_library(library, targets, horizon, factor)
    assume(means.shape[1] == horizon)
    found = ADAPTER.predict(own, [make_task(target, horizon, factor) for target in targets])
    for one, mean, quantile, target in zip(found, means, quantiles, targets, strict=True):
        assert_alike(one, mean, quantile, target)
