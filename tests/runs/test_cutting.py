"""The same numbers however work is cut into parts."""

import numpy as np
import pandas as pd
import pytest

from forecast.database.connection import Database
from tests.runs.conftest import demand, put
from tests.runs.working import MakeWork, by_name, by_table, compute, sales, told


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_forecast_by_name_has_the_same_numbers_however_it_is_cut(
    make_work: MakeWork, database: Database, most: int
) -> None:
    put(database, sales())
    work = make_work()
    ask = by_name(item_ids=["D", "gone", "A", "C", "weekly", "B"])

    assert told(compute(work, ask, most)) == told(compute(work, ask, 100))


@pytest.mark.parametrize("most", [1, 2])
def test_an_inference_has_the_same_numbers_however_it_is_cut(make_work: MakeWork, most: int) -> None:
    work = make_work()
    ask = by_table(sales().sample(frac=1, random_state=0))

    whole = told(compute(work, ask, 100))

    assert told(compute(work, ask, most)) == whole
    assert {one["item_id"] for one in whole} == {"A", "B", "C", "D", "weekly"}
    assert all(one["error"] is None for one in whole)


@pytest.mark.parametrize("then", [(1, 1), (2, 2), (1, 2), (2, 1)])
def test_parts_that_are_divided_have_the_same_numbers(
    make_work: MakeWork, database: Database, then: tuple[int, int]
) -> None:
    put(database, sales())
    work = make_work()
    for ask in (by_name(item_ids=["D", "gone", "A", "C", "weekly"]), by_table(sales())):
        assert told(compute(work, ask, 3, then)) == told(compute(work, ask, 100))


def test_a_part_whose_items_depend_on_one_another_is_not_divided(
    make_work: MakeWork, database: Database
) -> None:
    put(database, sales())
    work = make_work()
    pooled = {"xreg_scope": "pooled"}
    for ask in (by_name(parameters=pooled), by_table(sales(), **pooled)):
        (part,) = work.split(ask, 1)
        assert [piece.items for piece in work.divide(ask, part, 1, 1)] == [5]


def test_a_short_series_lies_on_the_calendar_of_the_longest_in_whichever_part(make_work: MakeWork) -> None:
    short = demand("short", 3)
    short["timestamp"] = pd.to_datetime(["2024-01-01", "2024-01-08", "2024-01-15"])
    work = make_work()
    ask = by_table(pd.concat([short, demand("long", 30)]), missing="ffill")

    apart = compute(work, ask, 1)

    assert told(apart) == told(compute(work, ask, 2))
    assert apart[0].predicted is not None
    assert (apart[0].predicted.frequency, apart[0].predicted.context_length) == ("D", 15)


def test_series_that_share_a_regression_stay_together(make_work: MakeWork) -> None:
    work = make_work()
    ask = by_table(sales().assign(value=1.0), xreg_scope="pooled")

    assert [part.items for part in work.split(ask, 1)] == [5]


def test_pooled_series_without_those_that_fail_are_those_of_an_inference_without_them(
    make_work: MakeWork,
) -> None:
    good = pd.concat([demand("A", 40), demand("B", 40), demand("C", 40)]).reset_index(drop=True)
    promo = np.random.default_rng(0).integers(0, 2, len(good)).astype(float)
    good = good.assign(promo=promo)
    broken = demand("broken", 40).drop(index=[7]).assign(promo=0.0)
    work = make_work()
    wanted, found = (by_table(frame, xreg_scope="pooled") for frame in (good, pd.concat([good, broken])))
    for ask in (wanted, found):
        ask.body["data_definition"]["promo"] = "dynamic_numerical"

    rows = compute(work, found, 100)

    assert [row.error is None for row in rows] == [True, True, True, False]
    assert told(rows[:3]) == told(compute(work, wanted, 100))
