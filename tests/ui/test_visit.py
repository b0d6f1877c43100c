import httpx
import pytest

from tests.ui.conftest import Visitor
from tests.ui.fakes import FakeGateway


def test_health_tells_the_state_of_the_gateway(visitor: Visitor, gateway: FakeGateway) -> None:
    answer = visitor.get("/health")
    assert (answer.status_code, answer.json) == (
        200,
        {"status": "healthy", "gateway": {"status": "healthy", "version": "1"}},
    )

    gateway.down = True
    answer = visitor.get("/health")
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["gateway"]["status"] == "unreachable"


@pytest.mark.parametrize("address", ["/health", "/banner"])
def test_a_gateway_that_hangs_holds_the_page_for_seconds_only(
    visitor: Visitor, gateway: FakeGateway, address: str
) -> None:
    visitor.get(address)

    assert gateway.patience["GET /health"] == 3.0


def test_the_banner_stands_there_as_long_as_the_gateway_is_down(
    visitor: Visitor, gateway: FakeGateway
) -> None:
    assert visitor.get("/banner").text.strip() == ""
    gateway.down = True
    assert "The forecasting service does not answer." in visitor.get("/banner").text
    gateway.down = False
    assert visitor.get("/banner").text.strip() == ""


def test_the_icon_is_found_where_browsers_look_for_it(visitor: Visitor) -> None:
    assert visitor.get("/favicon.ico", follow_redirects=True).mimetype == "image/svg+xml"


def test_an_unknown_address_is_a_page_that_leads_on(visitor: Visitor) -> None:
    answer = visitor.get("/nothing")

    assert answer.status_code == 404
    assert "Begin with a table" in answer.text
    assert visitor.client.get("/tables").status_code == 405


def test_a_defect_is_logged_and_told_without_its_details(
    visitor: Visitor, gateway: FakeGateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.refusals["GET /health"] = [httpx.Response(200, json={"status": "healthy"})]

    answer = visitor.get("/models/ets/state")

    assert answer.status_code == 500
    assert "The page failed; the operator" in answer.text
    assert "KeyError" not in answer.text
    assert "path=/models/ets/state failed=unexpected" in caplog.text
    assert "KeyError: 'models'" in caplog.text
