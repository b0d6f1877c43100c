from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from forecast.core.adapter import Capabilities
from forecast.core.data.table import Table
from forecast.core.errors import DataError, RequestError, SapheneiaError
from forecast.core.parameters import Parameters
from forecast.core.series.panel import Panel, build_panel

DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]


def panel(
    columns: dict[str, Any], wanted: list[str], roles: dict[str, Any] | None = None, **changes: Any
) -> Panel:
    roles = roles or {"id": "id", "y": "target"}
    parameters = Parameters(series_ids=wanted, **changes)
    table = Table(pd.DataFrame(columns, dtype=object))
    return build_panel(table, roles, parameters, horizon=2, context_len=None, limits=Capabilities())


def stores(ids: list[Any], **changes: Any) -> dict[str, Any]:
    days = DAYS * len(ids)
    return {
        "id": [one for one in ids for _ in DAYS],
        "date": days,
        "y": list(range(len(days))),
    } | changes


def test_only_the_series_asked_for_are_there_in_the_tables_order() -> None:
    found = panel(stores(["a", "b", "c"]), ["c", "a"])
    assert [one.unique_id for one in found.series] == ["a", "c"]
    assert [one.target.tolist() for one in found.series] == [[0, 1, 2], [6, 7, 8]]


@pytest.mark.parametrize(
    ("ids", "wanted"), [([1, 2], "2"), ([1.0, 2.0], "2"), ([" a", "b "], "b"), (["a", "b"], " b ")]
)
def test_an_id_is_asked_for_as_it_is_answered(ids: list[Any], wanted: str) -> None:
    found = panel(stores(ids), [wanted])
    assert [one.unique_id for one in found.series] == [wanted.strip()]
    assert found.series[0].target.tolist() == [3, 4, 5]


def test_what_is_wrong_with_other_series_does_not_matter() -> None:
    columns = stores(["a", "b", None])
    columns["y"][0] = "text"
    columns["date"][1] = "never"
    assert panel(columns, ["b"]).series[0].target.tolist() == [3, 4, 5]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"y": [0, 1, 2, 3, "text", 5]}, "Column 'y', row 5: 'text' is not a number"),
        ({"y": [0, 1, 2, 3, None, 5]}, "Column 'y' of series 'b', row 5: no value at 2024-01-02"),
        ({"date": [*DAYS, DAYS[0], "never", DAYS[2]]}, "Column 'date', row 5: 'never' is not a date"),
        ({"date": [*DAYS, DAYS[0], DAYS[2], DAYS[2]]}, "rows 5 and 6 have the same date"),
        ({"date": [*DAYS, DAYS[0], "2024-01-01T07:00", DAYS[2]]}, "Row 5 of series 'b'"),
        ({"size": [1, 1, 1, 2, 2, 3]}, "Static covariate 'size', row 6: series 'b' has both '2.0' and '3.0'"),
    ],
)
def test_rows_are_those_of_the_whole_table(change: dict[str, Any], told: str) -> None:
    roles = {"id": "id", "y": "target"} | ({"size": "static_numerical"} if "size" in change else {})
    with pytest.raises(SapheneiaError) as caught:
        panel(stores(["a", "b"], **change), ["b"], roles, freq="D")
    assert told in caught.value.detail
    assert all(error.row in (5, 6) for error in caught.value.errors)


def test_ids_that_are_not_there_are_named_and_the_nearest_offered() -> None:
    with pytest.raises(DataError) as caught:
        panel(stores(["north", "south"]), ["nort"])
    assert caught.value.detail == "Data error: Column 'id' has no series 'nort' (did you mean 'north'?)."
    with pytest.raises(DataError) as caught:
        panel(stores(["north", "south"]), ["south", *(f"x{place}" for place in range(12))])
    assert caught.value.detail.startswith("Data error: Column 'id' has no series 'x0', 'x1', ")
    assert caught.value.detail.endswith("'x9' and 2 more.")
    assert len(caught.value.details["series_ids"]) == 10


def test_series_cannot_be_chosen_without_a_column_of_ids() -> None:
    with pytest.raises(RequestError, match="series_ids needs a column with the role 'id'"):
        panel(stores(["a"]), ["a"], {"y": "target"})


@pytest.mark.parametrize("ids", [[], ["a", "a"], [1], [""], ["\ud800"], ["x"] * 100_001])
def test_ids_that_make_no_sense_are_an_invalid_request(ids: list[Any]) -> None:
    with pytest.raises(ValidationError):
        Parameters(series_ids=ids)


def test_an_id_with_a_nul_is_refused_as_pandas_would_end_it_there() -> None:
    with pytest.raises(DataError, match="row 4: .* has a NUL character"):
        panel(stores(["a", "a\x00", "b"]), ["a"])
