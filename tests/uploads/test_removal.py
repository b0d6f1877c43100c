from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.conftest import AUTHORIZED


@pytest.fixture
def api(make_app: Callable[..., FastAPI], tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(make_app(model_name="fake", data_dir=tmp_path), headers=AUTHORIZED) as client:
        yield client


def test_an_upload_is_removed_once(api: TestClient, tmp_path: Path) -> None:
    path = api.post("/api/v1/uploads", files={"file": ("x.csv", b"y\n1\n")}).json()["path"]
    name = path.removeprefix("data/uploads/")
    first, again = (api.delete(f"/api/v1/uploads/{name}") for _ in range(2))
    assert (first.status_code, first.content) == (204, b"")
    assert (again.status_code, again.json()["error"]) == (404, "NOT_FOUND")
    assert list((tmp_path / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "mine.csv",
        "mine-0123456789ab.exe",
        "mine-0123456789AB.csv",
        "-0123456789ab.csv",
        "..%2Fsecret-0123456789ab.csv",
        "%2e%2e/secret-0123456789ab.csv",
        "mine-0123456789ab.csv%0A",
        ".gitkeep",
    ],
)
def test_what_the_gateway_did_not_make_stays(api: TestClient, tmp_path: Path, name: str) -> None:
    (tmp_path / "uploads").mkdir()
    files = [
        tmp_path / "uploads/mine.csv",
        tmp_path / "uploads/.gitkeep",
        tmp_path / "secret-0123456789ab.csv",
    ]
    for file in files:
        file.write_text("y\n1\n")
    assert api.delete(f"/api/v1/uploads/{name}").status_code == 404
    assert all(file.exists() for file in files)
