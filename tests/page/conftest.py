"""A real gateway, a real page and a real browser, started once for all tests of this folder."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.conftest import KEY, ROOT
from tests.page.visitor import Visitor
from tests.ports import free_port

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE_SECONDS = 90


@dataclass
class Service:
    """A process that answers on a port of this host; `stop` and `start` it as often as needed."""

    command: list[str]
    port: int
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=os.environ | self.environment, stdout=out, stderr=out
            )
        until(self.answers)

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            return httpx.get(f"{self.url}/health", trust_env=False).is_success
        except httpx.TransportError:
            return False  # it does not listen yet

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(PATIENCE_SECONDS)
            self.process = None


def until(true: Callable[[], bool]) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it did not become true"
        threading.Event().wait(0.05)


def make_gateway(folder: Path, *, bare: bool = False) -> Service:
    port = free_port()
    environment = {
        "CHRONOS_LOCAL_DIR": str(folder),
        "CHRONOS_DEFAULT_LOCAL_MODEL_PATH": "tiny",
        "FAKE_BATCH_SIZE": "4",
        "ENV_FILE": "/nonexistent",
    }
    command = [
        sys.executable,
        "-m",
        "tests.page.gateway",
        str(port),
        str(folder),
        *(["bare"] if bare else []),
    ]
    return Service(command, port, environment, folder / "gateway.log")


def make_page(folder: Path, gateway: Service) -> Service:
    port = free_port()
    environment = {
        "API_SECRET_KEY": KEY,
        "UI_API_BASE_URL": gateway.url,
        "UI_PORT": str(port),
        "UI_STATE_DIR": str(folder / "state"),
        "ENV_FILE": "/nonexistent",
    }
    return Service([sys.executable, "-m", "ui"], port, environment, folder / "page.log")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI has no Chromium; .ci/run installs it")
        pytest.skip("there is no Chromium; install it to run these tests")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="package")
def gateway(browser: Browser, folder: Path) -> Iterator[Service]:
    service = make_gateway(folder)
    try:
        service.start()
        yield service
    finally:
        service.stop()


@pytest.fixture(scope="package")
def page(gateway: Service, folder: Path) -> Iterator[Service]:
    """The page, started by its own command."""
    service = make_page(folder, gateway)
    try:
        service.start()
        yield service
    finally:
        service.stop()


@pytest.fixture
def visitor(browser: Browser, page: Service) -> Iterator[Visitor]:
    """A visitor at the start; it is an error when a page fails or asks another host for anything."""
    visitor = Visitor(browser, page.url)
    visitor.go("/")
    yield visitor
    visitor.leave()


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where the screenshots go that are kept."""
    place = ROOT / "run/screenshots"
    place.mkdir(parents=True, exist_ok=True)
    return place
