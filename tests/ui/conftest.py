import asyncio
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.ui.fakes import MONTHS, VALUES, Columns, FakeGateway, make_report
from ui.app import create_app
from ui.background import Background
from ui.context import KEY, Context
from ui.settings import Settings

MakePage = Callable[..., Flask]
CHECK = "POST /api/v1/tables"
HOSTILE = "=cmd|' /C calc'!A0<b>"


class Visitor:
    """Somebody with a browser: the cookies of one session, and the token of its forms."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()
        self.token = ""

    def get(self, address: str, **more: Any) -> TestResponse:
        """Open a page, and remember the token of its forms."""
        answer = self.client.get(address, buffered=True, **more)
        found = re.search(r'name="csrf_token" value="([^"]+)"', answer.text)
        self.token = found[1] if found else self.token
        return answer

    def post(self, address: str, **fields: Any) -> TestResponse:
        """Send a form with its token."""
        if not self.token:
            self.get("/")
        return self.client.post(address, data={"csrf_token": self.token, **fields})

    def post_htmx(self, address: str, **fields: Any) -> TestResponse:
        """Send a form as htmx does."""
        headers = {"HX-Request": "true", "X-CSRFToken": self.token}
        return self.client.post(address, data=fields, headers=headers)

    def bring(self, **fields: Any) -> str:
        """Bring a table and return the address of its page."""
        answer = self.post("/tables", **(fields or {"sample": "data/samples/airline-passengers.csv"}))
        assert answer.status_code == 303, answer.text
        return answer.location

    def forecast(self, table: str, **fields: Any) -> str:
        """Ask for a forecast of a table and return the address of the run."""
        answer = self.post(f"{table}/runs", **({"models": ["ets"], "horizon": "3"} | fields))
        assert answer.status_code == 303, answer.text
        return answer.location


def upload(content: bytes, name: str = "sales.csv") -> dict[str, Any]:
    """Return the field of a form that sends a file."""
    return {"file": (io.BytesIO(content), name)}


async def _rest() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)


def rows_of(text: str) -> list[str]:
    """Return the words of each row of a page's table, apart by blanks."""
    rows = re.findall(r"(?s)<tr>.*?</tr>", text)
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)) for row in rows]


def finish(background: Background) -> None:
    """Return when all that goes on behind the page has ended."""
    background.wait(_rest())


def done(visitor: Visitor, shared: Context, **fields: Any) -> str:
    """Forecast a table to the end and return the address of the run."""
    address = visitor.forecast(visitor.bring(), **fields)
    finish(shared.background)
    return address


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.execution._POLL_SECONDS", 0.0)


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def background(gateway: FakeGateway) -> Iterator[Background]:
    background = Background()
    yield background
    background.close(_rest())


@pytest.fixture
def make_page(gateway: FakeGateway, tmp_path: Path) -> Iterator[MakePage]:
    made: list[Flask] = []

    def make(**changes: Any) -> Flask:
        given: dict[str, Any] = {"api_key": "the-key", "state_dir": tmp_path / "state"}
        made.append(create_app(Settings(**(given | changes)), gateway.client()))
        return made[-1]

    yield make
    for app in made:
        app.extensions[KEY].close()


@pytest.fixture
def page(make_page: MakePage) -> Flask:
    return make_page()


@pytest.fixture
def shared(page: Flask) -> Context:
    found: Context = page.extensions[KEY]
    return found


@pytest.fixture
def visitor(page: Flask) -> Visitor:
    return Visitor(page)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that calls made because the gateway asked for them; none takes any time."""
    made: list[float] = []

    async def pause(seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr("ui.api_client.sleep", pause)
    return made


@pytest.fixture
def many(gateway: FakeGateway) -> list[str]:
    """Forty-five series, one of them with a hostile name."""
    names = [f"shop {number:02d}" for number in range(44)] + [HOSTILE]
    columns: Columns = {
        "month": list(MONTHS) * 45,
        "shop": [name for name in names for _ in MONTHS],
        "sales": list(VALUES) * 45,
    }
    gateway.report = make_report(columns, {"month": "timestamp", "shop": "id", "sales": "target"})
    return names
