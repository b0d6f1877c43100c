"""A table may be the body of an inference, as Arrow or as Parquet."""

import json
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from forecast.core.body import parse
from forecast.core.data.arrow import read_arrow
from forecast.core.data.messages import unpacked_sizes
from forecast.core.errors import DataError
from forecast.core.media import ARROW, PARQUET
from forecast.core.parameters import InferenceRequest, Parameters
from tests.conftest import AUTHORIZED, MakeApp
from tests.core.conftest import DAYS, TABLE, forecast
from tests.core.frames import REST, WRITERS, as_file, as_stream, noted, send

LIMIT = 1_000_000
STAMPS = pd.date_range("2024-01-01", periods=10)
SHOPS = {
    "date": STAMPS.repeat(2),
    "shop": pa.array(["a", "b"] * 10).dictionary_encode(),
    "y": np.arange(20) * 1.1,
}


@pytest.mark.parametrize("media", [ARROW, PARQUET])
def test_a_table_is_forecast_as_its_json_is(ready: TestClient, media: str) -> None:
    rest = REST | {"data_definition": {"y": "target", "shop": "id"}}
    columns = {"date": [day for day in DAYS for _ in "ab"], "shop": ["a", "b"] * 10}
    told = forecast(ready, **rest, data=columns | {"y": SHOPS["y"].tolist()}).json()
    sent = send(ready, WRITERS[media](noted(SHOPS, rest)), media)
    assert sent.status_code == 200
    for part in ("prediction", "visualization_data", "warnings"):
        assert sent.json()[part] == told[part]


@pytest.mark.parametrize("media", [ARROW, PARQUET])
@pytest.mark.parametrize(
    ("columns", "rest", "status", "told", "fault"),
    [
        (
            {"date": DAYS, "y": ["1"] * 2 + ["three"] + ["4"] * 7},
            REST,
            400,
            "Column 'y', row 3: 'three' is not a number",
            {"column": "y", "row": 3},
        ),
        (TABLE, REST | {"paramters": {}}, 422, "did you mean 'parameters'?", {"field": None}),
        (
            TABLE,
            REST | {"parameters": {"horizon_len": "3"}},
            422,
            "integer",
            {"field": "parameters.horizon_len"},
        ),
        (TABLE, REST | {"data": TABLE}, 422, "The body is the table", {"field": "data"}),
        (
            TABLE,
            REST | {"data_source_url_or_path": "x.csv"},
            422,
            "The body is the table",
            {"field": "data_source_url_or_path"},
        ),
        (TABLE, [], 422, "valid dictionary", {"field": None}),
        (TABLE, REST | {"data_definition": {"z": "target"}}, 400, "has no column 'z'", None),
        ({"date": DAYS, "y": [[1]] * 10}, REST, 400, "which is not read here", None),
        ({"date": [], "y": []}, REST, 400, "has no rows", None),
    ],
)
def test_faults_are_told_as_those_of_json(
    ready: TestClient, media: str, columns: Any, rest: Any, status: int, told: str, fault: Any
) -> None:
    refused = send(ready, WRITERS[media](noted(columns, rest)), media)
    assert refused.status_code == status
    assert told in refused.json()["detail"]
    if fault is not None:
        assert fault.items() <= refused.json()["errors"][0].items()


@pytest.mark.parametrize("media", [ARROW, PARQUET])
def test_a_table_without_the_rest_of_the_request_is_told_where_it_belongs(
    ready: TestClient, media: str
) -> None:
    refused = send(ready, WRITERS[media](pa.table(TABLE)), media)
    assert (refused.status_code, refused.json()["error"]) == (422, "REQUEST_INVALID")
    assert "no key 'sapheneia'" in refused.json()["detail"]
    broken = pa.table(TABLE).replace_schema_metadata({"sapheneia": "{"})
    assert "not valid JSON" in send(ready, WRITERS[media](broken), media).json()["detail"]


@pytest.mark.parametrize("media", [ARROW, PARQUET])
@pytest.mark.parametrize("cut", [0, 3, 100, 600, -30])
def test_a_table_cut_off_is_a_fault_of_its_data(ready: TestClient, media: str, cut: int) -> None:
    whole = WRITERS[media](noted(TABLE))
    refused = send(ready, whole[:cut], media)
    assert (refused.status_code, refused.json()["error"]) == (400, "DATA_INVALID")


def test_a_table_is_held_to_the_limits_of_a_request(make_app: MakeApp) -> None:
    rest = REST | {"data_definition": {"y": "target", "shop": "id"}}
    content = as_stream(noted(SHOPS, rest))
    with TestClient(make_app(max_series_per_request=1), headers=AUTHORIZED) as client:
        client.post("/forecast/v1/fake/initialization", json={})
        refused = send(client, content)
        assert (refused.status_code, refused.json()["details"]) == (413, {"series": 2, "max_series": 1})
    with TestClient(make_app(max_request_size=len(content) - 1), headers=AUTHORIZED) as client:
        assert send(client, content).status_code == 413


def told(content: bytes, limit: int = LIMIT) -> str:
    with pytest.raises(DataError) as caught:
        read_arrow(content, limit)
    return caught.value.detail


@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
@pytest.mark.parametrize("write", [as_stream, as_file])
def test_arrow_keeps_types_however_it_is_written(write: Any, compression: str | None) -> None:
    table = pa.table(
        {
            "at": pa.array(pd.date_range("2024", periods=3, tz="Europe/Berlin")),
            "count": pa.array([1, None, 3], pa.int32()),
            "half": pa.array(np.array([0.5, 1, 2], np.float16)),
            "text": pa.array(["a", None, "Größe"], pa.large_string()),
            "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
        }
    )
    frame = read_arrow(write(table, compression=compression), LIMIT).frame
    assert str(frame["at"].dtype) == "datetime64[ns, Europe/Berlin]"
    assert frame["count"].tolist()[::2] == [1, 3]
    assert frame["half"].tolist() == [0.5, 1, 2]
    assert frame["text"].tolist() == ["a", None, "Größe"]
    assert frame["kind"].tolist() == ["x", "y", "x"]


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_packed_zeros_are_refused_before_there_is_room_for_them(compression: str) -> None:
    content = as_stream(pa.table({"a": np.zeros(2_000_000)}), compression=compression)
    assert len(content) < 100_000
    usual = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(pool)
    try:
        assert "unpacks to more than 10000000 bytes" in told(content)
    finally:
        pa.set_memory_pool(usual)
    assert pool.max_memory() < 100_000


def test_sizes_that_buffers_claim_are_all_counted() -> None:
    table = pa.table({"a": np.zeros(1000), "b": pa.array(["x"] * 1000).dictionary_encode()})
    packed = sum(unpacked_sizes(pa.py_buffer(as_stream(table, compression="zstd"))))
    assert 8000 + 4000 <= packed <= 8000 + 4000 + 100
    assert sum(unpacked_sizes(pa.py_buffer(as_stream(table)))) == 0


def test_a_long_text_that_a_dictionary_repeats_is_refused() -> None:
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 2000, pa.int32()), pa.array(["x" * 50_000]))
    assert "unpacks to more than" in told(as_stream(pa.table({"a": repeated})))


@pytest.mark.parametrize(
    ("column", "fault"),
    [
        (pa.array([[1]]), "Column 'a' has the Arrow type list<item: int64>"),
        (pa.array([{"b": 1}]), "Column 'a' has the Arrow type struct<b: int64>"),
        (pa.array([b"x" * 16], pa.binary(16)).cast(pa.uuid()), "Column 'a' has the Arrow type extension"),
        (pa.array([b"x"]), "Column 'a' has the Arrow type binary"),
        (pa.array([1], pa.duration("s")), "Column 'a' has the Arrow type duration"),
        (pa.nulls(20_000_001), "20000001 cells; the limit is 20000000"),
        (pa.array([], pa.int64()), "has no rows"),
    ],
)
def test_arrow_that_is_no_plain_table_is_told(column: pa.Array, fault: str) -> None:
    assert fault in told(as_stream(pa.table({"a": column})))


def test_indices_beyond_a_dictionary_and_text_that_is_no_unicode_are_told() -> None:
    beyond = pa.DictionaryArray.from_arrays(pa.array([0, 7], pa.int32()), pa.array(["x"]), safe=False)
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")]
    )
    for column in (beyond, broken):
        assert "cannot be read" in told(as_stream(pa.table({"a": column})))


KINDS = {
    "date": pa.array(STAMPS),
    "y": pa.array([1.0, None, *range(8)]),
    "kind": pa.array(["x", "y"] * 5).dictionary_encode(),
    "text": pa.array([None, *"abcdefghi"]),
    "flag": pa.array([True, False] * 5),
}
STREAMS = [as_stream(noted(KINDS), rows=4), as_stream(noted(KINDS), compression="zstd")]


@given(st.data())
def test_a_stream_with_changed_bytes_is_a_table_or_a_told_error(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(STREAMS)))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(DataError):
        read_arrow(bytes(content), LIMIT)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_table_or_a_told_error(content: bytes) -> None:
    for start in (b"", STREAMS[0][:4], STREAMS[0][:-400]):
        with suppress(DataError):
            read_arrow(start + content, LIMIT)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(st.dictionaries(st.text(), st.lists(_VALUES, max_size=5), max_size=5))
def test_json_is_read_as_pythons_reader_reads_it(columns: dict[str, Any]) -> None:
    body = json.dumps(REST | {"data": columns})
    for content in (body.encode(), body.encode("utf-16")):
        assert parse(content, "application/json", InferenceRequest[Parameters]).data == columns


@pytest.mark.parametrize(
    ("ids", "status", "told"),
    [
        (["b"] * 10 + [" a "] * 10, 200, ["b", "a"]),
        ([7] * 10 + [8] * 10, 200, ["7", "8"]),
        (["b"] * 10 + [None] * 10, 400, "Column 'shop', row 11: the series' id is empty"),
        (["b"] * 10 + [" "] * 10, 400, "Column 'shop', row 11: the series' id is empty"),
        (["b"] * 10 + ["a\0b"] * 10, 400, "Column 'shop', row 11: 'a\0b' has a NUL character"),
    ],
)
@pytest.mark.parametrize("rows", [None, 7])
def test_ids_are_read_as_those_of_json(
    ready: TestClient, ids: list[Any], status: int, told: Any, rows: int | None
) -> None:
    columns = {"date": DAYS * 2, "shop": ids, "y": list(range(20))}
    roles = {"data_definition": {"y": "target", "shop": "id"}}
    answer = send(ready, as_stream(noted(columns, REST | roles), rows))
    inline = forecast(ready, data=columns, **roles)
    assert answer.status_code == inline.status_code == status
    if status == 200:
        assert answer.json()["prediction"] == inline.json()["prediction"]
        assert answer.json()["prediction"]["series_ids"] == told
    else:
        assert told in answer.json()["detail"]
        assert answer.json()["errors"] == inline.json()["errors"]


def test_series_asked_for_are_chosen_from_a_table_as_from_json(ready: TestClient) -> None:
    rest = {
        "data_definition": {"y": "target", "shop": "id"},
        "parameters": {"horizon_len": 3, "series_ids": ["b"]},
    }
    assert send(ready, as_stream(noted(SHOPS, rest))).json()["prediction"]["series_ids"] == ["b"]
