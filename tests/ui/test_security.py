import re
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.conftest import MakePage, Visitor
from tests.ui.fakes import FakeGateway
from tests.ui.shelf import make_item, make_job, make_run
from ui.security import safe_target

OPEN = {"/login", "/health", "/static/base.css"}
CLOSED = ["/", "/banner", "/tables/" + "0" * 32, "/runs/" + "0" * 32, "/models/ets/state", "/nothing"]
CLOSED += ["/jobs", "/jobs/job-1", "/jobs/job-1/progress", "/forecasts", "/forecasts/run-1"]
CLOSED += ["/forecasts/run-1/forecast.csv"]


def policy(header: str) -> dict[str, list[str]]:
    return {name: words for name, *words in (part.split() for part in header.split(";"))}


@pytest.mark.parametrize("address", ["/", "/login", "/health", "/static/base.css", "/nothing"])
def test_every_answer_has_strict_headers(visitor: Visitor, address: str) -> None:
    headers = visitor.get(address).headers

    found = policy(headers["Content-Security-Policy"])
    assert found["default-src"] == ["'none'"]
    assert found["script-src"] == found["connect-src"] == found["form-action"] == ["'self'"]
    # The sum of nothing: of style elements, an empty one is let through.
    assert found["style-src"] == ["'self'", "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"]
    assert found["frame-ancestors"] == found["base-uri"] == ["'none'"]
    assert "unsafe-eval" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert (headers["Cache-Control"] == "no-store") is (not address.startswith("/static/"))


def test_refusals_have_strict_headers_too(visitor: Visitor, gateway: FakeGateway) -> None:
    gateway.down = True

    for answer in (visitor.client.post("/tables"), visitor.get("/tables/" + "0" * 32)):
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


def test_no_page_has_a_script_or_a_style_of_its_own(visitor: Visitor, gateway: FakeGateway) -> None:
    table = visitor.bring()
    gateway.shelf.jobs, gateway.shelf.runs = [make_job()], [make_run(make_item("A"))]
    kept = ("/jobs", "/jobs/job-1", "/forecasts", "/forecasts/run-1")
    for address in ("/", "/login", "/nothing", table, *kept):
        text = visitor.get(address).text
        assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
        assert re.findall(r"<style|\son[a-z]+=|\sstyle=|javascript:", text) == []
        assert {urlsplit(link).netloc for link in re.findall(r'(?:src|href)="([^"]+)"', text)} == {""}


def test_the_session_is_kept_from_scripts_and_other_sites(make_page: MakePage) -> None:
    (cookie,) = make_page().test_client().get("/login").headers.getlist("Set-Cookie")
    assert cookie.startswith("sapheneia=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie

    (cookie,) = make_page(secure_cookies=True).test_client().get("/login").headers.getlist("Set-Cookie")
    assert "Secure" in cookie


def test_every_change_needs_the_token_of_the_session(page: Flask, visitor: Visitor) -> None:
    table = visitor.bring()
    stranger = Visitor(page)
    stranger.get("/")
    changes = [str(rule) for rule in page.url_map.iter_rules() if "POST" in (rule.methods or ())]
    assert len(changes) == 8

    for rule in changes:
        address = re.sub(r"<table_id>", table.rpartition("/")[2], rule)
        address = re.sub(r"<\w+>", "ets", address)
        for data in ({}, {"csrf_token": stranger.token}, {"csrf_token": "x"}):
            answer = visitor.client.post(address, data=data)
            assert answer.status_code == 403, address
            assert "This form has expired" in answer.text


def test_with_a_password_nothing_answers_before_it_is_given(make_page: MakePage) -> None:
    visitor = Visitor(make_page(password="open sesame"))

    for address in OPEN:
        assert visitor.get(address).status_code == 200, address
    for address in CLOSED:
        answer = visitor.get(address)
        assert answer.status_code == 302, address
        assert answer.location.startswith("/login?next=")
        assert visitor.get(address, headers={"HX-Request": "true"}).status_code == 401
    visitor.get("/login")
    assert visitor.post("/tables", text="a,b").status_code == 401
    assert visitor.post("/models/ets/load").status_code == 401


def test_the_right_password_leads_to_where_one_wanted_to_go(make_page: MakePage) -> None:
    visitor = Visitor(make_page(password="open sesame"))
    asked = visitor.get("/?a=b").location
    assert asked == "/login?next=/?a%3Db"
    assert 'name="next" value="/?a=b"' in visitor.get(asked).text

    wrong = visitor.post("/login", password="open barley", next="/")
    assert wrong.status_code == 401
    assert "This is not the password." in wrong.text
    assert visitor.get("/").status_code == 302

    right = visitor.post("/login", password="open sesame", next="/?a=b")
    assert (right.status_code, right.location) == (302, "/?a=b")
    assert visitor.get("/").status_code == 200


def test_passwords_cannot_be_guessed_one_after_the_other(make_page: MakePage) -> None:
    app = make_page(password="open sesame")
    visitor = Visitor(app)
    visitor.get("/login")
    assert [visitor.post("/login", password=str(guess)).status_code for guess in range(5)] == [401] * 5

    told = visitor.post("/login", password="open sesame")
    assert told.status_code == 429
    assert 0 < int(told.headers["Retry-After"]) <= 60
    assert "Too many passwords were tried; try again in" in told.text
    assert visitor.get("/").status_code == 302


def test_those_who_are_in_stay_in_while_others_guess(make_page: MakePage) -> None:
    app = make_page(password="open sesame")
    visitor, guesser = Visitor(app), Visitor(app)
    visitor.get("/login")
    visitor.post("/login", password="open sesame")
    guesser.get("/login")
    for guess in range(7):
        guesser.post("/login", password=str(guess))

    assert visitor.get("/").status_code == 200


def test_a_session_ends_with_the_password_it_was_opened_with(make_page: MakePage) -> None:
    before, after = make_page(password="one"), make_page(password="two")
    visitor = Visitor(before)
    visitor.get("/login")
    visitor.post("/login", password="one", next="/")
    (cookie,) = [visitor.client.get_cookie("sapheneia")]
    assert cookie is not None

    later = Visitor(after)
    later.client.set_cookie("sapheneia", cookie.value)
    assert later.get("/").status_code == 302
    again = Visitor(before)
    again.client.set_cookie("sapheneia", cookie.value)
    assert again.get("/").status_code == 200


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "",
    ],
)
def test_the_password_leads_to_no_other_site(make_page: MakePage, target: str) -> None:
    visitor = Visitor(make_page(password="p"))
    visitor.get("/login")

    assert visitor.post("/login", password="p", next=target).location == "/"


@given(st.text(alphabet="/\\ \t\r\n\x00\x0b:@.?#aé", max_size=12))
def test_a_safe_target_is_always_of_this_page(target: str) -> None:
    # As browsers read it: without tabs and line ends, and with a backslash for a slash.
    plain = (
        re.sub(r"[\t\r\n]", "", safe_target(target)).replace("\\", "/").strip("".join(map(chr, range(33))))
    )

    assert urlsplit(urljoin("http://page/login", plain)).netloc == "page"


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "localhost:9", "[::1]:8080"])
def test_the_page_answers_under_the_names_of_this_host(visitor: Visitor, host: str) -> None:
    assert visitor.get("/login", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example:8080", "127.0.0.1.evil.example", "a b", "127.0.0.1@evil"])
@pytest.mark.parametrize("address", ["/", "/health", "/static/base.css", "/login"])
@pytest.mark.parametrize("password", [None, "p"])
def test_on_loopback_a_foreign_name_is_refused(
    make_page: MakePage, host: str, address: str, password: str | None, gateway: FakeGateway
) -> None:
    client = make_page(password=password).test_client()

    answer = client.get(address, headers={"Host": host})

    assert answer.status_code == 400
    assert "sapheneia" not in answer.text.lower()
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert gateway.asked == []
    assert client.post(address, headers={"Host": "evil.example"}).status_code == 400


def test_beyond_loopback_the_page_answers_under_any_name(make_page: MakePage) -> None:
    client = make_page(host="0.0.0.0", allow_open=True).test_client()

    assert client.get("/login", headers={"Host": "forecasts.example"}).status_code == 200


def test_the_secret_of_sessions_outlives_a_restart_and_is_its_owners_only(
    make_page: MakePage, tmp_path: Path
) -> None:
    first, second = make_page(), make_page()

    assert first.secret_key == second.secret_key == (tmp_path / "state/secret").read_text()
    assert len(str(first.secret_key)) >= 43
    assert (tmp_path / "state/secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["secret"]
    assert make_page(secret="given").secret_key == "given"
    assert make_page(state_dir=tmp_path / "other").secret_key != first.secret_key
