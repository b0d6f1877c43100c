import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from forecast.tables.routes import now
from forecast.tables.schemas import CheckedTable
from forecast.tables.service import check_table
from tests.conftest import AUTHORIZED, ROOT
from tests.tables.checking import DAYS

CSV = "Datum;Menge\n" + "".join(f"{day:02d}.01.2024;{day}\n" for day in range(1, 31))
PATH = r"data/uploads/{}-[0-9a-f]{{12}}\.csv"


@pytest.fixture
def api(make_app: Callable[..., FastAPI], tmp_path: Path) -> Iterator[TestClient]:
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads/mine.csv").write_text(CSV)
    app = make_app(model_name="fake", data_dir=tmp_path, max_upload_size=20_000, max_request_size=30_000)
    app.dependency_overrides[now] = lambda: datetime(2026, 11, 21, tzinfo=UTC)
    with TestClient(app, headers=AUTHORIZED) as client:
        yield client


def check(api: TestClient, **body: Any) -> Any:
    return api.post("/api/v1/tables", json=body)


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "uploads").iterdir() if path.name != "mine.csv")


def described(name: str, kind: str, role: str) -> dict[str, Any]:
    """Return what is told of a column of 30 different values whose role was guessed."""
    return {"name": name, "kind": kind, "missing": 0, "distinct": 30, "role": role, "guessed": True}


def test_a_file_is_described_and_kept_for_an_inference(api: TestClient, tmp_path: Path) -> None:
    response = check(api, data_source_url_or_path="mine.csv")
    assert response.status_code == 200
    body = response.json()
    assert re.fullmatch(PATH.format("mine"), body.pop("path"))
    assert body.pop("table") == {"columns": {"Datum": DAYS, "Menge": [float(day) for day in range(1, 31)]}}
    assert body == {
        "rows": 30,
        "sheets": [],
        "sheet": None,
        "columns": [described("Datum", "date", "timestamp"), described("Menge", "numerical", "target")],
        "data_definition": {"Datum": "timestamp", "Menge": "target"},
        "freq": "D",
        "season_length": 7,
        "series_count": 1,
        "series": [
            {
                "unique_id": "series_0",
                "steps": 30,
                "start": "2024-01-01",
                "end": "2024-01-30",
                "future_steps": 0,
                "missing_steps": 0,
                "empty_targets": 0,
            }
        ],
        "problems": [],
        "settled": [],
        "head": {
            "columns": {
                "Datum": [f"{day:02d}.01.2024" for day in range(1, 21)],
                "Menge": [str(day) for day in range(1, 21)],
            }
        },
    }
    (name,) = kept(tmp_path)
    assert (tmp_path / "uploads" / name).read_text().startswith("Datum,Menge\n2024-01-01,1\n2024-01-02,2\n")


def test_an_inference_takes_the_answer_as_it_is(api: TestClient) -> None:
    body = check(api, data_source_url_or_path="mine.csv", holdout=4).json()
    assert api.post("/forecast/v1/fake/initialization", json={}).status_code == 200
    request = {
        "data_source_url_or_path": body["path"],
        "data_definition": body["data_definition"],
        "parameters": {"horizon_len": 4, "freq": body["freq"]},
    }
    answer = api.post("/forecast/v1/fake/inference", json=request)
    assert answer.status_code == 200
    assert answer.json()["prediction"]["point_forecast"] == [[26.0] * 4]


def test_a_kept_table_is_checked_again_under_its_own_name(api: TestClient) -> None:
    first = check(api, data_source_url_or_path="mine.csv").json()["path"]
    again = check(api, data_source_url_or_path=first).json()["path"]
    assert again != first
    assert re.fullmatch(PATH.format("mine"), again)


def test_a_table_is_checked_outside_of_the_event_loop(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_outside(*given: Any) -> CheckedTable:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        return check_table(*given)

    monkeypatch.setattr("forecast.tables.routes.check_table", check_outside)
    assert check(api, data_source_url_or_path="mine.csv").status_code == 200


def test_checks_are_counted_with_the_calls_of_discovery(
    make_app: Callable[..., FastAPI], tmp_path: Path
) -> None:
    app = make_app(model_name="fake", data_dir=tmp_path, rate_limit_enabled=True, rate_limit_per_minute=2)
    with TestClient(app, headers=AUTHORIZED) as api:
        assert api.get("/api/v1/samples").status_code == 200
        statuses = [check(api, data={"y": [1]}).status_code for _ in range(2)]
    assert statuses == [200, 429]


def test_an_inline_table_is_kept_under_a_plain_name(api: TestClient) -> None:
    body = check(api, data={"ds": DAYS, "y": list(range(30))}).json()
    assert re.fullmatch(PATH.format("table"), body["path"])


@pytest.mark.parametrize("change", [{"keep": False}, {"data": {"ds": DAYS, "y": ["x", *range(29)]}}])
def test_nothing_is_kept_unasked_or_with_a_problem_in_the_way(
    api: TestClient, tmp_path: Path, change: dict[str, Any]
) -> None:
    request = {"data": {"ds": DAYS, "y": list(range(30))}} | change
    assert check(api, **request).json()["path"] is None
    assert kept(tmp_path) == []


def test_names_and_cells_of_any_kind_come_back_as_text(api: TestClient) -> None:
    name = "<img src=x onerror=alert(1)>"
    body = check(api, data={"ds": DAYS, name: list(range(30)), "=cmd": ["<b>", "=1+1"] * 15}).json()
    assert [column["name"] for column in body["columns"]] == ["ds", name, "=cmd"]
    assert body["table"]["columns"]["=cmd"][:2] == ["<b>", "=1+1"]


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({}, 422, "Give either data_source_url_or_path or data"),
        ({"data": {"y": [1]}, "data_source_url_or_path": "x.csv"}, 422, "Give either"),
        ({"data": {"y": [1]}, "repair": {}}, 422, "did you mean 'repairs'?"),
        ({"data": {"y": [1]}, "repairs": {"gaps": "invent"}}, 422, "repairs.gaps"),
        ({"data": {"y": [1]}, "repairs": {"gap": "zero"}}, 422, "did you mean 'gaps'?"),
        ({"data": {"y": [1]}, "holdout": 0}, 422, "holdout"),
        ({"data": {"y": [1]}, "data_definition": {"y": "goal"}}, 422, "data_definition.y"),
        ({"data": {"y": [1]}, "data_definition": {"z": "target"}}, 400, "no column 'z'"),
        ({"data": {"y": []}}, 400, "The table has no rows."),
        ({"data_source_url_or_path": "none.csv"}, 400, "Local file not found: none.csv"),
        ({"data_source_url_or_path": "http://127.0.0.1/x.csv"}, 403, "not of the public internet"),
        ({"data_source_url_or_path": "../../etc/passwd"}, 403, "leads out of the data directory"),
        ({"data_source_url_or_path": "s3://other/x.csv"}, 403, "s3://other/x.csv"),
    ],
)
def test_faults_of_the_request_are_told_as_everywhere(
    api: TestClient, body: dict[str, Any], status: int, told: str
) -> None:
    response = check(api, **body)
    assert response.status_code == status
    assert told in response.json()["detail"]
    assert response.headers["content-type"] == "application/problem+json"


def test_a_body_above_the_limit_is_too_large(api: TestClient) -> None:
    response = check(api, data={"y": ["x" * 100] * 400})
    assert (response.status_code, response.json()["error"]) == (413, "TOO_LARGE")


def test_a_table_that_is_too_large_once_repaired_is_not_kept(api: TestClient, tmp_path: Path) -> None:
    content = "date,y\n" + "2000-01-01,1\n2003-01-01,2\n"
    (tmp_path / "uploads/mine.csv").write_text(content)
    gaps = {"gaps": "interpolate"}
    response = check(api, data_source_url_or_path="mine.csv", freq="D", repairs=gaps)
    assert (response.status_code, response.json()["error"]) == (413, "TOO_LARGE")
    assert kept(tmp_path) == []


def test_a_form_is_no_json(api: TestClient) -> None:
    assert api.post("/api/v1/tables", data={"data": "x"}).status_code == 415


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/tables"), ("GET", "/samples"), ("DELETE", "/uploads/mine-0123456789ab.csv")],
)
def test_all_need_the_key(api: TestClient, method: str, path: str) -> None:
    del api.headers["Authorization"]
    assert api.request(method, f"/api/v1{path}").status_code == 401


def test_the_samples_are_listed_and_read_as_they_are_described(client: TestClient) -> None:
    samples = client.get("/api/v1/samples").json()["samples"]
    files = {f"data/samples/{path.name}" for path in (ROOT / "data/samples").glob("*.csv")}
    assert {sample["path"] for sample in samples} == files
    for sample in samples:
        source = {"data_source_url_or_path": sample["path"]}
        answer = client.post("/api/v1/tables", json={**source, "keep": False}).json()
        assert sample["description"]
        assert {name: answer[name] for name in ("data_definition", "freq", "rows")} == {
            name: sample[name] for name in ("data_definition", "freq", "rows")
        }


def test_a_data_directory_without_samples_lists_none(api: TestClient) -> None:
    assert api.get("/api/v1/samples").json() == {"samples": []}
