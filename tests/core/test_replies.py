"""What an answer is, and how it is packed, is the caller's choice."""

import gzip
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from starlette.testclient import TestClient

from forecast.core.media import ARROW, JSON, PARQUET
from tests.conftest import AUTHORIZED, MakeApp
from tests.core.conftest import DAYS, PREFIX, REQUEST
from tests.core.frames import as_stream, frame_of, noted, send

TWO = {"date": DAYS * 2, "shop": ["a"] * 10 + ["b"] * 10, "y": [1 / (step + 3) for step in range(20)]}
ROLES = {"data_definition": {"y": "target", "shop": "id"}}
ZONE = {"parameters": {"horizon_len": 3, "timezone": "Europe/Berlin", "quantile_levels": [0.9, 0.025]}}
PLAIN = {"parameters": {"horizon_len": 3, "use_quantiles": False}}


def ask(client: TestClient, accept: str, **changes: Any) -> Any:
    headers = {"Accept": accept, "Accept-Encoding": "identity"}
    return client.post(f"{PREFIX}/inference", json=REQUEST | changes, headers=headers)


@pytest.mark.parametrize("media", [ARROW, PARQUET])
@pytest.mark.parametrize("changes", [{}, ZONE, PLAIN])
def test_a_frame_has_the_numbers_of_the_json_bit_for_bit(
    ready: TestClient, media: str, changes: dict[str, Any]
) -> None:
    told = ask(ready, "*/*", data=TWO, **ROLES, **changes).json()
    answer = ask(ready, media, data=TWO, **ROLES, **changes)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media)
    frame = frame_of(answer)
    prediction, notes = told["prediction"], json.loads(frame.schema.metadata[b"sapheneia"])
    levels = [level for level in prediction["quantile_levels"] or [] if level is not None]
    assert frame.column_names == ["unique_id", "timestamp", "mean", *(f"q{level}" for level in levels)]
    assert frame["unique_id"].to_pylist() == ["a"] * 3 + ["b"] * 3
    dates = [stamp for one in told["visualization_data"]["dates_future"] for stamp in one]
    stamps = frame["timestamp"].to_pandas()
    assert [stamp.isoformat() for stamp in stamps] == [d if "T" in d else f"{d}T00:00:00" for d in dates]
    assert frame["mean"].to_numpy().tobytes() == np.array(prediction["point_forecast"]).tobytes()
    for name, level in zip(frame.column_names[3:], levels, strict=True):
        place = prediction["quantile_levels"].index(level)
        expected = np.array(prediction["quantile_forecast"])[:, :, place]
        assert frame[name].to_numpy().tobytes() == expected.tobytes()
    assert notes["quantile_levels"] == (levels or None)
    assert (notes["method"], notes["metadata"]) == (prediction["method"], prediction["metadata"])
    assert notes["warnings"] == told["warnings"]
    assert notes["execution_metadata"].keys() == told["execution_metadata"].keys()


def test_a_frame_keeps_the_zone(ready: TestClient) -> None:
    frame = frame_of(ask(ready, ARROW, **ZONE))
    assert frame.schema.field("timestamp").type == pa.timestamp("ns", "Europe/Berlin")


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("*/*", JSON),
        ("", JSON),
        ("application/*", JSON),
        ("text/html, */*;q=0.1", JSON),
        (f"{ARROW}, application/json", JSON),
        (f"{ARROW}, */*", ARROW),
        (f"{ARROW};q=0.5, {PARQUET};q=0.8", PARQUET),
        ("application/json;q=0, */*", ARROW),
        (ARROW.upper(), ARROW),
    ],
)
def test_the_answer_is_what_the_caller_prefers(ready: TestClient, accept: str, media: str) -> None:
    answer = ask(ready, accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media)
    assert "Accept" in answer.headers["Vary"].split(", ")


@pytest.mark.parametrize("accept", ["text/csv", "application/json;q=0", "image/*;q=1"])
def test_an_answer_of_no_kind_that_there_is_is_refused(ready: TestClient, accept: str) -> None:
    refused = ask(ready, accept)
    assert (refused.status_code, refused.json()["error"]) == (406, "NOT_ACCEPTABLE")
    assert refused.headers["content-type"] == "application/problem+json"
    assert ARROW in refused.json()["detail"]


def test_errors_stay_problems_whatever_is_accepted(ready: TestClient) -> None:
    refused = ask(ready, ARROW, data={"date": DAYS, "y": ["x"] * 10})
    assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json")


def zstd(content: bytes) -> bytes:
    packed: bytes = pa.Codec("zstd").compress(content, asbytes=True)
    return packed


def post(client: TestClient, content: bytes, **headers: str) -> Any:
    given = {"Content-Type": JSON} | {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(f"{PREFIX}/inference", content=content, headers=given)


BODY = json.dumps(REQUEST).encode()


@pytest.mark.parametrize(
    ("content", "coding"),
    [
        (gzip.compress(BODY), "gzip"),
        (gzip.compress(BODY), "X-GZip"),
        (gzip.compress(BODY[:50]) + gzip.compress(BODY[50:]), "gzip"),
        (zstd(BODY), "zstd"),
        (BODY, "identity"),
    ],
)
def test_a_packed_body_is_read(ready: TestClient, content: bytes, coding: str) -> None:
    answer = post(ready, content, Content_Encoding=coding)
    assert (answer.status_code, answer.json()["prediction"]["point_forecast"]) == (200, [[9.0] * 3])


def test_a_packed_table_and_a_packed_upload_are_read(ready: TestClient) -> None:
    answer = send(ready, zstd(as_stream(noted(REQUEST["data"]))), **{"Content-Encoding": "zstd"})
    assert answer.json()["prediction"]["point_forecast"] == [[9.0] * 3]
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n1\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Encoding": "gzip"}
    told = ready.post("/api/v1/uploads", content=gzip.compress(body), headers=headers)
    assert (told.status_code, "'a.txt' is none of them" in told.json()["detail"]) == (415, True)


@pytest.mark.parametrize(
    ("content", "coding", "status", "code"),
    [
        (BODY, "br", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (BODY, "gzip, gzip", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (BODY, "gzip", 400, "DATA_INVALID"),
        (gzip.compress(BODY)[:-4], "gzip", 400, "DATA_INVALID"),
        (gzip.compress(BODY) + b"x", "gzip", 400, "DATA_INVALID"),
        (zstd(BODY)[:-4], "zstd", 400, "DATA_INVALID"),
        (gzip.compress(b"x" * 20_000_000), "gzip", 413, "TOO_LARGE"),
        (zstd(b"x" * 20_000_000), "zstd", 413, "TOO_LARGE"),
        (b"", "gzip", 422, "REQUEST_INVALID"),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_told(
    ready: TestClient, content: bytes, coding: str, status: int, code: str
) -> None:
    refused = post(ready, content, Content_Encoding=coding)
    assert (refused.status_code, refused.json()["error"]) == (status, code)
    if status == 415:
        assert refused.headers["Accept-Encoding"] == "zstd, gzip"


def test_a_packed_body_above_the_limit_is_refused_also_in_chunks(make_app: MakeApp) -> None:
    def chunks() -> Any:
        for _ in range(20):
            yield bytes(1000)

    with TestClient(make_app(max_request_size=10_000), headers=AUTHORIZED) as client:
        headers = {"Content-Type": JSON, "Content-Encoding": "gzip"}
        refused = client.post(f"{PREFIX}/inference", content=chunks(), headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (413, "TOO_LARGE")


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate", "gzip"),
        ("zstd;q=0.5, gzip", "gzip"),
        ("zstd;q=0", None),
        ("identity", None),
        ("gzip;q=0", None),
        ("zstd;q=0, gzip;q=0.0", None),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip;q=0.1, zstd;q=0.2", None),
        ("gzip;q=0, *", "zstd"),
        ("*;q=0", None),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0, gzip;q=0.1", "gzip"),
    ],
)
def test_a_long_answer_is_packed_as_the_caller_prefers(
    ready: TestClient, accepted: str, coding: str | None
) -> None:
    headers = {"Accept-Encoding": accepted}
    with ready.stream("POST", f"{PREFIX}/inference", json=REQUEST, headers=headers) as answer:
        content = b"".join(answer.iter_raw())
    assert answer.headers.get("Content-Encoding") == coding
    assert int(answer.headers["Content-Length"]) == len(content)
    assert answer.headers["Vary"].split(", ")[:2] == ["Accept", "Accept-Encoding"]
    if coding is not None:
        content = pa.CompressedInputStream(pa.BufferReader(content), coding).read()
    assert json.loads(content)["prediction"]["point_forecast"] == [[9.0] * 3]


def test_frames_are_not_packed_by_gzip(ready: TestClient) -> None:
    for media in (ARROW, PARQUET):
        headers = {"Accept": media, "Accept-Encoding": "gzip"}
        answer = ready.post(f"{PREFIX}/inference", json=REQUEST, headers=headers)
        assert "Content-Encoding" not in answer.headers
        assert frame_of(answer).num_rows == 3
