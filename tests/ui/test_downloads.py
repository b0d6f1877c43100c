from typing import Any

import httpx
import pytest
from flask import Flask

from tests.ui.conftest import Visitor
from tests.ui.fakes import FakeGateway
from tests.ui.shelf import RUN, fail_item, make_item, make_run
from ui.errors import GatewayDownError


@pytest.fixture
def run(gateway: FakeGateway) -> dict[str, Any]:
    """A run of one item."""
    gateway.shelf.runs = [make_run(make_item("A"))]
    return gateway.shelf.runs[0]


@pytest.mark.parametrize(
    ("ending", "kind"), [("csv", "text/csv"), ("parquet", "application/vnd.apache.parquet")]
)
def test_a_run_is_downloaded_as_the_gateway_writes_it(
    visitor: Visitor, gateway: FakeGateway, run: dict[str, Any], ending: str, kind: str
) -> None:
    gateway.shelf.files[kind] = b"PAR1" * 50_000

    answer = visitor.get(f"/forecasts/run-1/forecast.{ending}")

    assert answer.status_code == 200
    assert answer.data == b"PAR1" * 50_000
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["Content-Length"] == "200000"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="forecast-{RUN}.{ending}"'


def test_the_json_of_a_run_has_all_its_items_though_the_gateway_tells_them_in_pages(
    visitor: Visitor, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.whole._ITEMS", "2")
    items = [
        make_item("A"),
        fail_item("B", "B has 3 values."),
        make_item("ä"),
        make_item("C"),
        make_item("D"),
    ]
    gateway.shelf.runs = [make_run(*items)]

    answer = visitor.get("/forecasts/run-1/forecast.json")

    assert answer.get_json() == make_run(*items)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="forecast-run-1.json"'
    assert len(gateway.bodies("GET /api/v1/forecasts/run-1")) == 3


def test_the_json_of_a_run_without_items_is_whole_too(visitor: Visitor, gateway: FakeGateway) -> None:
    gateway.shelf.runs = [make_run()]

    assert visitor.get("/forecasts/run-1/forecast.json").get_json() == make_run()


def test_a_json_that_is_lost_half_way_does_not_end_as_if_it_were_whole(
    visitor: Visitor, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.whole._ITEMS", "1")
    gateway.shelf.runs = [make_run(make_item("A"), make_item("B"))]
    answer = visitor.client.get("/forecasts/run-1/forecast.json", buffered=False)
    pieces = iter(answer.response)
    next(pieces)
    gateway.down = True

    with pytest.raises(GatewayDownError):
        list(pieces)
    answer.close()


def test_a_download_is_sent_on_piece_by_piece_and_dropped_with_its_visitor(
    page: Flask, gateway: FakeGateway, run: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, closed = [], []

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self):  # type: ignore[no-untyped-def]
            while True:
                sent.append(1)
                yield b"x" * 1000

        async def aclose(self) -> None:
            closed.append(1)

    monkeypatch.setattr(gateway.shelf, "answer", lambda _: httpx.Response(200, stream=Endless()))

    answer = page.test_client().get("/forecasts/run-1/forecast.csv", buffered=False)
    pieces = iter(answer.response)
    assert [next(pieces), next(pieces)] == [b"x" * 1000] * 2
    assert len(sent) <= 3
    answer.close()

    assert closed == [1]


def test_a_download_that_is_refused_is_told_as_a_page(visitor: Visitor) -> None:
    answer = visitor.get("/forecasts/gone/forecast.csv")

    assert answer.status_code == 404
    assert "There is no gone." in answer.text
    assert visitor.get("/forecasts/gone/forecast.exe").status_code == 404
