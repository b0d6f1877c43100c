from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecast.core.adapter import Capabilities, Covariate, Series
from forecast.core.errors import HorizonError
from forecast.core.limits import check_horizon, keep_within
from forecast.core.parameters import Parameters
from forecast.core.series.panel import Panel

INDEX = pd.date_range("2024-01-01", periods=13, freq="D")


def make_series(name: str = "s", steps: int = 10) -> Series:
    covariate = Covariate("x", "numerical", np.arange(steps) / 2, np.zeros(3))
    return Series(
        name,
        INDEX[:steps],
        np.arange(steps, dtype=np.float64),
        INDEX[steps : steps + 3],
        "D",
        7,
        (covariate,),
    )


def make_panel(*series: Series) -> Panel:
    own: dict[str, Any] = {
        "series": series,
        "actuals": (),
        "warnings": ("first",),
        "notes": (("first",),) * len(series),
    }
    known = {"target_names": ("y",), "freq": "D", **own}
    return Panel(**known)


@pytest.mark.parametrize("limits", [Capabilities(), Capabilities(max_context=10, max_horizon=3)])
def test_a_context_within_the_limit_stays_as_it_is(limits: Capabilities) -> None:
    series = make_series()
    kept = keep_within(lambda _: limits, Parameters(context_len=10), make_panel(series))
    assert kept.series == (series,)
    assert kept.warnings == ("first",)


def test_a_longer_one_keeps_its_last_steps_and_those_of_its_covariates() -> None:
    limits = {"a": Capabilities(max_context=4), "b": Capabilities(max_context=9)}
    panel = make_panel(make_series("a"), make_series("b"))
    first, second = keep_within(lambda one: limits[one.unique_id], Parameters(), panel).series
    assert first.target.tolist() == [6, 7, 8, 9]
    assert first.index.tolist() == INDEX[6:10].tolist()
    assert first.covariates[0].past.tolist() == [3, 3.5, 4, 4.5]
    assert (len(first.future_index), first.covariates[0].future) == (3, panel.series[0].covariates[0].future)
    assert second.target.tolist() == list(range(1, 10))


def test_what_the_request_named_is_not_cut_without_a_word() -> None:
    panel = make_panel(make_series("a"), make_series("b"))
    cut = keep_within(lambda _: Capabilities(max_context=4), Parameters(context_len=10), panel)
    assert cut.warnings == (
        "first",
        "The context is cut to 4 steps, this model's limit at this horizon for a series of frequency 'D'"
        " with a season of 7 steps.",
    )
    assert keep_within(lambda _: Capabilities(max_context=4), Parameters(), panel).warnings == ("first",)


def test_a_horizon_that_one_series_cannot_have_is_refused() -> None:
    limits = {"a": Capabilities(max_horizon=3), "b": Capabilities(max_horizon=2)}
    panel = make_panel(make_series("a"), make_series("b"))
    with pytest.raises(
        HorizonError, match="horizon of 3 is above this model's limit of 2 for a series"
    ) as told:
        keep_within(lambda one: limits[one.unique_id], Parameters(), panel)
    assert told.value.details == {"horizon_len": 3, "max_horizon": 2}
    keep_within(lambda _: limits["a"], Parameters(), make_panel(make_series("a")))


def test_a_horizon_at_the_limit_is_taken() -> None:
    check_horizon(3, Capabilities(max_horizon=3))
    check_horizon(3, Capabilities())
    with pytest.raises(HorizonError, match=r"^A horizon of 4 is above this model's limit of 3\.$"):
        check_horizon(4, Capabilities(max_horizon=3))
