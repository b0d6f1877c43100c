"""What is called readable an inference reads, and what is in the way it refuses."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forecast.core.errors import SapheneiaError
from tests.tables.checking import check, make_table, read_kept, read_panel

ROLES: dict[str, Any] = {
    "when": "timestamp",
    "shop": "id",
    "y": "target",
    "price": "dynamic_numerical",
    "promo": "dynamic_categorical",
    "size": "static_numerical",
    "region": "static_categorical",
}
ALL = {
    "not_a_date": "drop_row",
    "empty_id": "drop_row",
    "not_a_number": "empty",
    "duplicates": "last",
    "off_calendar": "drop_row",
    "gaps": "interpolate",
    "no_values": "drop_series",
}
Table = dict[str, list[object]]


def rarely(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 24).flatmap(lambda draw: odd if draw == 0 else usual)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Tables of a few series, with faults here and there."""
    step = draw(st.sampled_from(["D", "M", "h", "W"]))
    start = np.datetime64(draw(st.sampled_from(["2023-01-01", "2024-02-01", "2022-10-01"])))
    columns: Table = {name: [] for name in ROLES}
    for shop in draw(st.sampled_from([["A"], ["A", "B"], ["A", "B", "C"]])):
        first = draw(st.integers(0, 3))
        length = draw(st.integers(1, 12))
        size, region = draw(st.sampled_from(["1", "2.5"])), draw(st.sampled_from(["n", "s"]))
        unit = start.astype(f"datetime64[{step}]")
        for place in range(first, first + length):
            if draw(st.integers(0, 19)) == 0:
                continue
            stamp = np.datetime_as_string((unit + place).astype("datetime64[s]"))
            odd_date = st.sampled_from(["soon", "", "2024-13-01", "2023-01-05T07:30", "2023-02-03"])
            columns["when"].append(draw(rarely(st.just(stamp), odd_date)))
            columns["shop"].append(draw(rarely(st.just(shop), st.sampled_from(["", "A"]))))
            number = st.integers(-5, 99).map(str)
            columns["y"].append(draw(rarely(number, st.sampled_from(["", "many", "inf", "1e101", "1,5"]))))
            columns["price"].append(draw(rarely(number, st.sampled_from(["", "x", "NaN"]))))
            columns["promo"].append(draw(rarely(st.sampled_from(["yes", "no"]), st.just(""))))
            columns["size"].append(draw(rarely(st.just(size), st.sampled_from(["", "9"]))))
            columns["region"].append(draw(rarely(st.just(region), st.sampled_from(["", "x"]))))
    order = draw(st.permutations(range(len(columns["y"]))))
    return {name: [cells[at] for at in order] for name, cells in columns.items()}


def refuses(table: Table, freq: str | None) -> bool:
    try:
        read_panel(make_table(table), ROLES, freq)
    except SapheneiaError:
        return True
    return False


@given(tables().filter(lambda table: bool(table["y"])), st.sampled_from([None, None, "D", "MS"]))
def test_a_table_without_a_blocking_problem_is_read_and_one_with_it_refused(
    table: Table, freq: str | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        answer = check(table, Path(folder), data_definition=ROLES, freq=freq)
        blocked = any(problem.blocking for problem in answer.problems)
        assert refuses(table, freq) == blocked
        assert (answer.path is None) == blocked
        if not blocked:
            kept = read_kept(answer, Path(folder))
            source = read_panel(make_table(table), ROLES, freq)
            assert [one.unique_id for one in kept.series] == [one.unique_id for one in source.series]
            for one, other in zip(kept.series, source.series, strict=True):
                np.testing.assert_array_equal(one.target, other.target)
                assert one.index.equals(other.index)


@given(
    tables().filter(lambda table: bool(table["y"])),
    st.sampled_from([None, None, "D", "MS"]),
    st.sampled_from(["mean", "first", "last", "sum"]),
    st.sampled_from(["interpolate", "ffill", "zero"]),
    st.sampled_from([None, 1, 3]),
)
def test_a_table_repaired_as_far_as_it_can_be_is_read(
    table: Table, freq: str | None, duplicates: str, gaps: str, holdout: int | None
) -> None:
    repairs = ALL | {"duplicates": duplicates, "gaps": gaps}
    with tempfile.TemporaryDirectory() as folder:
        answer = check(
            table, Path(folder), data_definition=ROLES, freq=freq, repairs=repairs, holdout=holdout
        )
        left = {problem.code for problem in answer.problems if problem.blocking}
        assert left <= {"no_date", "no_values", "unknown_freq", "static_varies"}
        if not left:
            kept = read_kept(answer, Path(folder))
            assert [one.unique_id for one in kept.series] == [one.unique_id for one in answer.series]
            assert [len(one.index) for one in kept.series] == [one.steps for one in answer.series]


@given(
    tables().filter(lambda table: bool(table["y"])),
    st.sampled_from(["not_a_date", "empty_id", "not_a_number", "duplicates", "gaps"]),
)
def test_a_problem_that_alone_is_left_is_refused(table: Table, left: str) -> None:
    repairs = {code: repair for code, repair in ALL.items() if code != left}
    answer = check(table, data_definition=ROLES, repairs=repairs)
    if any(problem.code == left for problem in answer.problems):
        assert refuses(table, None)
