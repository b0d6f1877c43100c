"""What the columns of a table are said to be, changed faster than the page reads the table again."""

import io

import pandas as pd
import pytest
from playwright.sync_api import Request, Route, expect

from tests.page.visitor import Visitor


@pytest.fixture
def held(visitor: Visitor) -> list[Route]:
    """The first change that the visitor's page sends, which goes no further by itself."""
    held: list[Route] = []

    def hold_first(route: Route, request: Request) -> None:
        if held or request.method != "POST":
            route.continue_()
        else:
            held.append(route)

    visitor.tab.route("**/tables/*", hold_first)
    return held


def choose(visitor: Visitor, name: str, value: str) -> None:
    """Choose of a list, and wait until the page has sent that."""
    with visitor.tab.expect_request(lambda request: request.method == "POST"):
        visitor.tab.get_by_role("combobox", name=name, exact=True).select_option(value)


def test_what_is_changed_while_an_answer_comes_stays_and_is_sent_too(
    visitor: Visitor, held: list[Route]
) -> None:
    visitor.take_sample("Retail promotions")
    visitor.await_chart("#history")
    choose(visitor, "price", "")
    promo = visitor.tab.get_by_role("combobox", name="promo", exact=True)
    promo.select_option("")

    with visitor.tab.expect_response(
        lambda response: response.request.method == "POST" and response.request != held[0].request
    ):
        held[0].continue_()

    visitor.go(visitor.tab.url)
    expect(visitor.tab.get_by_role("combobox", name="price", exact=True)).to_have_value("")
    expect(promo).to_have_value("")


def test_what_is_changed_while_another_sheet_comes_is_not_said_of_that_sheets_columns(
    visitor: Visitor, held: list[Route]
) -> None:
    visitor.offer("sold.xlsx", make_workbook())
    visitor.arrive()
    choose(visitor, "Sheet", "second")
    visitor.tab.get_by_role("combobox", name="price", exact=True).select_option("")

    held[0].continue_()

    sold = visitor.tab.get_by_role("combobox", name="sold in shop", exact=True)
    expect(sold).to_have_value("target")
    visitor.go(visitor.tab.url)
    expect(sold).to_have_value("target")


def make_workbook() -> bytes:
    """Return two sheets, of which the second has its target where the first has a covariate."""
    days = pd.date_range("2024-01-01", periods=28)
    units, prices = [day.day % 7 + 1 for day in days], [2 + day.day % 3 for day in days]
    content = io.BytesIO()
    with pd.ExcelWriter(content) as book:
        first = pd.DataFrame({"date": days, "sold": units, "price": prices})
        first.to_excel(book, sheet_name="first", index=False)
        second = pd.DataFrame({"date": days, "shop": "A", "sold in shop": units})
        second.to_excel(book, sheet_name="second", index=False)
    return content.getvalue()
