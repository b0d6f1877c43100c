"""The pages that show the API load nothing from elsewhere."""

import re
from urllib.parse import urljoin

import pytest
from starlette.testclient import TestClient

from tests.conftest import MakeApp

PAGES = ["/docs", "/redoc"]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("root", ["", "/behind/a/proxy"])
def test_a_page_names_no_other_host_and_each_of_its_assets_answers(
    make_app: MakeApp, page: str, root: str
) -> None:
    with TestClient(make_app(), root_path=root) as client:
        text = client.get(page).text
        assert "//" not in re.sub(r"(?m)^\s*//.*$", "", text)
        named = re.findall(r'(?:src|href|spec-url)="([^"]+)"|url: \'([^\']+)\'', text)
        addresses = {urljoin(page, one or other) for one, other in named}
        assert f"{root}/openapi.json" in addresses
        assert len(addresses) >= 3
        for address in addresses:
            assert address.startswith(f"{root}/")
            assert client.get(address.removeprefix(root)).status_code == 200, address


@pytest.mark.parametrize("page", PAGES)
def test_a_page_may_load_from_the_gateway_only(client: TestClient, page: str) -> None:
    policy = client.get(page).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    (scripts,) = [rule for rule in policy.split("; ") if rule.startswith("script-src")]
    assert re.fullmatch(r"script-src 'self'( 'sha256-[\w+/]{43}=')?", scripts)


def test_an_asset_is_sent_once_and_then_known_to_be_the_same(client: TestClient) -> None:
    first = client.get("/docs/assets/swagger-ui.css")
    again = client.get("/docs/assets/swagger-ui.css", headers={"If-None-Match": first.headers["ETag"]})
    assert first.headers["Content-Type"] == "text/css; charset=utf-8"
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["absent.js", "..%2Fcore.py", "%2e%2e%2fcore.py", "%00"])
def test_nothing_but_the_assets_is_read(client: TestClient, name: str) -> None:
    answer = client.get(f"/docs/assets/{name}")
    assert (answer.status_code, answer.json()["error"]) == (404, "NOT_FOUND")
