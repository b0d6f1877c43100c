"""What takes long can be ended, and the gateway drops it then."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, expect

from tests.page.conftest import Service, until
from tests.page.visitor import Visitor

SERIES = 40
BATCH = 4


@pytest.fixture
def hold(folder: Path) -> Iterator[Path]:
    """The folder in which a file holds the slow model back; nothing holds it back afterwards."""
    (folder / "held").unlink(missing_ok=True)
    yield folder
    for name in ("hold-load", "hold-forecast"):
        (folder / name).unlink(missing_ok=True)


def metric(gateway: Service, name: str, labels: str = "") -> float:
    """Return a figure that the gateway has of the slow model; 0 before it has one."""
    lines = httpx.get(f"{gateway.url}/metrics", trust_env=False, timeout=60).text.splitlines()
    wanted = f'sapheneia_model_{name}{{model="fake"{labels}}} '
    return next((float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted)), 0.0)


def begin_load(visitor: Visitor, gateway: Service, hold: Path) -> Locator:
    """Load the slow model, which is held back, and return where the page tells its state."""
    visitor.take_sample("Airline passengers")
    state = visitor.tab.locator("#state-fake")
    expect(state.get_by_role("button")).to_be_visible()
    if metric(gateway, "ready"):
        visitor.button("Unload fake").click()
    (hold / "hold-load").touch()
    visitor.button("Load now: fake").click()
    expect(state).to_contain_text("Loading")
    expect(state.get_by_role("progressbar", name="Load of fake")).to_be_visible()
    until((hold / "held").exists)
    return state


def test_a_load_is_shown_and_cancelled(visitor: Visitor, gateway: Service, hold: Path) -> None:
    state = begin_load(visitor, gateway, hold)

    visitor.button("Cancel the load of fake").click()

    expect(state).to_contain_text("Not loaded")
    (hold / "hold-load").unlink()
    expect(state).to_contain_text("Not loaded")
    assert metric(gateway, "ready") == 0


def test_a_click_is_heard_though_the_state_is_told_again_meanwhile(
    visitor: Visitor, gateway: Service, hold: Path
) -> None:
    state = begin_load(visitor, gateway, hold)
    visitor.button("Cancel the load of fake").hover()
    visitor.tab.mouse.down()
    for _ in range(2):
        with visitor.tab.expect_event("requestfinished", lambda request: request.url.endswith("/fake/state")):
            pass

    visitor.tab.mouse.up()

    expect(state).to_contain_text("Not loaded")


def test_a_forecast_is_cancelled_and_its_work_dropped(visitor: Visitor, gateway: Service, hold: Path) -> None:
    rows = [f"{name},2024-01-{day:02},{day * name}" for name in range(1, SERIES + 1) for day in range(1, 15)]
    visitor.paste("\n".join(["shop,date,sales", *rows]))
    visitor.arrive()
    visitor.await_chart("#history")
    gone = "series_dropped_total", ',reason="caller_gone"'
    before = metric(gateway, *gone)
    (hold / "hold-forecast").touch()
    visitor.forecast(["Slow model"])
    expect(visitor.tab.locator(".steps .running")).to_be_visible()
    until((hold / "held").exists)
    running = metric(gateway, "series_running")
    assert 1 <= running <= BATCH
    expect(visitor.tab.get_by_role("progressbar", name="Steps done")).to_be_visible()

    visitor.button("Cancel").click()

    expect(visitor.tab.get_by_role("heading", name="The forecast was cancelled")).to_be_visible()
    # The page says so while it closes the connection, at which the gateway drops what waits.
    until(lambda: metric(gateway, "series_waiting") == 0)
    (hold / "hold-forecast").unlink()
    until(lambda: metric(gateway, *gone) - before == SERIES - running)
    assert metric(gateway, "series_waiting") == 0
