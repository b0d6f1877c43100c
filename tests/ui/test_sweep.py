import os
from pathlib import Path

import httpx
import pytest

from tests.ui.fakes import FakeGateway, refuse
from ui.background import Background
from ui.store import Store
from ui.sweep import sweep

FIRST, SECOND, THIRD = (f"data/uploads/x-{number:012x}.csv" for number in range(3))


@pytest.fixture
def store(tmp_path: Path, gateway: FakeGateway) -> Store:
    """A store with an expired table, an expired run, an empty folder as old, and a new table."""
    store = Store(tmp_path, 1.0)
    gateway.uploads = {FIRST: b"", SECOND: b"", THIRD: b""}
    table, run, empty = store.make("tables"), store.make("runs"), store.make("runs")
    store.write("tables", table, "table", {"upload": FIRST})
    store.write("runs", run, "run", {"paths": {"forecast": SECOND}})
    for place in (tmp_path / "tables" / table, tmp_path / "runs" / run, tmp_path / "runs" / empty):
        os.utime(place, (0, 0))
    store.write("tables", store.make("tables"), "table", {"upload": THIRD})
    return store


def left(folder: Path) -> list[int]:
    return [len(list((folder / kind).iterdir())) for kind in ("tables", "runs")]


def test_what_has_expired_is_removed_here_and_at_the_gateway(
    store: Store, gateway: FakeGateway, background: Background, tmp_path: Path
) -> None:
    background.wait(sweep(store, gateway.client()))

    assert left(tmp_path) == [1, 0]
    assert list(gateway.uploads) == [THIRD]


def test_a_table_without_an_upload_is_removed_without_a_call(
    gateway: FakeGateway, background: Background, tmp_path: Path
) -> None:
    store = Store(tmp_path, 1.0)
    made = store.make("tables")
    store.write("tables", made, "table", {"upload": None})
    os.utime(tmp_path / "tables" / made, (0, 0))

    background.wait(sweep(store, gateway.client()))

    assert list((tmp_path / "tables").iterdir()) == []
    assert gateway.asked == []


def test_a_gateway_that_is_down_is_asked_again_next_time(
    store: Store, gateway: FakeGateway, background: Background, tmp_path: Path
) -> None:
    gateway.down = True
    background.wait(sweep(store, gateway.client()))
    assert left(tmp_path) == [2, 2]

    gateway.down = False
    background.wait(sweep(store, gateway.client()))
    assert left(tmp_path) == [1, 0]


@pytest.mark.parametrize(
    ("answer", "removed"),
    [
        (refuse(429, "RATE_LIMITED", "Later.", 9), False),
        (refuse(401, "UNAUTHORIZED", "Not this key."), False),
        (httpx.Response(504, text="<html>"), False),
        (refuse(403, "FORBIDDEN", "No."), True),
    ],
)
def test_a_refusal_is_logged_and_stands_in_the_way_only_where_it_passes(
    store: Store,
    gateway: FakeGateway,
    background: Background,
    caplog: pytest.LogCaptureFixture,
    answer: httpx.Response,
    removed: bool,
) -> None:
    gateway.refusals[f"DELETE /api/v1/uploads/{FIRST.rpartition('/')[2]}"] = [answer]

    background.wait(sweep(store, gateway.client()))

    assert f"upload={FIRST} forgotten=no" in caplog.text
    assert (SECOND not in gateway.uploads) is removed
    assert (list(store.expired()) == []) is removed
