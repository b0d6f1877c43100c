from tests.ui.conftest import Visitor, done, finish
from tests.ui.fakes import FakeGateway
from ui.context import Context


def test_a_series_too_short_for_the_test_keeps_no_other_from_it(
    visitor: Visitor, shared: Context, gateway: FakeGateway, many: list[str]
) -> None:
    gateway.short = {"shop 00", "shop 01"}
    run = done(visitor, shared, holdout="true")

    text = visitor.get(run).text
    assert "2 series are too short for that; figures are means over 43 series" in text
    assert "This series is too short for the test." in text
    assert "This series is too short" not in visitor.get(run, query_string={"series": "shop 02"}).text
    assert "<h2>shop 02: Test" in visitor.get(run, query_string={"kind": "holdout"}).text


def test_where_every_series_is_too_short_the_test_says_so(
    visitor: Visitor, shared: Context, gateway: FakeGateway
) -> None:
    gateway.short = {"series_0"}

    text = visitor.get(done(visitor, shared, holdout="true")).text

    assert "No series has more than 3 known values, so there is nothing to test on." in text


def test_a_ranking_tells_which_dates_it_tested_on(visitor: Visitor, shared: Context) -> None:
    told = "Each model forecast 2024-10-01 to 2024-12-01 without seeing it"

    text = visitor.get(done(visitor, shared, holdout="true")).text
    assert told in text
    assert "whatever your cutoff" not in text
    cut = visitor.get(done(visitor, shared, holdout="true", context_end="2024-06-01")).text
    assert f"{told}, whatever your cutoff" in cut


def test_a_ranking_that_tested_series_on_other_dates_tells_between_which(
    visitor: Visitor, shared: Context, gateway: FakeGateway, many: list[str]
) -> None:
    address = done(visitor, shared, holdout="true")
    run_id = address.rpartition("/")[2]
    answer = shared.store.read("runs", run_id, "holdout-ets")
    answer["visualization_data"]["dates_future"][0] = ["2024-08-01", "2024-09-01", "2024-10-01"]
    shared.store.write("runs", run_id, "holdout-ets", answer)

    text = visitor.get(address).text

    assert "the last 3 months of each series, between 2024-08-01 and 2024-12-01, without seeing them" in text


def test_a_ranking_tells_that_filled_gaps_count_as_what_happened(visitor: Visitor, shared: Context) -> None:
    told = "Values that filled the gaps of your data count as what happened."
    table = visitor.bring()
    visitor.get(table)
    for repairs, shown in (({}, False), ({"repair-gaps": "interpolate"}, True)):
        visitor.post(table, **{"role-0": "timestamp", "role-1": "target"}, **repairs)
        run = visitor.forecast(table, holdout="true")
        finish(shared.background)
        assert (told in visitor.get(run).text) is shown
