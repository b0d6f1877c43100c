"""How the page looks: pictures of each step in both styles, read by axe-core, on a phone and a desk."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.page.conftest import Service
from tests.page.visitor import Visitor

SERIOUS = ("serious", "critical")
DESK: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 375, "height": 812},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
LOOKS = {
    "desk-light": DESK | {"color_scheme": "light"},
    "desk-dark": DESK | {"color_scheme": "dark"},
    "phone-light": PHONE | {"color_scheme": "light"},
    "phone-dark": PHONE | {"color_scheme": "dark"},
}


@pytest.fixture(params=LOOKS)
def looker(request: pytest.FixtureRequest, browser: Browser, page: Service) -> Iterator[tuple[str, Visitor]]:
    visitor = Visitor(browser, page.url, **LOOKS[request.param])
    visitor.go("/")
    yield request.param, visitor
    visitor.leave()


def find_faults(visitor: Visitor) -> list[str]:
    """Return what axe-core finds serious in the page as it is now, and how far it scrolls sideways."""
    found = Axe().run(visitor.tab).response["violations"]
    told = [
        f"{one['id']}: {node['html']}" for one in found if one["impact"] in SERIOUS for node in one["nodes"]
    ]
    beyond = visitor.tab.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [*told, *([f"{beyond} px beyond the right edge"] if beyond > 0 else [])]


def test_each_step_is_a_picture_in_which_axe_finds_nothing_serious(
    looker: tuple[str, Visitor], pictures: Path
) -> None:
    look, visitor = looker
    faults: dict[str, list[str]] = {}

    def keep(step: str) -> None:
        faults[step] = find_faults(visitor)
        visitor.tab.screenshot(path=pictures / f"{look}-{step}.png", full_page=True)

    keep("1-start")
    visitor.take_sample("Retail promotions")
    visitor.await_chart("#history")
    keep("2-table")
    visitor.forecast(["StatsForecast", "Chronos"])
    visitor.await_result()
    keep("3-result")
    visitor.tab.get_by_text("The numbers").click()
    visitor.tab.get_by_role("link", name="Test on the last steps").click()
    expect(visitor.tab.get_by_role("heading", name="Test on the last steps")).to_be_visible()
    visitor.await_chart("#result")
    keep("4-holdout")

    assert not any(faults.values()), faults


def test_a_table_with_problems_is_a_picture_too(looker: tuple[str, Visitor], pictures: Path) -> None:
    look, visitor = looker
    visitor.paste(
        "shop,day,sales\n" + "".join(f"A,2024-01-{day:02},{day}\n" for day in range(1, 20) if day != 7)
    )
    visitor.arrive()
    expect(visitor.tab.locator(".blocking").first).to_be_visible()

    visitor.tab.screenshot(path=pictures / f"{look}-problems.png", full_page=True)

    assert find_faults(visitor) == []


def test_the_tools_of_a_chart_cover_nothing_of_its_plot(looker: tuple[str, Visitor], pictures: Path) -> None:
    look, visitor = looker

    def overlap(chart: str) -> float:
        """Return by how many pixels the tools reach below the upper edge of the plot."""
        box = visitor.tab.locator(chart)
        box.hover()
        expect(box.locator(".modebar")).to_be_visible()
        box.screenshot(path=pictures / f"{look}-tools-{chart[1:]}.png")
        tools, plot = (box.locator(one).bounding_box() for one in (".modebar", ".nsewdrag"))
        assert tools is not None
        assert plot is not None
        return tools["y"] + tools["height"] - plot["y"]

    visitor.take_sample("Airline passengers")
    visitor.await_chart("#history")
    assert overlap("#history") <= 0
    visitor.forecast(["StatsForecast"])
    visitor.await_result()
    assert overlap("#result") <= 0


def test_no_name_of_a_model_breaks_on_a_phone(browser: Browser, page: Service) -> None:
    visitor = Visitor(browser, page.url, **(PHONE | {"viewport": {"width": 390, "height": 844}}))
    visitor.go("/")
    visitor.take_sample("Airline passengers")
    visitor.forecast(["StatsForecast"])
    visitor.await_result()

    names = visitor.tab.locator(".ranked tbody th")
    assert names.evaluate_all(LINES) == [1, 1]
    assert find_faults(visitor) == []
    visitor.leave()


def test_the_whole_way_is_gone_without_a_pointer(visitor: Visitor) -> None:
    def press_until(name: str) -> None:
        """Press Tab until the control of this name has the focus."""
        for _ in range(80):
            visitor.tab.keyboard.press("Tab")
            if visitor.tab.evaluate(NAME_IN_FOCUS).splitlines()[:1] == [name]:
                return
        raise AssertionError(f"Tab never comes to {name}")

    press_until("Airline passengers")
    visitor.tab.keyboard.press("Enter")
    visitor.arrive()
    visitor.await_chart("#history")
    press_until("Forecast")
    visitor.tab.keyboard.press("Enter")  # the step's link, which jumps to its form
    press_until("Forecast")
    visitor.tab.keyboard.press("Enter")
    visitor.await_result()
    press_until("History")
    visitor.tab.keyboard.press("Space")
    assert visitor.figure()[0]["visible"] == "legendonly"
    press_until("CSV")
    with visitor.tab.expect_download() as waiting:
        visitor.tab.keyboard.press("Enter")
    assert waiting.value.suggested_filename == "airline-passengers-forecast.csv"


NAME_IN_FOCUS = """() => {
  const at = document.activeElement;
  return (at.labels?.[0]?.textContent ?? at.textContent ?? "").trim();
}"""
LINES = """all => all.map(one => {
  const range = document.createRange();
  range.selectNodeContents(one);
  return range.getClientRects().length;
})"""
