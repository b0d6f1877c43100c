"""Of a Parquet file, what a request uses is read and nothing else."""

import io
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from starlette.testclient import TestClient

from forecast.core.data.footer import footer_length, read_footer
from forecast.core.data.formats import parse_table, read_table
from forecast.core.data.parquet import find_spans, read_parquet
from forecast.core.data.selection import Selection, SoughtIntegers, SoughtText
from forecast.core.data.table import Table
from forecast.core.errors import DataError, TooLargeError
from forecast.core.parameters import Role
from forecast.core.series.choice import choose_series
from forecast.core.series.columns import read_categories
from tests.conftest import AUTHORIZED, MakeApp
from tests.core.data.buckets import as_parquet, stacked

LIMIT = 10_000_000
SALES: dict[str, Role] = {"id": "id", "y": "target"}


class Watched(io.BytesIO):
    """A file that counts the bytes that are read of it."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self.count += len(found)
        return found


def read(content: bytes, selection: Selection, limit: int = LIMIT) -> Table:
    return parse_table(content, "x.parquet", limit, selection)


def wide() -> bytes:
    columns = {
        "date": [date(2024, 1, 1), date(2024, 1, 2)],
        "note": ["a", "b"],
        "y": [1.0, 2.0],
        " price ": [3, 4],
        "a.b": [5, 6],
        "tags": [["x"], ["y"]],
        "place": [{"x": 1, "y": 2}, {"x": 3, "y": 4}],
        "last": [7, 8],
    }
    return as_parquet(pa.table(columns))


@pytest.mark.parametrize(
    ("selection", "columns"),
    [
        (Selection({"y": "target"}), ["date", "y"]),
        (Selection({"y": "target", "note": "timestamp"}), ["note", "y"]),
        (Selection({"y": "target", "date": "static_categorical"}), ["date", "note", "y"]),
        (
            Selection({"y": "target", "price": "dynamic_numerical", "last": "id"}),
            ["date", "y", "price", "last"],
        ),
        (Selection({"y": "target", "price": "dynamic_numerical"}, covariates=False), ["date", "y"]),
        (Selection({"a.b": "target", "last": "static_numerical"}), ["date", "a.b", "last"]),
    ],
)
def test_the_columns_of_the_roles_and_of_the_dates_are_read(selection: Selection, columns: list[str]) -> None:
    table = read(wide(), selection)
    assert list(table.frame.columns) == columns
    assert sorted([*columns, *table.unread]) == sorted(
        ["date", "note", "y", "price", "a.b", "tags", "place", "last"]
    )
    if "last" in columns:
        assert table.frame["last"].tolist() == [7, 8]


def test_without_a_usual_name_all_columns_that_may_hold_dates_are_read() -> None:
    content = as_parquet(pa.table({"when": ["2024-01-01"], "note": ["x"], "size": [1], "y": [2.0]}))
    assert list(read(content, Selection({"y": "target"})).frame.columns) == ["when", "note", "y"]


def test_a_column_of_another_type_is_an_error_only_where_it_is_used() -> None:
    with pytest.raises(DataError, match="'tags' has the Parquet type list"):
        read(wide(), Selection({"tags": "target"}))


@pytest.mark.parametrize(("wanted", "groups"), [(("s003",), [3]), (("s001", "s003"), [1, 3]), (("s9",), [0])])
def test_only_row_groups_that_may_hold_a_series_are_read(wanted: tuple[str, ...], groups: list[int]) -> None:
    frame = read(stacked(5, 4), Selection(SALES, series_ids=wanted)).frame
    assert frame.index.tolist() == [group * 4 + row for group in groups for row in range(4)]
    assert frame["id"].tolist() == [f"s{group:03d}" for group in groups for _ in range(4)]


@pytest.mark.parametrize(
    ("ids", "wanted", "rows"),
    [
        (pa.array([1, 1, 2, 2, 30, 30]), "2", [2, 3]),
        (pa.array([1, 1, 2, None, 30, 30]), "2", [2, 3]),
        (pa.array([-1, -1, 2, 2, 30, 30], pa.int8()), "-1", [0, 1]),
        (pa.array(["a", "a", "b", "b", "c", "c"]).dictionary_encode(), "b", [2, 3]),
        (pa.array(["a", "a", " b", "b\t", "c", "c"]), "b", [2, 3]),
        (pa.array([1.0, 1.0, 2.5, 2.5, 3.0, 3.0]), "2.5", [0, 1, 2, 3, 4, 5]),
        (pa.array([1, 1, 2, 2, 30, 30], pa.uint32()), "2", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_ids_of_a_type_whose_order_is_that_of_their_statistics_let_groups_be_skipped(
    ids: pa.Array, wanted: str, rows: list[int]
) -> None:
    content = as_parquet(pa.table({"id": ids, "date": ["2024-01-01"] * 6, "y": range(6)}), row_group_size=2)
    table = read(content, Selection(SALES, series_ids=(wanted,)))
    assert (table.frame.index.tolist(), table.whole) == (rows, len(rows) == 6)
    assert choose_series(table, "id", [wanted])["y"].tolist() == [
        row for row, one in enumerate(ids.to_pylist()) if str(one).strip() == wanted
    ]


def test_a_nested_column_is_not_taken_for_a_flat_one_with_a_dot_in_its_name() -> None:
    columns = {
        "date": ["2024-01-01", "2024-01-02"],
        "a": pa.array([{"x": 1}, {"x": 2}]),
        "a.b": [10, 20],
        "c": [100, 200],
        "e": pa.array([{"p": 1, "q": 2}, {"p": 3, "q": 4}]),
    }
    frame = read(as_parquet(pa.table(columns)), Selection({"a.b": "target", "c": "dynamic_numerical"})).frame
    assert frame["a.b"].tolist() == [10, 20]
    assert frame["c"].tolist() == [100, 200]


def test_of_a_part_of_a_table_no_series_are_named_as_if_they_were_all() -> None:
    names = [f"s{number:03}" for number in range(20)]
    content = as_parquet(
        pa.table({"id": names, "date": ["2024-01-01"] * 20, "y": range(20)}), row_group_size=1
    )
    table = read(content, Selection(SALES, series_ids=("s11",)))
    with pytest.raises(DataError, match="has no series 's11'.$"):
        choose_series(table, "id", ["s11"])


def test_without_statistics_all_row_groups_are_read() -> None:
    table = pa.table({"id": ["a", "b"], "date": ["2024-01-01"] * 2, "y": [1, 2]})
    content = as_parquet(table, row_group_size=1, write_statistics=False)
    assert len(read(content, Selection(SALES, series_ids=("b",))).frame) == 2


_IDS = st.text(st.sampled_from("ab \t\u2003\u3000\U0001f600é1"), max_size=4)


@settings(max_examples=300, deadline=None)
@given(st.lists(_IDS, min_size=1, max_size=12), st.data())
def test_no_row_of_a_series_is_ever_skipped(ids: list[str], data: st.DataObject) -> None:
    frame = pa.table({"id": ids, "date": ["2024-01-01"] * len(ids), "y": range(len(ids))})
    labels = read_categories(frame.to_pandas()["id"]).tolist()
    wanted = data.draw(st.sampled_from(labels)) or "a"
    content = as_parquet(frame, row_group_size=data.draw(st.integers(1, 4)))
    found = read(content, Selection(SALES, series_ids=(wanted,))).frame
    assert [row for row in found.index if labels[row] == wanted] == [
        row for row, label in enumerate(labels) if label == wanted
    ]


@given(st.sets(_IDS.map(str.strip), max_size=4), st.lists(_IDS, min_size=1, max_size=5))
def test_a_spelling_between_two_values_is_never_missed(ids: set[str], spellings: list[str]) -> None:
    low, high = min(spellings), max(spellings)
    if any(spelling.strip() in ids for spelling in spellings):
        assert SoughtText(ids).may_lie(low, high)


@given(
    st.sets(st.integers(-(10**18), 10**18), max_size=5),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1),
)
def test_an_integer_between_two_values_is_never_missed(ids: set[int], values: list[int]) -> None:
    if ids & set(values):
        assert SoughtIntegers({str(one) for one in ids}).may_lie(min(values), max(values))


def test_integers_that_cannot_be_ids_skip_what_has_none() -> None:
    assert not SoughtIntegers({"x", "1.5", "--1", "9" * 5000}).may_lie(0, 100)
    assert SoughtIntegers({"7"}).may_lie(0, 1 << 60)


def test_of_a_large_file_few_bytes_are_read() -> None:
    file = Watched(stacked(groups=50, rows=2000, extra=4))
    size = len(file.getvalue())
    frame = read_table(file, "x", 200_000, Selection(SALES, series_ids=("s007",))).frame
    assert frame["id"].tolist() == ["s007"] * 2000
    assert size > 4_000_000
    assert file.count < size / 20


def test_spans_are_what_reading_needs() -> None:
    content = stacked(groups=4, rows=100, extra=2)
    selection = Selection(SALES, series_ids=("s002",))
    spans = find_spans(io.BytesIO(content), LIMIT, selection)
    assert len(spans) == 3
    blank = bytearray(b"\xff" * len(content))
    blank[:4] = content[:4]
    for start, end in [*spans, (len(content) - 5000, len(content))]:
        blank[start:end] = content[start:end]
    assert read(bytes(blank), selection).frame.equals(read(content, selection).frame)


@pytest.mark.parametrize(
    ("selection", "limit", "fault"),
    [
        (Selection(SALES), 200_000, r"What the request uses takes \d+ bytes of the Parquet file"),
        (Selection(SALES, series_ids=("s001",)), 2_000, "footer has"),
    ],
)
def test_what_is_read_counts_against_the_limit(selection: Selection, limit: int, fault: str) -> None:
    content = stacked(groups=20, rows=2000)
    with pytest.raises(TooLargeError, match=fault):
        read(content, selection, limit)
    assert len(read(content, Selection(SALES, series_ids=("s001",)), 200_000).frame) == 2000


def test_a_file_larger_than_the_limit_is_forecast_in_part(make_app: MakeApp, tmp_path: Path) -> None:
    (tmp_path / "large.parquet").write_bytes(stacked(groups=20, rows=2000))
    body: dict[str, Any] = {
        "data_source_url_or_path": "large.parquet",
        "data_definition": {"id": "id", "y": "target"},
        "parameters": {"horizon_len": 2, "series_ids": ["s019"]},
    }
    app = make_app(data_dir=tmp_path, max_upload_size=200_000)
    with TestClient(app, headers=AUTHORIZED) as client:
        client.post("/forecast/v1/fake/initialization", json={})
        part = client.post("/forecast/v1/fake/inference", json=body)
        del body["parameters"]["series_ids"]
        whole = client.post("/forecast/v1/fake/inference", json=body)
    assert part.status_code == 200
    assert part.json()["prediction"]["series_ids"] == ["s019"]
    assert (whole.status_code, whole.json()["error"]) == (413, "TOO_LARGE")


def test_bounds_of_which_a_file_does_not_tell_the_order_are_not_believed() -> None:
    content = stacked(2, 5)
    footer = content[-footer_length(content[-8:], len(content), LIMIT) : -8]
    orders = b"\x19\x3c\x1c\0\0"  # the field after the one before, of three structs
    assert footer.count(orders) == 1
    told, untold = read_footer(footer), read_footer(footer.replace(orders, b"\x29" + orders[1:]))
    assert [(group.chunks[0].low, group.chunks[0].high) for group in told] == [
        ("s000", "s000"),
        ("s001", "s001"),
    ]
    assert [(group.chunks[0].low, group.chunks[0].high) for group in untold] == [(None, None)] * 2


_SMALL = stacked(3, 5)


@settings(deadline=None, max_examples=300)
@given(st.integers(4, len(_SMALL) - 1), st.integers(0, 255))
def test_a_part_of_parquet_with_a_changed_byte_is_a_table_or_a_told_error(place: int, byte: int) -> None:
    content = bytearray(_SMALL)
    content[place] = byte
    selection = Selection(SALES, series_ids=("s001",))
    for work in (read_parquet, find_spans):
        with suppress(DataError, TooLargeError):
            work(io.BytesIO(bytes(content)), LIMIT, selection)


def test_a_role_without_a_column_still_shows_all_that_there_are() -> None:
    table = read(wide(), Selection({"yy": "target", "note": "timestamp"}))
    assert {*table.frame.columns, *table.unread} >= {"y", "price", "last"}
    none: Any = read(wide(), Selection({"yy": "target", "zz": "timestamp"}))
    assert (len(none.frame.columns), len(none.unread)) == (0, 8)


def test_a_footer_longer_than_the_usual_tail_is_read() -> None:
    names = {f"column_{place}_{'x' * 100}": np.zeros(1) for place in range(600)}
    content = as_parquet(pa.table({"date": ["2024-01-01"], "y": [1.0], **names}))
    assert parquet.read_metadata(io.BytesIO(content)).serialized_size > 1 << 16
    assert list(read(content, Selection({"y": "target"})).frame.columns) == ["date", "y"]
