"""Many series and long ones: found, paged, and looked at layer by layer."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.page.conftest import Service, until
from tests.page.visitor import Visitor

SERIES = 100
DAYS = 20


@pytest.fixture(scope="module")
def many(browser: Browser, page: Service) -> Iterator[str]:
    """The address of a result of a hundred series."""
    visitor = Visitor(browser, page.url)
    visitor.go("/")
    rows = [
        f"shop {shop:03},2024-01-{day + 1:02},{shop + day % 7}"
        for shop in range(SERIES)
        for day in range(DAYS)
    ]
    visitor.offer("shops.csv", "\n".join(["shop,date,sales", *rows]).encode())
    visitor.arrive()
    visitor.await_chart("#history")
    visitor.forecast(["Slow model"], horizon="4")
    visitor.await_result()
    yield visitor.tab.url
    visitor.leave()


@pytest.fixture
def viewer(visitor: Visitor, many: str) -> Visitor:
    visitor.go(many)
    visitor.await_chart("#result")
    return visitor


def expect_shown(visitor: Visitor, numbers: range) -> None:
    links = visitor.tab.get_by_role("list", name="Series").get_by_role("link")
    expect(links).to_have_text([f"shop {number:03}" for number in numbers])


def test_a_hundred_series_are_paged_by_twenty(viewer: Visitor) -> None:
    expect(viewer.tab.get_by_text("100 series, page 1 of 5")).to_be_visible()
    expect_shown(viewer, range(20))

    viewer.tab.get_by_role("link", name="Next").click()

    expect(viewer.tab.get_by_text("100 series, page 2 of 5")).to_be_visible()
    expect_shown(viewer, range(20, 40))
    viewer.tab.get_by_role("link", name="shop 027").click()
    expect(viewer.tab.get_by_role("heading", name="shop 027: Forecast")).to_be_visible()
    viewer.await_chart("#result")
    assert viewer.figure()[0]["y"] == [27 + day % 7 for day in range(DAYS)]
    expect(viewer.tab.get_by_text("page 2 of 5")).to_be_visible()


def test_a_series_is_found_as_one_types(viewer: Visitor) -> None:
    box = viewer.tab.get_by_role("searchbox", name="Find a series")
    box.press_sequentially("SHOP 09")

    expect(viewer.tab.get_by_text("10 series with “SHOP 09”")).to_be_visible()
    expect(box).to_be_focused()
    expect_shown(viewer, range(90, 100))
    viewer.tab.get_by_role("link", name="shop 095").click()
    expect(viewer.tab.get_by_role("heading", name="shop 095: Forecast")).to_be_visible()
    expect(box).to_have_value("SHOP 09")


def test_what_is_typed_while_an_answer_comes_stays_and_is_searched_for(viewer: Visitor) -> None:
    box = viewer.tab.get_by_role("searchbox", name="Find a series")
    held: list[Route] = []
    viewer.tab.route("**/series?*", lambda route: route.continue_() if held else held.append(route))
    with viewer.tab.expect_request("**/series?*"):
        box.press_sequentially("SHOP ")
    box.press_sequentially("09")
    box.press("ArrowLeft")
    box.press("0")

    held[0].continue_()

    expect(viewer.tab.get_by_text("1 series with “SHOP 009”")).to_be_visible()
    expect(box).to_be_focused()
    expect(box).to_have_value("SHOP 009")
    assert box.evaluate("box => box.selectionStart") == len("SHOP 00")
    expect_shown(viewer, range(9, 10))


def test_a_search_that_finds_nothing_says_so(viewer: Visitor) -> None:
    viewer.tab.get_by_role("searchbox", name="Find a series").press_sequentially("nowhere")

    expect(viewer.tab.get_by_text("0 series with “nowhere”")).to_be_visible()
    viewer.await_chart("#result")


def test_layers_are_chosen_by_boxes_and_stay_chosen_for_the_next_series(viewer: Visitor) -> None:
    layers = viewer.tab.get_by_role("group", name="Shown")
    expect(layers.get_by_role("checkbox", name="Slow model bands (80%, 50%)")).to_be_checked()
    naive = layers.get_by_role("checkbox", name="SeasonalNaive bands (80%, 50%)")
    expect(naive).not_to_be_checked()
    naive.check()
    layers.get_by_role("checkbox", name="Slow model", exact=True).uncheck()

    def visible() -> dict[str, bool]:
        return {line["name"]: line["visible"] in (True, None) for line in viewer.figure()}

    assert visible()["SeasonalNaive bands (80%, 50%)"]
    assert not visible()["Slow model"]
    viewer.tab.get_by_role("link", name="shop 003").click()
    expect(viewer.tab.get_by_role("heading", name="shop 003: Forecast")).to_be_visible()
    viewer.await_chart("#result")
    expect(naive).to_be_checked()
    assert visible()["SeasonalNaive bands (80%, 50%)"]
    assert not visible()["Slow model"]


def test_a_layers_box_has_the_colour_of_its_line(viewer: Visitor) -> None:
    swatch = "all => all.map(one => getComputedStyle(one).color)"
    shown = viewer.tab.locator("#layers .swatch").evaluate_all(swatch)
    lines = viewer.tab.locator("#result").evaluate(
        "box => box.data.filter(one => one.showlegend !== false).map(one => one.line.color)"
    )

    assert shown == [f"rgb{tuple(int(line[at : at + 2], 16) for at in (1, 3, 5))}" for line in lines]
    assert len({*shown}) == 3


def test_the_layers_are_part_of_the_copied_link(viewer: Visitor, browser: Browser, page: Service) -> None:
    viewer.tab.get_by_role("checkbox", name="SeasonalNaive", exact=True).uncheck()
    address = viewer.copy(viewer.button("Copy the link to this view"))
    other = Visitor(browser, page.url)

    other.go(address)

    other.await_chart("#result")
    expect(other.tab.get_by_role("checkbox", name="SeasonalNaive", exact=True)).not_to_be_checked()
    expect(other.tab.get_by_role("checkbox", name="History")).to_be_checked()
    other.leave()


def test_dragging_across_the_plot_sets_the_dates_of_the_context(visitor: Visitor) -> None:
    visitor.take_sample("Daily minimum temperatures")
    visitor.await_chart("#history")
    plot = visitor.tab.locator("#history .nsewdrag").bounding_box()
    assert plot is not None
    middle = plot["y"] + plot["height"] / 2
    visitor.tab.mouse.move(plot["x"] + plot["width"] * 0.5, middle)
    visitor.tab.mouse.down()
    visitor.tab.mouse.move(plot["x"] + plot["width"] * 0.9, middle, steps=10)
    visitor.tab.mouse.up()

    expect(visitor.tab.locator("#context_end")).not_to_have_value("")
    start, end = (visitor.tab.locator(f"#context_{side}").input_value() for side in ("start", "end"))
    assert "1986-12-28" < start < "1987-01-03"
    assert "1988-08-02" < end < "1988-08-09"
    visitor.forecast(["Slow model"], horizon="7")
    visitor.await_result()

    history, *_ = visitor.figure()
    assert (history["x"][0], history["x"][-1]) == (start, end)
    expect(visitor.tab.get_by_role("heading", name="Against what happened")).to_be_visible()
    actual = next(line for line in visitor.figure() if line["name"] == "Actual")
    assert len(actual["y"]) == 7


def test_all_data_is_used_again_after_a_drag(visitor: Visitor) -> None:
    visitor.take_sample("Airline passengers")
    visitor.await_chart("#history")
    for name in ("context_start", "context_end"):
        visitor.tab.locator(f"#{name}").fill("1955-01-01")

    visitor.button("Use all data").click()

    expect(visitor.tab.locator("#context_start")).to_have_value("")
    expect(visitor.tab.locator("#context_end")).to_have_value("")


def left_end(visitor: Visitor) -> str:
    """Return the first day in view."""
    found = visitor.tab.locator("#result").evaluate("box => box.layout.xaxis.range[0]")
    return str(found)[:10]


def test_five_thousand_points_are_drawn_and_those_shown_at_first_are_a_button_away(visitor: Visitor) -> None:
    first = datetime(2024, 1, 1, tzinfo=UTC)
    rows = [f"{first + timedelta(hours=hour):%Y-%m-%d %H:%M},{hour % 24 + hour % 7}" for hour in range(5_000)]
    visitor.paste("\n".join(["time,load", *rows]))
    visitor.arrive()
    visitor.await_chart("#history")
    assert len(visitor.figure("#history")[0]["y"]) == 5_000
    visitor.forecast(["Slow model"], horizon="24")
    visitor.await_result()

    # The slow model looks at 512 points; what is drawn is what was asked for, all of it.
    assert len(visitor.figure()[0]["y"]) == 5_000
    recent = left_end(visitor)
    assert recent == "2024-07-21"
    visitor.button("All of it").click()
    until(lambda: left_end(visitor) == "2024-01-01")
    visitor.button("Recent").click()
    until(lambda: left_end(visitor) == recent)
