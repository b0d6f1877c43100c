"""The whole way: from each sample to a ranking of two models."""

import pytest
from playwright.sync_api import expect

from tests.page.visitor import Visitor

SAMPLES = {
    "Airline passengers": 12,
    "Retail promotions": 28,
    "Pedestrians": 24,
    "Daily minimum temperatures": 28,
    "Views of a Wikipedia page": 28,
}


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_becomes_a_ranking_of_two_models_and_the_naive_one(visitor: Visitor, sample: str) -> None:
    visitor.take_sample(sample)
    if sample == "Views of a Wikipedia page":
        expect(visitor.tab.locator(".blocking")).to_contain_text("59 steps")
        visitor.tab.get_by_label("What to do").select_option("interpolate")
    visitor.await_chart("#history")
    visitor.forecast(["StatsForecast", "Chronos"])
    visitor.await_result()

    ranking = visitor.tab.get_by_role("region", name="Scores").last.get_by_role("rowheader")
    assert {*ranking.all_inner_texts()} == {"StatsForecast", "Chronos", "SeasonalNaive"}
    lines = {line["name"]: line for line in visitor.figure()}
    for model in ("StatsForecast", "Chronos", "SeasonalNaive"):
        assert len(lines[model]["y"]) == SAMPLES[sample]
        assert None not in lines[model]["y"]
    expect(visitor.tab.get_by_text("Methods: StatsForecast used")).to_be_visible()
    expect(visitor.tab.locator(".verdict")).to_be_visible()
    expect(visitor.tab.get_by_text("Not all models answered")).to_have_count(0)
