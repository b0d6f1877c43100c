from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.core.adapter import Capabilities
from forecast.core.data.table import Table
from forecast.core.errors import DataError, RequestError, SapheneiaError
from forecast.core.parameters import Parameters
from forecast.core.series.panel import Panel, build_panel

PAST_ONLY = Capabilities(covariates="native", past_covariates=True)
GAPS = Capabilities(missing=True)
DAYS = [f"2024-01-{day:02d}" for day in range(1, 11)]


def panel(
    columns: dict[str, Any],
    roles: dict[str, Any] | None = None,
    horizon: int = 3,
    context_len: int | None = None,
    limits: Capabilities = Capabilities(),  # noqa: B008  (frozen)
    **parameters: Any,
) -> Panel:
    table = Table(pd.DataFrame(columns, dtype=object))
    return build_panel(
        table,
        roles or {"y": "target"},
        Parameters(**parameters),
        horizon=horizon,
        context_len=context_len,
        limits=limits,
    )


def test_a_plain_table_becomes_one_series() -> None:
    made = panel({"date": DAYS, "y": [str(value) for value in range(10)]})
    (series,) = made.series
    assert series.target.tolist() == list(range(10))
    assert (made.freq, series.season_length, made.target_names) == ("D", 7, ("y",))
    assert series.future_index.strftime("%d").tolist() == ["11", "12", "13"]
    assert made.warnings == ()


@given(st.permutations(range(10)))
def test_rows_may_come_in_any_order(order: list[int]) -> None:
    made = panel({"date": [DAYS[at] for at in order], "y": [str(at) for at in order]})
    assert made.series[0].target.tolist() == list(range(10))


def test_two_interleaved_series_are_told_apart_and_keep_their_order() -> None:
    made = panel(
        {
            "date": [day for day in DAYS for _ in "ab"],
            "shop": ["b", "a"] * 10,
            "y": [value for step in range(10) for value in (step, 100 + step)],
        },
        {"y": "target", "shop": "id"},
    )
    assert [series.unique_id for series in made.series] == ["b", "a"]
    assert [series.target[0] for series in made.series] == [0, 100]


def test_series_may_end_at_different_dates() -> None:
    made = panel(
        {"date": [*DAYS, *DAYS[:5]], "shop": ["a"] * 10 + ["b"] * 5, "y": list(range(15))},
        {"y": "target", "shop": "id"},
    )
    assert [str(series.future_index[0].date()) for series in made.series] == ["2024-01-11", "2024-01-06"]


def test_duplicate_dates_are_an_error_that_names_the_rows() -> None:
    with pytest.raises(DataError, match=r"rows 2 and 4 have the same date 2024-01-02") as refused:
        panel({"date": [*DAYS[:3], DAYS[1]], "y": [1, 2, 3, 4]})
    assert [(cell.column, cell.row) for cell in refused.value.errors] == [("date", 4)]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("about 5", "Column 'y', row 3: 'about 5' is not a number"),
        ("1,000", "Column 'y', row 3: '1,000' is not a number"),
        ("inf", "Column 'y', row 3: 'inf' is not a finite number"),
        (float("-inf"), "Column 'y', row 3: '-inf' is not a finite number"),
        ("1e101", "Column 'y', row 3: '1e101' is too large to be forecast"),
        (-1e300, "Column 'y', row 3: '-1e\\+300' is too large to be forecast"),
        ("NaN", "Column 'y' of series 'series_0', row 3: no value at 2024-01-03"),
        ("", "Column 'y' of series 'series_0', row 3: no value at 2024-01-03"),
        (None, "Column 'y' of series 'series_0', row 3: no value at 2024-01-03"),
    ],
)
def test_a_cell_that_is_no_number_is_named_by_column_and_row(value: object, told: str) -> None:
    with pytest.raises(DataError, match=told):
        panel({"date": DAYS, "y": [1, 2, value, *range(7)]})


def test_an_absent_row_is_a_gap() -> None:
    with pytest.raises(DataError, match="no row for 2024-01-04 00:00:00 and 1 more") as refused:
        panel({"date": DAYS[:3] + DAYS[5:], "y": [1, 2, 3, 6, 7, 8, 9, 10]})
    assert len(refused.value.errors) == 2


@pytest.mark.parametrize(
    ("missing", "expected"),
    [("interpolate", [1, 2, 3, 4, 5, 6]), ("ffill", [1, 2, 2, 2, 5, 6]), ("zero", [1, 2, 0, 0, 5, 6])],
)
def test_gaps_are_filled_as_asked(missing: str, expected: list[float]) -> None:
    made = panel({"date": DAYS[:3] + DAYS[4:6], "y": [1, 2, None, 5, 6]}, missing=missing)
    assert made.series[0].target.tolist() == expected


def test_gaps_are_left_to_a_model_that_takes_them() -> None:
    made = panel({"date": DAYS[:4], "y": [1, None, 3, 4]}, limits=GAPS, missing="model")
    np.testing.assert_array_equal(made.series[0].target, [1, np.nan, 3, 4])


def test_the_context_ends_at_the_last_known_target_and_leading_blanks_do_not_count() -> None:
    made = panel({"date": DAYS, "y": ["", *range(6), None, "", None]})
    (series,) = made.series
    assert series.target.tolist() == list(range(6))
    assert str(series.future_index[0].date()) == "2024-01-08"
    assert np.isnan(made.actuals[0]).all()


def test_targets_after_the_cutoff_are_the_actual_future() -> None:
    made = panel({"date": DAYS, "y": list(range(10))}, horizon=4, context_end_date="2024-01-08")
    assert made.series[0].target.tolist() == list(range(8))
    np.testing.assert_array_equal(made.actuals[0], [8, 9, np.nan, np.nan])


def test_a_context_may_start_later_and_be_cut() -> None:
    data = {"date": DAYS, "y": list(range(10))}
    assert panel(data, context_start_date="2024-01-04").series[0].target.tolist() == list(range(3, 10))
    assert panel(data, context_len=3).series[0].target.tolist() == [7, 8, 9]
    assert len(panel(data, context_len=500).series[0].target) == 10


def test_a_gap_before_the_context_is_nobodys_business() -> None:
    made = panel({"date": DAYS, "y": [1, None, *range(8)]}, context_len=5)
    assert made.series[0].target.tolist() == [3, 4, 5, 6, 7]


@pytest.mark.parametrize("bound", ["context_start_date", "context_end_date"])
def test_a_bound_that_is_no_date_is_refused(bound: str) -> None:
    with pytest.raises(RequestError, match=f"{bound} 'soon' is not a date"):
        panel({"date": DAYS, "y": list(range(10))}, **dict[str, Any]({bound: "soon"}))


def test_a_cutoff_before_all_data_is_an_error() -> None:
    with pytest.raises(DataError, match="no target between its context's start and end"):
        panel({"date": DAYS, "y": list(range(10))}, context_end_date="2023-01-01")


def test_an_end_date_means_the_whole_day() -> None:
    hours = pd.date_range("2024-01-01", periods=48, freq="h").astype(str).tolist()
    made = panel({"date": hours, "y": list(range(48))}, context_end_date="2024-01-01")
    assert len(made.series[0].target) == 24


@pytest.mark.parametrize(
    ("roles", "told"),
    [
        ({"yy": "target"}, r"no column 'yy' \(did you mean 'y'\?\)"),
        ({"x": "dynamic_numerical"}, "names no column as 'target'"),
        ({"y": "target", "x": "target"}, "'target' to several columns: y, x"),
    ],
)
def test_roles_that_do_not_fit_the_table_are_refused(roles: dict[str, str], told: str) -> None:
    with pytest.raises(SapheneiaError, match=told):
        panel({"date": DAYS, "y": list(range(10)), "x": list(range(10))}, roles)


def test_a_table_without_a_date_column_is_an_error() -> None:
    with pytest.raises(DataError, match="no date column"):
        panel({"y": [1, 2, 3]})


def test_an_empty_table_is_an_error() -> None:
    with pytest.raises(DataError, match="no rows"):
        panel({"date": [], "y": []})


def test_an_empty_id_is_an_error() -> None:
    with pytest.raises(DataError, match="Column 'shop', row 2: the series' id is empty"):
        panel({"date": DAYS[:2], "y": [1, 2], "shop": ["a", ""]}, {"y": "target", "shop": "id"})


def test_one_point_needs_a_frequency() -> None:
    with pytest.raises(DataError, match="pass 'freq'"):
        panel({"date": DAYS[:1], "y": [5]})
    assert panel({"date": DAYS[:1], "y": [5]}, freq="D").series[0].target.tolist() == [5]


def test_a_context_too_short_for_the_model_is_an_error() -> None:
    with pytest.raises(DataError, match="has 1 known step in its context; this model needs at least 2"):
        panel({"date": DAYS[:1], "y": [5]}, freq="D", limits=Capabilities(min_context=2))


def test_steps_left_without_a_value_are_no_history() -> None:
    limits = Capabilities(min_context=2, missing=True)
    table = {"date": DAYS, "y": [1, *[None] * 8, 5]}
    panel(table, limits=limits, missing="model")
    with pytest.raises(DataError, match="Series 'series_0' has 1 known step in its context") as refused:
        panel(table, limits=limits, missing="model", context_len=5)
    assert refused.value.details == {"series": "series_0", "known": 1, "needed": 2}


def test_a_date_off_the_calendar_is_named() -> None:
    with pytest.raises(DataError, match="Row 3 of series 'series_0'.*does not lie on the calendar 'MS'"):
        panel(
            {"date": ["2024-01-01", "2024-02-01", "2024-03-02", "2024-04-01"], "y": [1, 2, 3, 4]}, freq="MS"
        )


def test_a_zone_makes_local_days_of_stamps_with_offsets() -> None:
    days = ["2024-03-30T00:00:00+01:00", "2024-03-31T00:00:00+01:00", "2024-04-01T00:00:00+02:00"]
    made = panel({"date": days, "y": [1, 2, 3]}, timezone="Europe/Berlin")
    assert made.freq == "D"
    assert made.series[0].future_index[0].isoformat() == "2024-04-02T00:00:00+02:00"


def test_hours_that_the_clock_repeats_are_told_apart_in_their_zone() -> None:
    hours = ["2024-10-27 01:00", "2024-10-27 02:00", "2024-10-27 02:00", "2024-10-27 03:00"]
    made = panel({"date": hours, "y": [1, 2, 3, 4]}, timezone="Europe/Berlin")
    assert made.series[0].target.tolist() == [1, 2, 3, 4]
    with pytest.raises(DataError, match="rows 2 and 3 have the same date"):
        panel({"date": hours, "y": [1, 2, 3, 4]})


def test_an_hour_that_the_clock_skips_is_an_error_in_its_zone() -> None:
    hours = ["2024-03-31 01:00", "2024-03-31 02:00", "2024-03-31 03:00"]
    with pytest.raises(DataError, match="skips or repeats"):
        panel({"date": hours, "y": [1, 2, 3]}, timezone="Europe/Berlin")


def test_a_zone_that_is_none_is_refused() -> None:
    with pytest.raises(RequestError, match="no time zone"):
        panel({"date": DAYS, "y": list(range(10))}, timezone="Europe/Atlantis")


@given(
    st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=40),
    st.sampled_from(["D", "h", "MS", "ME", "B", "W-SUN", "QE"]),
    st.integers(1, 30),
)
def test_every_horizon_is_returned_whole_on_the_calendar(
    values: list[float], freq: str, horizon: int
) -> None:
    stamps = pd.date_range("2021-01-01", periods=len(values) + horizon, freq=freq)
    made = panel(
        {"date": stamps[: len(values)].astype(str).tolist(), "y": values}, horizon=horizon, freq=freq
    )
    assert made.series[0].future_index.tolist() == stamps[len(values) :].tolist()
    assert made.series[0].target.tolist() == values


def test_rows_of_three_centuries_may_come_in_any_order() -> None:
    years = [f"{year}-01-01" for year in (2008, *range(1700, 2008))]
    (series,) = panel({"date": years, "y": list(range(309))}, {"y": "target"}).series
    assert series.index[[0, -1]].year.tolist() == [1700, 2008]
    assert series.target[[0, -1]].tolist() == [1.0, 0.0]


def test_a_short_context_keeps_no_long_history_in_memory() -> None:
    days = pd.date_range("2000-01-01", periods=5_000).strftime("%Y-%m-%d").tolist()
    (series,) = panel({"date": days, "y": list(range(5_000))}, {"y": "target"}, context_len=10).series
    assert series.target.base is None
    base = series.index.to_numpy().base
    assert base is None or base.nbytes == 80
