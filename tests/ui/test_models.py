from tests.ui.conftest import Visitor
from tests.ui.fakes import FakeGateway, refuse


def test_a_model_is_loaded_with_progress_and_let_go(visitor: Visitor, gateway: FakeGateway) -> None:
    gateway.states["ets"] = ("uninitialized", None)
    gateway.progress = {"phase": "downloading", "percent": 40.0, "bytes_done": 4e8, "bytes_total": 1e9}
    visitor.get("/")
    assert "Load now" in visitor.get("/models/ets/state").text

    loading = visitor.post_htmx("/models/ets/load")
    assert loading.status_code == 200
    assert "downloading, 400 MB of 1 GB" in loading.text
    assert 'value="40.0"' in loading.text
    assert 'hx-trigger="every 2s"' in loading.text
    assert "Cancel" in loading.text
    assert "Cancel" in visitor.post_htmx("/models/ets/load").text

    gone = visitor.post_htmx("/models/ets/cancel")
    assert "Not loaded" in gone.text
    assert gateway.bodies("POST /forecast/v1/ets/shutdown") == [b""]


def test_a_load_is_shown_without_figures_where_the_quota_is_used_up(
    visitor: Visitor, gateway: FakeGateway
) -> None:
    gateway.states["ets"] = ("initializing", None)
    gateway.refusals["GET /forecast/v1/ets/status"] = [refuse(429, "RATE_LIMITED", "Later.", 30)]

    answer = visitor.get("/models/ets/state")

    assert answer.status_code == 200
    assert "Loading" in answer.text
    assert 'hx-trigger="every 2s"' in answer.text


def test_a_load_that_failed_says_why(visitor: Visitor, gateway: FakeGateway) -> None:
    gateway.states["ets"] = ("error", "The <b>Hub</b> cannot be reached.")

    text = visitor.get("/models/ets/state").text

    assert "Did not load: The &lt;b&gt;Hub&lt;/b&gt; cannot be reached." in text
    assert "Load now" in text


def test_a_load_that_is_refused_is_told_where_forms_tell_it(visitor: Visitor, gateway: FakeGateway) -> None:
    gateway.states["ets"] = ("uninitialized", None)
    gateway.refusals["POST /forecast/v1/ets/initialization"] = [
        refuse(409, "INSUFFICIENT_MEMORY", "It needs 2 GB and 1 GB is free.")
    ]
    visitor.get("/")

    answer = visitor.post_htmx("/models/ets/load")

    assert answer.status_code == 409
    assert answer.headers["HX-Retarget"] == "#problem"
    assert "It needs 2 GB and 1 GB is free." in answer.text


def test_only_models_that_there_are_can_be_asked_for(visitor: Visitor, gateway: FakeGateway) -> None:
    visitor.get("/")

    assert visitor.get("/models/gone/state").status_code == 404
    assert visitor.post_htmx("/models/gone/load").status_code == 404
    assert visitor.post_htmx("/models/..%2f..%2fapi/load").status_code == 404
    assert {call for call, _ in gateway.asked} == {"GET /api/v1/samples", "GET /health"}
