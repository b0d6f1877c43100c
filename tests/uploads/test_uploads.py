import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.conftest import AUTHORIZED

CSV = b"date,store,y,note\n2024-01-31,1,5,a\n2024-02-29,1,,b\n2024-03-31,1,7,\n"


@pytest.fixture
def api(make_app: Callable[..., FastAPI], tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(
        make_app(model_name="fake", data_dir=tmp_path, max_upload_size=20_000), headers=AUTHORIZED
    ) as client:
        yield client


def send(api: TestClient, content: bytes, name: str = "x.csv", field: str = "file") -> Any:
    return api.post("/api/v1/uploads", files={field: (name, content)})


def kept(tmp_path: Path) -> list[str]:
    folder = tmp_path / "uploads"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_an_upload_is_kept_and_described(api: TestClient, tmp_path: Path) -> None:
    response = send(api, CSV, "My Sales (2024).csv")
    assert response.status_code == 201
    body = response.json()
    path = body.pop("path")
    assert re.fullmatch(r"data/uploads/My-Sales-2024-[0-9a-f]{12}\.csv", path)
    assert body == {
        "size_bytes": len(CSV),
        "format": "csv",
        "rows": 3,
        "columns": [
            {"name": "date", "kind": "date", "missing": 0},
            {"name": "store", "kind": "numerical", "missing": 0},
            {"name": "y", "kind": "numerical", "missing": 1},
            {"name": "note", "kind": "categorical", "missing": 1},
        ],
        "date_column": "date",
        "frequency": "ME",
    }
    assert (tmp_path / path.removeprefix("data/")).read_bytes() == CSV


def test_a_file_that_can_be_repaired_is_kept_where_that_is_asked(api: TestClient, tmp_path: Path) -> None:
    content = CSV.replace(b"note", b"Gr\xf6\xdfe")
    assert send(api, content).status_code == 400
    assert kept(tmp_path) == []
    response = api.post("/api/v1/uploads?mend=true", files={"file": ("x.csv", content)})
    assert response.status_code == 201
    assert response.json()["columns"][3] == {"name": "Größe", "kind": "categorical", "missing": 1}
    assert (tmp_path / response.json()["path"].removeprefix("data/")).read_bytes() == content


def test_the_same_file_twice_is_kept_twice(api: TestClient, tmp_path: Path) -> None:
    assert send(api, CSV).json()["path"] != send(api, CSV).json()["path"]
    assert len(kept(tmp_path)) == 2


def excel(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_excel(buffer, index=False)
    return buffer.getvalue()


def parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "write", "kind"),
    [("x.XLSX", excel, "excel"), ("x.parquet", parquet, "parquet"), ("x.json", None, "json")],
)
def test_other_formats_are_described_alike(
    api: TestClient, name: str, write: Callable[[pd.DataFrame], bytes] | None, kind: str
) -> None:
    frame = pd.DataFrame({"when": pd.date_range("2024-01-01", periods=3), "y": [1.5, None, 2.0]})
    columns = {"when": ["2024-01-01", "2024-01-02", "2024-01-03"], "y": [1.5, None, 2.0]}
    body = send(api, write(frame) if write else json.dumps(columns).encode(), name).json()
    assert (body["format"], body["rows"], body["date_column"], body["frequency"]) == (kind, 3, "when", "D")
    assert body["columns"] == [
        {"name": "when", "kind": "date", "missing": 0},
        {"name": "y", "kind": "numerical", "missing": 1},
    ]


def test_two_columns_of_dates_leave_the_date_column_open(api: TestClient) -> None:
    body = send(api, b"from,to,y\n2024-01-01,2024-02-01,1\n2024-01-02,2024-02-02,2\n").json()
    assert (body["date_column"], body["frequency"]) == (None, None)
    assert [column["kind"] for column in body["columns"]] == ["date", "date", "numerical"]


@pytest.mark.parametrize("content", [b"y\n1\n", b"date,y\nsoon,1\n", b"date,y\n2024-01-01,1\n"])
def test_a_table_without_a_calendar_is_kept_without_a_frequency(api: TestClient, content: bytes) -> None:
    response = send(api, content)
    assert response.status_code == 201
    assert response.json()["frequency"] is None


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("../../etc/cron.d/evil.csv", "evil"),
        ("..\\..\\evil.csv", "evil"),
        ("/etc/evil.csv", "evil"),
        ("größe & co.csv", "große-co"),
        ("店.csv", "upload"),
        ("....csv", "upload"),
        ("n" * 300 + ".csv", "n" * 60),
    ],
)
def test_a_name_is_made_safe(api: TestClient, tmp_path: Path, name: str, stem: str) -> None:
    stem = stem.replace("ö", "o").replace("ß", "")
    path = send(api, CSV, name).json()["path"]
    assert re.fullmatch(rf"data/uploads/{stem}-[0-9a-f]{{12}}\.csv", path)
    assert kept(tmp_path) == [path.removeprefix("data/uploads/")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "The file is empty."),
        (b"\x89PNG\r\n\x1a\n\0\0", "a PNG image"),
        (b"a,b\n1\n", "Row 1 has 1 cell instead of 2"),
        (b"\x1f\x8b\x08\0", "compressed with gzip"),
    ],
)
def test_a_file_that_cannot_be_read_is_not_kept(
    api: TestClient, tmp_path: Path, content: bytes, told: str
) -> None:
    response = send(api, content)
    assert response.status_code == 400
    assert told in response.json()["detail"]
    assert str(tmp_path) not in response.text
    assert kept(tmp_path) == []


@pytest.mark.parametrize("name", ["x.xls", "x.csv.gz", "x.exe", "x", "csv", ".csv"])
def test_a_file_of_another_kind_is_unsupported(api: TestClient, tmp_path: Path, name: str) -> None:
    assert send(api, CSV, name).status_code == 415
    assert kept(tmp_path) == []


def test_a_body_that_is_no_form_is_unsupported(api: TestClient) -> None:
    response = api.post("/api/v1/uploads", content=CSV, headers={"Content-Type": "text/csv"})
    assert (response.status_code, response.json()["error"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_form_without_the_file_is_invalid(api: TestClient) -> None:
    assert send(api, CSV, field="table").status_code == 422
    text = api.post("/api/v1/uploads", data={"file": "text"}, files={"other": ("x.csv", CSV)})
    assert text.status_code == 422
    two = api.post("/api/v1/uploads", files=[("file", ("x.csv", CSV)), ("file", ("x.csv", CSV))])
    assert two.status_code == 422


def test_a_broken_form_is_invalid(api: TestClient) -> None:
    kind = {"Content-Type": "multipart/form-data"}
    assert api.post("/api/v1/uploads", content=b"--x\r\n", headers=kind).status_code == 422


def test_a_file_above_the_limit_is_too_large_and_not_kept(api: TestClient, tmp_path: Path) -> None:
    response = send(api, b"date,y\n" + b"2024-01-01,1\n" * 1_600)
    assert (response.status_code, response.json()["error"]) == (413, "TOO_LARGE")
    assert kept(tmp_path) == []


@pytest.mark.parametrize("key", [None, "Bearer wrong"])
def test_without_the_key_the_form_is_not_even_read(api: TestClient, tmp_path: Path, key: str | None) -> None:
    del api.headers["Authorization"]
    headers = {"Content-Type": "text/csv"} | ({"Authorization": key} if key else {})
    # With the key, a body that is no form is a 415.
    response = api.post("/api/v1/uploads", content=CSV, headers=headers)
    assert response.status_code == 401
    assert kept(tmp_path) == []


def test_wrong_keys_are_counted(make_app: Callable[..., FastAPI], tmp_path: Path) -> None:
    app = make_app(model_name="fake", data_dir=tmp_path, rate_limit_enabled=True, rate_limit_per_minute=2)
    with TestClient(app) as client:
        guesses = [
            client.post("/api/v1/uploads", headers={"Authorization": f"Bearer {guess}"}) for guess in "abc"
        ]
    assert [guess.status_code for guess in guesses] == [401, 401, 429]


def test_the_documentation_offers_a_file_to_choose(api: TestClient) -> None:
    operation = api.get("/openapi.json").json()["paths"]["/api/v1/uploads"]["post"]
    schema = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert schema["properties"]["file"] == {"type": "string", "format": "binary"}
    assert [given["name"] for given in operation["parameters"]] == ["mend"]
