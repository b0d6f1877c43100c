"""Files belong to the client that uploaded them."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from forecast.clients import service
from forecast.clients.schemas import NewKey
from tests.clients.conftest import NOW, bearer
from tests.conftest import AUTHORIZED, MakeApp
from tests.core.conftest import PREFIX

CSV = b"date,y\n" + b"".join(b"2024-01-%02d,%d\n" % (day, day) for day in range(1, 11))
CLIENTS = ("acme", "beta", "default")


@pytest.fixture
def app(make_app: MakeApp, tmp_path: Path) -> FastAPI:
    data = tmp_path / "data"
    (data / "samples").mkdir(parents=True)
    (data / "samples/shipped.csv").write_bytes(CSV)
    (data / "mine.csv").write_bytes(CSV)
    return make_app(data_dir=data, database_url=f"sqlite:///{data}/sapheneia.db")


@pytest.fixture
def callers(app: FastAPI) -> dict[str, dict[str, str]]:
    """The header of a key of each client."""
    with app.state.database.write() as connection:
        for client_id in ("acme", "beta"):
            service.create_client(connection, client_id, client_id, NOW)
        made = [
            service.create_key(connection, name, NewKey(name="k", role="operator"), NOW) for name in CLIENTS
        ]
    return {key.client_id: bearer(key.key) for key in made}


def upload(client: TestClient, headers: dict[str, str]) -> str:
    kept = client.post("/api/v1/uploads", files={"file": ("sales.csv", CSV)}, headers=headers)
    assert kept.status_code == 201
    path: str = kept.json()["path"]
    return path


def read(client: TestClient, headers: dict[str, str], path: str) -> tuple[int, str]:
    """Return how an inference on a path is answered; the same of a check of the table."""
    asked = {"data_source_url_or_path": path, "data_definition": {"y": "target"}}
    checked = client.post("/api/v1/tables", json=asked, headers=headers)
    answer = client.post(
        f"{PREFIX}/inference", json=asked | {"parameters": {"horizon_len": 2}}, headers=headers
    )
    assert checked.status_code == answer.status_code
    assert checked.json().get("detail") == answer.json().get("detail")
    return answer.status_code, answer.json().get("detail", "")


def test_no_client_reads_or_removes_the_upload_of_another(
    app: FastAPI, callers: dict[str, dict[str, str]]
) -> None:
    with TestClient(app) as client:
        client.post(f"{PREFIX}/initialization", json={}, headers=AUTHORIZED)
        for owner in CLIENTS:
            path = upload(client, callers[owner])
            name = path.removeprefix("data/uploads/")
            assert "/" not in name
            assert read(client, callers[owner], path) == (200, "")
            assert read(client, callers[owner], name) == (200, "")
            for other in set(CLIENTS) - {owner}:
                for guess in (
                    path,
                    name,
                    f"data/uploads/{owner}/{name}",
                    f"uploads/../uploads/{owner}/{name}",
                ):
                    missing = f"Data error: Local file not found: {guess}"
                    assert read(client, callers[other], guess) == (400, missing)
                refused = client.delete(f"/api/v1/uploads/{name}", headers=callers[other])
                nothing = client.delete("/api/v1/uploads/x-0123456789ab.csv", headers=callers[other])
                assert (refused.status_code, nothing.status_code) == (404, 404)
                assert refused.json()["detail"] == nothing.json()["detail"]
            assert read(client, AUTHORIZED | {"X-Client-ID": owner}, path) == (200, "")
            assert client.delete(f"/api/v1/uploads/{name}", headers=callers[owner]).status_code == 204


def test_a_repaired_table_is_kept_for_its_client(app: FastAPI, callers: dict[str, dict[str, str]]) -> None:
    asked = {"data_source_url_or_path": "data/samples/shipped.csv", "keep": True}
    with TestClient(app) as client:
        client.post(f"{PREFIX}/initialization", json={}, headers=AUTHORIZED)
        kept = client.post("/api/v1/tables", json=asked, headers=callers["acme"]).json()["path"]
        assert read(client, callers["acme"], kept)[0] == 200
        assert read(client, callers["default"], kept)[0] == 400
    (folder,) = app.state.settings.data_dir.joinpath("uploads").iterdir()
    assert folder.name == "acme"


@pytest.mark.parametrize(
    ("path", "readers"),
    [
        ("data/samples/shipped.csv", {"acme", "beta", "default"}),
        ("data/mine.csv", {"default"}),
        ("data/sapheneia.db", set()),
        ("data/sapheneia.db-wal", set()),
        ("/app/data/sapheneia.db-shm", set()),
    ],
)
def test_samples_are_for_all_other_files_for_the_default_client_and_the_database_for_nobody(
    app: FastAPI, callers: dict[str, dict[str, str]], path: str, readers: set[str]
) -> None:
    with TestClient(app) as client:
        client.post(f"{PREFIX}/initialization", json={}, headers=AUTHORIZED)
        answers = {name: read(client, callers[name], path) for name in CLIENTS}
    missing = (400, f"Data error: Local file not found: {path}")
    assert answers == {name: (200, "") if name in readers else missing for name in CLIENTS}


@pytest.fixture
def remembering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESULT_CACHE_BYTES", "1000000")


@pytest.mark.usefixtures("remembering")
def test_what_one_client_asked_is_not_told_to_another_by_what_is_remembered(
    app: FastAPI, callers: dict[str, dict[str, str]]
) -> None:
    asked = {
        "data_source_url_or_path": "data/samples/shipped.csv",
        "data_definition": {"y": "target"},
        "parameters": {"horizon_len": 2},
    }
    with TestClient(app) as client:
        client.post(f"{PREFIX}/initialization", json={}, headers=AUTHORIZED)
        cached = [
            client.post(f"{PREFIX}/inference", json=asked, headers=callers[name]).json()["execution_metadata"]
            for name in ("acme", "acme", "beta", "default", "acme")
        ]
    assert [one["cached_series"] for one in cached] == [0, 1, 0, 0, 1]
