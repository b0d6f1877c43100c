"""How far ahead is asked for, beside what the table knows of its covariates."""

from datetime import date, timedelta

from playwright.sync_api import expect

from tests.page.visitor import Visitor

KNOWN = 8


def offer_weeks(visitor: Visitor) -> None:
    """Bring weekly sales whose price is known some weeks ahead."""
    weeks = [date(2023, 1, 1) + timedelta(weeks=number) for number in range(120 + KNOWN)]
    rows = [
        f"{week},{10 + number % 52 if number < 120 else ''},{5 + number % 3 / 2}"
        for number, week in enumerate(weeks)
    ]
    visitor.paste("\n".join(["week,sales,price", *rows]))
    visitor.arrive()
    visitor.await_chart("#history")


def test_a_horizon_beyond_the_known_covariates_is_warned_of_beside_its_field(visitor: Visitor) -> None:
    offer_weeks(visitor)
    horizon, note = visitor.tab.locator("#horizon"), visitor.tab.locator("#beyond")
    own = visitor.tab.get_by_role("checkbox", name="the table’s own")
    expect(horizon).to_have_value(str(KNOWN))
    expect(note).to_be_hidden()

    horizon.fill(str(KNOWN + 1))
    expect(note).to_be_visible()
    expect(note).to_contain_text("known for 8 weeks ahead. Beyond that the last known value is repeated")

    own.uncheck()
    expect(note).to_be_hidden()
    own.check()
    expect(note).to_be_visible()
    visitor.tab.locator("#context_end").fill("2024-06-02")
    expect(note).to_be_hidden()


def test_the_horizon_follows_the_roles_of_the_columns(visitor: Visitor) -> None:
    offer_weeks(visitor)
    visitor.tab.get_by_label("price", exact=True).select_option("")
    expect(visitor.tab.get_by_text("the future of covariates")).to_have_count(0)

    expect(visitor.tab.locator("#horizon")).to_have_value("52")
    expect(visitor.tab.locator("#beyond")).to_be_hidden()
