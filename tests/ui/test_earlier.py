import re
from pathlib import Path

import pytest
from flask import Flask

from tests.ui.conftest import Visitor, finish
from ui.context import Context
from ui.earlier import Note, find_earlier, leave_note
from ui.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, 1.0)


def test_the_start_lists_what_a_visitor_brought_and_made_with_a_link_each(
    page: Flask, visitor: Visitor, shared: Context
) -> None:
    assert "What you brought and made before" not in visitor.get("/").text
    table = visitor.bring()
    run = visitor.forecast(table)
    finish(shared.background)

    text = visitor.get("/").text

    links = re.findall(r'<li><a href="([^"]+)">([^<]+)</a>', text)
    assert links == [
        (run, "airline-passengers.csv: 3 months ahead"),
        (table, "airline-passengers.csv"),
    ]
    assert all(visitor.get(address).status_code == 200 for address, _ in links)
    assert "What you brought and made before" not in Visitor(page).get("/").text


def test_the_ten_newest_of_a_visitors_are_found(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("ui.earlier.time.time", lambda: now[0])
    for now[0] in range(1, 13):
        leave_note(store, "tables", store.make("tables"), "me", f"table {now[0]}")
        leave_note(store, "tables", store.make("tables"), "you", "another's")

    found = find_earlier(store, "me")

    assert [note.title for _, _, note in found] == [f"table {number}" for number in range(12, 2, -1)]


def test_a_folder_that_is_removed_is_not_found(store: Store) -> None:
    folder = store.make("runs")
    leave_note(store, "runs", folder, "me", "x.csv: 3 days ahead")
    assert [(kind, one) for kind, one, _ in find_earlier(store, "me")] == [("runs", folder)]

    store.remove("runs", folder)

    assert find_earlier(store, "me") == []


def test_a_note_tells_its_minute() -> None:
    assert Note("me", "x.csv", 1732194245.0).day == "2024-11-21 13:04 UTC"
