"""A table whose names and cells are made to be run: they are shown, letter for letter."""

import csv
import io
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.page.conftest import Service
from tests.page.visitor import Visitor

TARGET = "<img src=x onerror=document.title='taken'>"
ID = "<script>document.title='taken'</script>"
NOTE = "<b onmouseover=document.title='taken'>note</b>"
FORMULA = "=cmd|'/C calc'!A0"
SERIES = [FORMULA, "<svg onload=document.title='taken'>", '"><a href=javascript:alert(1)>x</a>']
FILE_NAME = "<img src=x onerror=alert(1)>.csv"


def make_table() -> bytes:
    text = io.StringIO()
    out = csv.writer(text)
    out.writerow([ID, "date", TARGET, NOTE])
    for name in SERIES:
        for day in range(1, 29):
            out.writerow([name, f"2024-01-{day:02}", day % 7 + 1, f"<i>{day % 2}</i>"])
    return text.getvalue().encode()


@pytest.fixture(scope="module")
def victim(browser: Browser, page: Service) -> Iterator[Visitor]:
    """A visitor at the result of the hostile table."""
    visitor = Visitor(browser, page.url)
    visitor.tab.on("dialog", lambda dialog: visitor.faults.append(f"dialog: {dialog.message}"))
    visitor.go("/")
    visitor.offer(FILE_NAME, make_table())
    visitor.arrive()
    visitor.tab.locator("#role-0").select_option("id")
    expect(visitor.tab.locator("#shown")).to_be_visible()
    visitor.await_chart("#history")
    yield visitor
    assert "taken" not in visitor.tab.title()
    visitor.leave()


def test_names_and_cells_are_text_on_the_page_of_the_table(victim: Visitor) -> None:
    for name in (ID, TARGET, NOTE):
        expect(victim.tab.get_by_role("rowheader", name=name, exact=True)).to_have_text(name)
    expect(victim.tab.locator("#history .ytitle")).to_have_text(TARGET)
    expect(victim.tab.get_by_role("combobox", name="Series")).to_have_value(FORMULA)
    assert victim.tab.locator("main img, main script, main svg[onload], main b[onmouseover]").count() == 0


def test_the_chart_shows_what_is_under_the_pointer_as_text(victim: Visitor) -> None:
    victim.point_at("#history", "2024")

    assert victim.tab.locator("#history .hoverlayer :is(image, a, foreignObject)").count() == 0


def test_the_result_shows_text_and_its_csv_has_no_formula(victim: Visitor, tmp_path: Path) -> None:
    victim.forecast(["Slow model"], horizon="4")
    victim.await_result()

    expect(victim.tab.get_by_role("heading", name=f"{FORMULA}: Forecast", exact=True)).to_be_visible()
    links = victim.tab.get_by_role("list", name="Series").get_by_role("link")
    assert links.all_inner_texts() == SERIES
    expect(victim.tab.locator("#result .ytitle")).to_have_text(TARGET)
    links.nth(1).click()
    expect(victim.tab.get_by_role("heading", name=f"{SERIES[1]}: Forecast", exact=True)).to_be_visible()
    victim.await_chart("#result")
    victim.point_at("#result", "2024")
    svg = victim.download(victim.button("Picture (SVG)"), tmp_path / "chart.svg").decode()
    assert "<svg onload" not in svg
    assert SERIES[1] in unescape(svg)

    content = victim.download(victim.tab.get_by_role("link", name="CSV", exact=True), tmp_path / "a.csv")
    cells = [cell for row in csv.reader(content.decode().splitlines()) for cell in row]
    assert f"'{FORMULA}" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "@", "+"))]
