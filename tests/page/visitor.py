"""A visitor of the page in a browser of their own, and what they do there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, Response, expect

PATIENCE_MS = 60_000
NOTE_COPIED = """button => new MutationObserver(() => {
  if (button.textContent === "Copied") button.dataset.noted = "";
}).observe(button, { childList: true })"""
expect.set_options(timeout=PATIENCE_MS)


class Visitor:
    """One tab with its own cookies.

    `refusals` are the statuses that a test expects beside success; `faults` is what went wrong in the tab,
    and what it asked of another host. `elsewhere` is an address of another host that the tab is to be kept
    from: `stops` is what it says of that, whenever it does.
    """

    def __init__(self, browser: Browser, address: str, **options: Any) -> None:
        self.address = address
        self.refusals: set[int] = set()
        self.faults: list[str] = []
        self.elsewhere: str | None = None
        self.stops: list[str] = []
        options.setdefault("viewport", {"width": 1280, "height": 900})
        self.context = browser.new_context(base_url=address, accept_downloads=True, **options)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
        self.tab: Page = self.context.new_page()
        self.tab.set_default_timeout(PATIENCE_MS)
        self.tab.on("console", self._hear)
        self.tab.on("pageerror", lambda error: self.faults.append(f"uncaught: {error}"))
        self.tab.on("request", self._watch)
        self.tab.on("response", self._check)

    def leave(self) -> None:
        """Close the tab; it is an error when anything went wrong in it."""
        self.context.close()
        assert not self.faults, self.faults

    def go(self, path: str) -> None:
        self.tab.goto(path)

    def button(self, name: str, *, exact: bool = True) -> Locator:
        return self.tab.get_by_role("button", name=name, exact=exact)

    def take_sample(self, name: str) -> None:
        """Choose a sample by the first words of its card."""
        self.button(name, exact=False).click()
        self.arrive()

    def arrive(self) -> None:
        """Wait for the page of a table, its scripts included."""
        self.tab.wait_for_url("**/tables/*")

    def paste(self, text: str) -> None:
        """Paste a table at the start and read it."""
        self.tab.evaluate("text => navigator.clipboard.writeText(text)", text)
        box = self.tab.get_by_label("Cells from a spreadsheet")
        box.press("Control+a")
        box.press("Control+v")
        self.button("Read what I pasted").click()

    def offer(self, name: str, content: bytes) -> None:
        """Choose a file at the start and read it."""
        kind = "application/octet-stream"
        self.tab.set_input_files("#file", {"name": name, "mimeType": kind, "buffer": content})
        self.button("Read the file").click()

    def choose(self, models: Sequence[str]) -> None:
        """Choose these models and no others, by their names."""
        for box in self.tab.locator("input[name=models]").all():
            box.set_checked(False)
        for name in models:
            self.tab.get_by_role("checkbox", name=name, exact=True).check()

    def forecast(self, models: Sequence[str], **fields: str) -> None:
        """Fill the form and send it."""
        self.choose(models)
        for name, value in fields.items():
            self.tab.locator(f"#{name}").fill(value)
        self.button("Forecast").click()

    def await_result(self) -> None:
        """Wait for the result and its chart."""
        self.tab.wait_for_url("**/runs/*")
        expect(self.tab.get_by_role("heading", name="Take it away")).to_be_visible()
        self.await_chart("#result")

    def await_chart(self, box: str) -> None:
        """Wait until a chart is drawn, with all that its script does after that."""
        expect(self.tab.locator(f"{box}:not([aria-busy]) .main-svg").first).to_be_visible()

    def point_at(self, box: str, text: str) -> None:
        """Move the pointer over a chart until it tells a text; one that is drawn anew forgets it."""
        while text not in (self.tab.locator(f"{box} .hoverlayer").text_content() or ""):
            self.tab.mouse.move(0, 0)
            self.tab.locator(f"{box} .nsewdrag").hover()
            self.tab.wait_for_timeout(1000)

    def figure(self, box: str = "#result") -> list[dict[str, Any]]:
        """Return the names and values of the lines that a chart was given."""
        read = "box => box.data.map(({name, x, y, visible}) => ({name, x, y, visible}))"
        found: list[dict[str, Any]] = self.tab.locator(box).evaluate(read)
        return found

    def download(self, trigger: Locator, place: Path) -> bytes:
        with self.tab.expect_download() as waiting:
            trigger.click()
        waiting.value.save_as(place)
        return place.read_bytes()

    def copy(self, button: Locator, clicks: int = 1) -> str:
        """Press a button that copies, and return what it has copied.

        It says so for two seconds, in which nobody may look; so what it says is noted on it.
        """
        button.evaluate(NOTE_COPIED)
        button.click(click_count=clicks)
        expect(self.tab.locator("[data-noted]")).to_have_count(1)
        return self.clipboard()

    def clipboard(self) -> str:
        return str(self.tab.evaluate("navigator.clipboard.readText()"))

    def _hear(self, message: ConsoleMessage) -> None:
        # A refused request has its own check, by its status.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self._tell(f"{message.type}: {message.text}")

    def _watch(self, request: Request) -> None:
        if request.url.startswith(("data:", "blob:")):
            return
        if urlsplit(request.url).netloc != urlsplit(self.address).netloc:
            self._tell(f"left the host: {request.url}")

    def _tell(self, fault: str) -> None:
        stopped = self.elsewhere is not None and self.elsewhere in fault
        (self.stops if stopped else self.faults).append(fault)

    def _check(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.refusals:
            self.faults.append(f"{response.status}: {response.url}")
