"""What is kept of a client is bounded, in bytes and in days."""

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from forecast.core.kept import forget_files, new_file, refuse_if_full
from forecast.core.paths import Files
from forecast.uploads.retention import forget_always
from tests.conftest import AUTHORIZED, MakeApp

TABLE = b"date,y\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n"
DAY = 86_400


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}


def test_what_a_client_keeps_is_limited_and_can_be_removed(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app(model_name="fake", data_dir=tmp_path, uploads_bytes=2 * len(TABLE))
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads/mine.csv").write_bytes(TABLE * 9)  # was put there by hand
    with TestClient(app, headers=AUTHORIZED) as client:

        def send(**headers: str) -> tuple[int, dict[str, object]]:
            answer = client.post("/api/v1/uploads", files={"file": ("x.csv", TABLE)}, headers=headers)
            return answer.status_code, answer.json()

        first, second, third = send(), send(), send()
        assert [status for status, _ in (first, second, third)] == [201, 201, 413]
        assert third[1]["error"] == "TOO_LARGE"
        assert third[1]["detail"] == (
            "The file has 46 bytes, and those that are kept of you have 92 already; the limit is 92 together."
            " Remove some that you need no more: DELETE /api/v1/uploads/{name}."
        )
        assert third[1]["details"] == {"oldest": [first[1]["path"], second[1]["path"]]}
        assert len(names(tmp_path / "uploads")) == 3
        repaired = client.post("/api/v1/tables", json={"data_source_url_or_path": first[1]["path"]})
        assert (repaired.status_code, repaired.json()["error"]) == (413, "TOO_LARGE")
        assert send(**{"X-Client-ID": "acme"})[0] == 201
        assert client.delete(f"/api/v1/uploads/{str(first[1]['path'])[13:]}").status_code == 204
        assert send()[0] == 201


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    """Uploads of yesterday and of today, of two clients, beside what the gateway did not make."""
    folder = tmp_path / "uploads"
    (folder / "acme").mkdir(parents=True)
    for path, age in (
        (folder / "old-0123456789ab.csv", 25 * 3600),
        (folder / "new-0123456789ab.csv", 23 * 3600),
        (folder / "mine.csv", 9 * DAY),
        (folder / ".gitkeep", 9 * DAY),
        (folder / "acme/old-0123456789ab.parquet", 25 * 3600),
    ):
        path.write_bytes(TABLE)
        now = path.stat().st_mtime
        os.utime(path, (now - age, now - age))
    (folder / "link-0123456789ab.csv").symlink_to(folder / "mine.csv")
    return folder


def test_uploads_are_forgotten_after_the_days_that_they_are_kept(make_app: MakeApp, uploads: Path) -> None:
    app = make_app(model_name="fake", data_dir=uploads.parent, upload_retention_days=1)
    with TestClient(app):
        while names(uploads / "acme") or "old-0123456789ab.csv" in names(uploads):
            threading.Event().wait(0.01)
    assert names(uploads) == {"new-0123456789ab.csv", "mine.csv", ".gitkeep", "link-0123456789ab.csv"}


def test_without_uploads_there_is_nothing_to_forget(tmp_path: Path) -> None:
    assert forget_files(tmp_path, 2e9) == (0, 0)


@pytest.mark.anyio
async def test_zero_days_keep_all(uploads: Path) -> None:
    await forget_always(uploads.parent, 0)
    assert "old-0123456789ab.csv" in names(uploads)


def test_a_file_put_there_by_hand_whose_name_ends_in_a_minute_is_neither_counted_nor_forgotten(
    tmp_path: Path,
) -> None:
    (tmp_path / "uploads").mkdir()
    for name in ("sales-202401011230.csv", "sales-20240101123a.csv"):
        (tmp_path / "uploads" / name).write_bytes(TABLE)
    refuse_if_full(len(TABLE), Files(tmp_path, "default"), 2 * len(TABLE))
    assert forget_files(tmp_path, 9e9) == (1, 0)
    assert names(tmp_path / "uploads") == {"sales-202401011230.csv"}


def test_the_name_of_a_new_file_is_drawn_until_it_has_a_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["202401011230", "999999999999", "20240101123a"])
    monkeypatch.setattr("forecast.core.kept.secrets.token_hex", lambda size: next(drawn)[: 2 * size])
    made = new_file("sales-202401011230.csv", ".csv", Files(tmp_path, "default"))
    assert made.name == "sales-202401011230-20240101123a.csv"


@pytest.mark.anyio
async def test_what_cannot_be_removed_is_told_once_a_round_and_stops_no_other_clients_retention(
    uploads: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class EndOfTestError(Exception):
        pass

    def refuse_where_locked(do: Callable[..., object]) -> Callable[..., object]:
        def refuse(path: Path, **given: bool) -> object:
            if "locked" in path.name:
                raise PermissionError(path)
            return do(path, **given)

        return refuse

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise EndOfTestError

    pauses: list[float] = []
    for folder in ("a", "b", "locked", "z"):
        (uploads / folder).mkdir()
        for name in ("locked", "old"):
            path = uploads / folder / f"{name}-0123456789ab.csv"
            path.write_bytes(TABLE)
            os.utime(path, (0, 0))
    for name in ("unlink", "iterdir"):
        monkeypatch.setattr(Path, name, refuse_where_locked(getattr(Path, name)))
    monkeypatch.setattr("forecast.uploads.retention.sleep", pause)
    with caplog.at_level(logging.INFO), pytest.raises(EndOfTestError):
        await forget_always(uploads.parent, 1)
    assert pauses == [3600, 3600]
    assert [record.getMessage() for record in caplog.records] == [
        "retention=done uploads=5",
        "retention=incomplete uploads_left=4",
        "retention=done uploads=0",
        "retention=incomplete uploads_left=4",
    ]
    assert all(names(uploads / folder) == {"locked-0123456789ab.csv"} for folder in ("a", "b", "z"))
