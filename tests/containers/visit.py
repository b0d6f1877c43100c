"""A visitor of the page without a browser: its own forms, with their tokens."""

import re

import httpx

from tests.containers.stack import until


def token_of(answer: httpx.Response) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', answer.text)
    assert found, answer.text
    return found[1]


def take_sample(page: httpx.Client, path: str = "data/samples/airline-passengers.csv") -> str:
    """Choose a sample at the start and return the address of its table."""
    token = token_of(page.get("/"))
    taken = page.post("/tables", data={"csrf_token": token, "sample": path})
    assert taken.status_code == 303, taken.text
    return taken.headers["location"]


def forecast_table(page: httpx.Client, table: str, model: str, horizon: int = 12) -> str:
    """Send the form of a table, wait for the result, and return its address."""
    token = token_of(page.get(table))
    form = {"csrf_token": token, "models": model, "horizon": str(horizon)}
    sent = page.post(f"{table}/runs", data=form)
    assert sent.status_code == 303, sent.text
    run = sent.headers["location"]
    until(lambda: "HX-Refresh" in page.get(f"{run}/progress").headers)
    return str(run)
