"""What goes wrong at each step is told there, in a sentence."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.page.conftest import Service, make_gateway, make_page
from tests.page.visitor import Visitor

BAD_CELL = "date,sales\n" + "\n".join(
    f"2024-01-{day:02},{'twelve' if day == 3 else 10 + day % 7}" for day in range(1, 31)
)


def told(visitor: Visitor) -> str:
    """Return what the alert of the page says."""
    alert = visitor.tab.get_by_role("alert")
    expect(alert).not_to_be_empty()
    return alert.inner_text()


def test_a_private_address_is_refused_beside_the_form(visitor: Visitor) -> None:
    visitor.refusals = {400, 403, 422}
    visitor.tab.get_by_label("The address of a file").fill("http://127.0.0.1:9/sales.csv")
    visitor.button("Fetch and read it").click()

    assert "The URL leads to an address that is not of the public internet" in told(visitor)
    expect(visitor.tab.get_by_label("The address of a file")).to_have_value("http://127.0.0.1:9/sales.csv")
    assert visitor.tab.url == f"{visitor.address}/"


def test_a_file_that_is_no_table_is_refused_beside_the_form(visitor: Visitor) -> None:
    visitor.refusals = {400, 415, 422}
    visitor.offer("sales.xlsx", b"no workbook")

    assert "xlsx" in told(visitor).lower()
    expect(visitor.button("Read the file")).to_be_enabled()


def test_a_bad_cell_is_told_with_its_row_and_repaired(visitor: Visitor) -> None:
    visitor.paste(BAD_CELL)
    visitor.arrive()

    problem = visitor.tab.locator(".blocking", has_text="'twelve' is not a number")
    expect(problem).to_contain_text("Row 3")
    problem.get_by_label("What to do").select_option("empty")
    expect(visitor.tab.get_by_role("checkbox", name="Settled: treat these cells as empty")).to_be_checked()
    visitor.tab.get_by_label("What to do").select_option("interpolate")

    visitor.await_chart("#history")
    visitor.forecast(["Slow model"], horizon="5")
    visitor.await_result()
    assert len(next(line for line in visitor.figure() if line["name"] == "Slow model")["y"]) == 5


def test_an_unsettled_problem_keeps_the_forecast_from_beginning(visitor: Visitor) -> None:
    visitor.refusals = {422}
    visitor.paste(BAD_CELL)
    visitor.arrive()
    visitor.button("Forecast").click()

    assert "Settle the problems of the data first" in told(visitor)


def test_two_targets_are_told_at_the_second_column(visitor: Visitor) -> None:
    visitor.refusals = {422}
    visitor.take_sample("Pedestrians")
    visitor.await_chart("#history")
    visitor.tab.get_by_label("location_4", exact=True).select_option("target")

    assert "Only one column can be the target." in told(visitor)
    expect(visitor.tab.locator("select.faulty")).to_have_count(1)


def test_an_empty_horizon_is_told_at_its_field(visitor: Visitor) -> None:
    visitor.take_sample("Airline passengers")
    visitor.forecast(["Slow model"], horizon="")

    field = visitor.tab.locator("#horizon")
    expect(field).to_be_focused()
    assert field.evaluate("field => field.validity.valueMissing")
    assert "/tables/" in visitor.tab.url


def test_dates_in_the_wrong_order_are_told_at_their_field(visitor: Visitor) -> None:
    visitor.refusals = {422}
    visitor.take_sample("Airline passengers")
    visitor.forecast(["Slow model"], context_start="1955-01-01", context_end="1950-01-01")

    assert "The context begins after it ends." in told(visitor)
    expect(visitor.tab.locator("#context_end")).to_have_attribute("aria-invalid", "true")


def test_a_horizon_that_leaves_nothing_to_test_is_told_beside_its_field(visitor: Visitor) -> None:
    visitor.refusals = {422}
    visitor.take_sample("Airline passengers")
    visitor.forecast(["Slow model"], horizon="200")

    sentence = "To test 200 steps, series of more than 200 rows are needed; the longest has 144."
    assert sentence in told(visitor)
    beside = visitor.tab.locator("#horizon + .beside")
    expect(beside).to_contain_text(sentence)

    visitor.forecast(["Slow model"], horizon="2")
    visitor.await_result()


def test_a_wrong_country_is_told_at_its_field_and_nothing_sent(visitor: Visitor) -> None:
    visitor.take_sample("Airline passengers")
    visitor.forecast(["Slow model"], country="Germany")

    field = visitor.tab.locator("#country")
    expect(field).to_be_focused()
    assert field.evaluate("field => field.validity.patternMismatch")
    assert "/tables/" in visitor.tab.url


def test_no_model_is_told_at_the_cards(visitor: Visitor) -> None:
    visitor.refusals = {422}
    visitor.take_sample("Airline passengers")
    visitor.forecast([])

    assert "Choose at least one model." in told(visitor)
    expect(visitor.tab.locator("#models")).to_have_attribute("aria-invalid", "true")

    visitor.forecast(["Slow model"])
    visitor.await_result()


def test_a_band_beyond_a_model_is_told_with_the_models_that_have_it(visitor: Visitor) -> None:
    visitor.take_sample("Airline passengers")
    visitor.tab.get_by_role("checkbox", name="98%").check()
    visitor.forecast(["StatsForecast", "Slow model"])
    visitor.await_result()

    lost = visitor.tab.locator(".problem", has_text="Not all models answered")
    expect(lost).to_contain_text("Slow model")
    expect(lost).to_contain_text("0.01")
    expect(lost.get_by_role("listitem")).to_have_count(1)
    names = [line["name"] for line in visitor.figure()]
    assert "StatsForecast" in names
    assert "Slow model" not in names


def test_a_horizon_beyond_the_only_model_leaves_the_reason_and_the_way_back(visitor: Visitor) -> None:
    visitor.take_sample("Airline passengers")
    visitor.forecast(["Slow model"], horizon="101")

    expect(visitor.tab.get_by_role("heading", name="There is no forecast")).to_be_visible()
    expect(visitor.tab.locator(".fault").first).to_contain_text("100")
    visitor.tab.get_by_role("link", name="Back to the data and the models").click()

    expect(visitor.tab.locator("#horizon")).to_have_value("101")
    expect(visitor.tab.get_by_role("checkbox", name="Slow model", exact=True)).to_be_checked()
    expect(visitor.tab.get_by_role("checkbox", name="StatsForecast", exact=True)).not_to_be_checked()


def test_a_series_that_there_is_not_is_told_in_the_plot(visitor: Visitor) -> None:
    visitor.refusals = {404}
    visitor.take_sample("Retail promotions")
    visitor.await_chart("#history")
    series = visitor.tab.get_by_role("combobox", name="Series")
    series.fill("C")
    series.press("Enter")
    expect(visitor.tab.locator("#history")).to_have_text("There is no such series.")

    series.fill("B")
    series.press("Enter")
    visitor.await_chart("#history")


def test_a_page_that_cannot_be_reached_is_told_until_it_is_back(visitor: Visitor) -> None:
    visitor.take_sample("Airline passengers")
    visitor.await_chart("#history")
    visitor.context.set_offline(True)
    visitor.forecast(["Slow model"], horizon="7")

    assert "The page cannot be reached; what you entered is kept." in told(visitor)
    expect(visitor.button("Forecast")).to_be_enabled()
    expect(visitor.tab.locator("#horizon")).to_have_value("7")

    visitor.context.set_offline(False)

    expect(visitor.tab.get_by_role("alert")).to_be_empty()
    assert all("htmx:" in fault for fault in visitor.faults)
    visitor.faults.clear()
    visitor.button("Forecast").click()
    visitor.await_result()


@pytest.fixture
def lonely(browser: Browser, tmp_path: Path) -> Iterator[tuple[Visitor, Service]]:
    """A visitor of a page whose gateway is down, and that gateway."""
    gateway = make_gateway(tmp_path, bare=True)
    page = make_page(tmp_path, gateway)
    try:
        page.start()
        visitor = Visitor(browser, page.url)
        visitor.refusals = {503}
        yield visitor, gateway
        visitor.leave()
    finally:
        page.stop()
        gateway.stop()


def test_a_gateway_that_is_down_has_a_banner_until_it_is_back(lonely: tuple[Visitor, Service]) -> None:
    visitor, gateway = lonely
    visitor.go("/")
    banner = visitor.tab.locator("#banner")
    expect(banner).to_contain_text("does not answer")
    visitor.paste("date,sales\n2024-01-01,1\n2024-01-02,2\n2024-01-03,4")
    assert "does not answer" in told(visitor)

    gateway.start()

    expect(banner).to_be_empty()
    expect(visitor.button("Airline passengers", exact=False)).to_be_visible()
    visitor.button("Read what I pasted").click()
    visitor.arrive()

    gateway.stop()

    expect(banner).to_contain_text("does not answer")
    visitor.tab.reload()
    expect(visitor.tab.get_by_role("heading", name="The forecasting service does not answer")).to_be_visible()

    gateway.start()

    expect(visitor.tab.get_by_role("heading", name="1. Data")).to_be_visible()
