import json
import os
import re
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.errors import NotFoundError
from ui.store import Store

HOUR = 3600.0


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, lifetime_hours=2.0)


def age(folder: Path, hours: float) -> None:
    then = folder.stat().st_mtime - hours * HOUR
    os.utime(folder, (then, then))


def test_what_is_written_is_read(store: Store) -> None:
    made = store.make("tables")
    store.write("tables", made, "table", {"a": [1.5, None, "ü"]})

    assert store.read("tables", made, "table") == {"a": [1.5, None, "ü"]}
    assert store.has("tables", made, "table")
    assert not store.has("tables", made, "other")


def test_a_folder_is_unguessable_and_its_owners_only(store: Store, tmp_path: Path) -> None:
    made = {store.make("runs") for _ in range(3)}

    assert len(made) == 3
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in made)
    assert {stat.S_IMODE((tmp_path / "runs" / one).stat().st_mode) for one in made} == {0o700}


def test_a_write_leaves_nothing_but_the_file_and_a_failed_one_the_old_content(
    store: Store, tmp_path: Path
) -> None:
    made = store.make("runs")
    store.write("runs", made, "run", {"a": 1})
    with pytest.raises(TypeError):
        store.write("runs", made, "run", {"a": object()})

    assert [path.name for path in (tmp_path / "runs" / made).iterdir()] == ["run.json"]
    assert json.loads((tmp_path / "runs" / made / "run.json").read_text()) == {"a": 1}


@pytest.mark.parametrize("folder", ["0" * 32, "", "..", "../tables/" + "0" * 32, "0" * 31 + "/"])
def test_what_is_not_there_is_not_found(store: Store, folder: str) -> None:
    with pytest.raises(NotFoundError):
        store.read("tables", folder, "table")
    with pytest.raises(NotFoundError):
        store.write("tables", folder, "table", {})
    with pytest.raises(NotFoundError):
        store.remove("tables", folder)


@given(st.text())
def test_no_name_leads_out_of_the_store(name: str) -> None:
    with pytest.raises(NotFoundError):
        Store(Path("/"), 1.0).read("tables", name, "table")


def test_a_file_that_was_never_written_is_not_found(store: Store) -> None:
    with pytest.raises(NotFoundError):
        store.read("tables", store.make("tables"), "table")


def test_a_folder_expires_when_nothing_was_written_for_a_lifetime(store: Store, tmp_path: Path) -> None:
    old, kept, written = store.make("tables"), store.make("tables"), store.make("runs")
    age(tmp_path / "tables" / old, 2.1)
    age(tmp_path / "tables" / kept, 1.9)
    age(tmp_path / "runs" / written, 2.1)
    store.write("runs", written, "run", {})

    assert list(store.expired()) == [("tables", old)]
    store.remove("tables", old)
    assert list(store.expired()) == []


def test_what_is_no_folder_of_a_visitors_is_left_alone(store: Store, tmp_path: Path) -> None:
    (tmp_path / "tables/lost+found").mkdir(parents=True)
    age(tmp_path / "tables/lost+found", 9)

    assert list(store.expired()) == []
