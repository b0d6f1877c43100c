"""The gateway's own pages of its API, in a browser."""

from playwright.sync_api import Browser, expect

from tests.page.conftest import Service
from tests.page.visitor import Visitor

ROUTE = "/forecast/v1/fake/inference"
LOGO = "https://cdn.redoc.ly/redoc/logo-mini.svg"


def test_routes_are_shown_as_forms_and_no_other_host_is_asked(browser: Browser, gateway: Service) -> None:
    visitor = Visitor(browser, gateway.url)
    visitor.go("/docs")
    visitor.tab.get_by_role("button", name=f"POST {ROUTE}").first.click()
    expect(visitor.tab.get_by_text("data_source_url_or_path").first).to_be_visible()
    expect(visitor.button("Try it out")).to_be_visible()
    visitor.leave()


def test_routes_are_shown_to_be_read_and_what_would_ask_another_host_is_stopped(
    browser: Browser, gateway: Service
) -> None:
    visitor = Visitor(browser, gateway.url)
    visitor.elsewhere = LOGO
    stopped: list[tuple[str, str | None]] = []
    visitor.tab.on("requestfailed", lambda request: stopped.append((request.url, request.failure)))
    told = visitor.tab.expect_console_message(lambda message: LOGO in message.text)
    # The tab tells both some time after it has shown the routes.
    with visitor.tab.expect_event("requestfailed"), told:
        visitor.go("/redoc")
    expect(visitor.tab.get_by_text(ROUTE).first).to_be_attached()
    visitor.tab.wait_for_load_state("networkidle")
    assert stopped == [(LOGO, "csp")]
    visitor.leave()
