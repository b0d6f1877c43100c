import pytest

from tests.ui.conftest import MakePage, Visitor, rows_of
from tests.ui.fakes import FakeGateway, refuse
from tests.ui.shelf import end_job, make_job


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time by which looks at jobs are counted."""
    now = [100.0]
    monkeypatch.setattr("ui.archive.monotonic", lambda: now[0])
    return now


def test_jobs_are_listed_with_what_is_done_and_what_is_wrong(visitor: Visitor, gateway: FakeGateway) -> None:
    ended = end_job(make_job("job-2", dataset=None, items_total=1500, items_failed=3))
    gateway.shelf.jobs = [make_job(), ended]

    text = visitor.get("/jobs").text

    rows = rows_of(text)
    assert "job-1 Running ETS demand 40 of 100 items done in about" in rows[1]
    assert "job-2 Done ETS in the request 1,500 of 1,500 items done 3 failed ended" in rows[2]
    assert 'href="/jobs/job-1"' in text
    assert gateway.shelf.queries == [{"limit": "25"}]


def test_jobs_are_filtered_and_listed_page_by_page(visitor: Visitor, gateway: FakeGateway) -> None:
    gateway.shelf.jobs, gateway.shelf.following = [make_job()], "next one"

    text = visitor.get("/jobs?status=running&model=deep&cursor=this+one&other=x").text

    wanted = {"status": "running", "model": "deep", "cursor": "this one", "limit": "25"}
    assert gateway.shelf.queries == [wanted]
    assert '<option value="running" selected>Running</option>' in text
    assert '<option value="deep" selected>DEEP</option>' in text
    assert 'href="/jobs?cursor=next+one&amp;status=running&amp;model=deep"' in text
    assert 'href="/jobs?status=running&amp;model=deep"' in text


def test_a_filter_that_finds_nothing_leads_back_to_all(visitor: Visitor) -> None:
    text = visitor.get("/jobs?model=gone").text

    assert "No job is like this." in text
    assert "<option selected>gone</option>" in text
    assert "curl" not in text


def test_without_jobs_the_page_tells_how_to_start_one(make_page: MakePage) -> None:
    text = Visitor(make_page(api_public_url="https://forecasts.example/")).get("/jobs").text

    assert "There are no jobs yet" in text
    assert "curl -sS https://forecasts.example/api/v1/forecast-jobs" in text
    assert "data/samples/airline-passengers.csv" in text
    assert "&#34;model&#34;: &#34;ets&#34;" in text
    assert "$API_SECRET_KEY" in text
    assert "the-key" not in text


def test_the_page_of_a_job_follows_it_until_it_has_ended(
    visitor: Visitor, gateway: FakeGateway, clock: list[float]
) -> None:
    gateway.shelf.jobs = [make_job()]
    text = visitor.get("/jobs/job-1").text
    assert 'hx-get="/jobs/job-1/progress" hx-trigger="every 2s"' in text
    assert '<progress max="1" value="0.4" aria-label="Items done">' in text
    assert "Yes, cancel it" in text
    assert "Open the forecasts" not in text

    gateway.shelf.jobs = [make_job(items_done=70, items_failed=1, progress=0.7)]
    clock[0] += 2
    answer = visitor.get("/jobs/job-1/progress")
    assert "70 of 100 items done" in answer.text
    assert "1 item failed" in answer.text
    assert "HX-Refresh" not in answer.headers

    gateway.shelf.jobs = [end_job(make_job())]
    clock[0] += 2
    assert visitor.get("/jobs/job-1/progress").headers["HX-Refresh"] == "true"
    text = visitor.get("/jobs/job-1").text
    assert 'href="/forecasts/run-1">Open the forecasts' in text
    assert "every 2s" not in text
    assert "Yes, cancel it" not in text
    assert "<dt>Took</dt><dd>4 min 10 s</dd>" in text


def test_a_job_that_failed_says_why_in_the_gateways_words(visitor: Visitor, gateway: FakeGateway) -> None:
    error = {"error": "MODEL_NOT_INITIALIZED", "detail": "The <b>model</b> is gone."}
    gateway.shelf.jobs = [end_job(make_job(), "failed", items_done=0, error=error)]

    text = visitor.get("/jobs/job-1").text

    assert "The &lt;b&gt;model&lt;/b&gt; is gone." in text
    assert 'class="mark failed">Failed' in text


def test_however_many_look_the_gateway_is_asked_once_in_two_seconds(
    visitor: Visitor, gateway: FakeGateway, clock: list[float]
) -> None:
    gateway.shelf.jobs = [make_job(), make_job("job-2")]
    for _ in range(5):
        assert "40 of 100 items done" in visitor.get("/jobs/job-1/progress").text
    assert len(gateway.bodies("GET /api/v1/forecast-jobs/job-1")) == 1

    visitor.get("/jobs/job-2/progress")
    for _ in range(8):
        clock[0] += 1
        visitor.get("/jobs/job-1/progress")
        visitor.get("/jobs/job-2/progress")

    assert len(gateway.bodies("GET /api/v1/forecast-jobs/job-1")) == 3
    assert len(gateway.bodies("GET /api/v1/forecast-jobs/job-2")) == 3


@pytest.mark.parametrize(
    ("status", "code"), [(429, "RATE_LIMITED"), (503, "DATABASE_UNAVAILABLE"), (503, "OVERLOADED")]
)
def test_progress_that_cannot_be_told_now_keeps_the_last_figures(
    visitor: Visitor, gateway: FakeGateway, clock: list[float], status: int, code: str
) -> None:
    gateway.shelf.jobs = [make_job()]
    visitor.get("/jobs/job-1")
    gateway.refusals["GET /api/v1/forecast-jobs/job-1"] = [refuse(status, code, "Come back later.", 5)]
    clock[0] += 2

    answer = visitor.get("/jobs/job-1/progress", headers={"HX-Request": "true"})

    assert answer.status_code == 200
    assert "40 of 100 items done" in answer.text
    assert "Come back later." in answer.text
    assert 'hx-trigger="every 2s"' in answer.text
    clock[0] += 2
    assert "Come back later." not in visitor.get("/jobs/job-1/progress").text


def test_a_job_that_is_followed_while_the_gateway_is_down_is_followed_on(
    visitor: Visitor, gateway: FakeGateway
) -> None:
    gateway.down = True

    answer = visitor.get("/jobs/job-1/progress", headers={"HX-Request": "true"})

    assert answer.status_code == 200
    assert "The forecasting service does not answer." in answer.text
    assert 'hx-trigger="every 2s"' in answer.text


def test_a_job_that_is_gone_lets_the_browser_load_the_page_which_says_so(visitor: Visitor) -> None:
    gone = visitor.get("/jobs/job-1/progress")
    assert (gone.status_code, gone.headers["HX-Refresh"]) == (200, "true")

    answer = visitor.get("/jobs/job-1")
    assert answer.status_code == 404
    assert "There is no job-1." in answer.text
    assert 'href="/jobs">Show all jobs' in answer.text


def test_a_job_is_cancelled(visitor: Visitor, gateway: FakeGateway) -> None:
    gateway.shelf.jobs = [make_job()]

    answer = visitor.post("/jobs/job-1/cancel")

    assert (answer.status_code, answer.location) == (303, "/jobs/job-1")
    text = visitor.get("/jobs/job-1").text
    assert "Cancelled" in text
    assert "40 of 100 items done" in text


def test_cancelling_a_job_that_ended_meanwhile_shows_how_it_ended(
    visitor: Visitor, gateway: FakeGateway
) -> None:
    gateway.shelf.jobs = [end_job(make_job())]

    answer = visitor.post("/jobs/job-1/cancel")

    assert (answer.status_code, answer.location) == (303, "/jobs/job-1")
    assert visitor.post("/jobs/job-2/cancel").status_code == 404


@pytest.mark.parametrize("address", ["/jobs", "/jobs/job-1", "/forecasts", "/forecasts/run-1"])
def test_a_gateway_that_is_down_or_without_its_database_is_told(
    visitor: Visitor, gateway: FakeGateway, address: str
) -> None:
    path = address.replace("/jobs", "/api/v1/forecast-jobs").replace("/forecasts", "/api/v1/forecasts")
    gateway.refusals[f"GET {path}"] = [
        refuse(503, "DATABASE_UNAVAILABLE", "The database does not answer.", 7)
    ]

    told = visitor.get(address)
    assert told.status_code == 503
    assert "The database does not answer." in told.text
    assert told.headers["Refresh"] == "7"

    gateway.down = True
    told = visitor.get(address)
    assert told.status_code == 503
    assert "The forecasting service does not answer." in told.text
    assert told.headers["Refresh"] == "5"


@pytest.mark.parametrize("name", ["..", "a%20b", "a.b", "x" * 101, "%C3%A4"])
def test_what_is_no_id_never_reaches_the_gateway(visitor: Visitor, gateway: FakeGateway, name: str) -> None:
    visitor.get("/login")

    for address in (f"/jobs/{name}", f"/forecasts/{name}", f"/forecasts/{name}/forecast.csv"):
        assert visitor.get(address).status_code == 404
    assert visitor.post(f"/jobs/{name}/cancel").status_code == 404
    assert [call for call, _ in gateway.asked if "/api/v1/" in call] == []
