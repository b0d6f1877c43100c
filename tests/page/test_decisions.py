"""What the columns of a table are said to be, changed faster than the page reads the table again."""

from playwright.sync_api import Request, Route, expect

from tests.page.visitor import Visitor


def test_what_is_changed_while_an_answer_comes_stays_and_is_sent_too(visitor: Visitor) -> None:
    visitor.take_sample("Retail promotions")
    visitor.await_chart("#history")
    price, promo = (visitor.tab.get_by_role("combobox", name=name, exact=True) for name in ("price", "promo"))
    held: list[Route] = []

    def hold_first(route: Route, request: Request) -> None:
        if held or request.method != "POST":
            route.continue_()
        else:
            held.append(route)

    visitor.tab.route("**/tables/*", hold_first)
    with visitor.tab.expect_request(lambda request: request.method == "POST"):
        price.select_option("")
    promo.select_option("")

    with visitor.tab.expect_response(
        lambda response: response.request.method == "POST" and response.request != held[0].request
    ):
        held[0].continue_()

    visitor.go(visitor.tab.url)
    expect(price).to_have_value("")
    expect(promo).to_have_value("")
