from pathlib import Path

import pytest

from tests.ui.fakes import MONTHLY, MONTHS, VALUES, Columns, FakeGateway, make_problem, make_report, refuse
from ui.background import Background
from ui.errors import GatewayError, NotFoundError
from ui.store import Store
from ui.tables import Table, Tables, request_body

SOURCE = {"data_source_url_or_path": "data/uploads/x-0123456789ab.csv"}


@pytest.fixture
def tables(gateway: FakeGateway, tmp_path: Path) -> Tables:
    return Tables(Store(tmp_path, 1.0), gateway.client())


def test_a_new_table_is_guessed_and_not_kept_by_the_gateway_yet(
    tables: Tables, gateway: FakeGateway, background: Background
) -> None:
    table = background.wait(tables.add("me", "x.csv", SOURCE, upload="data/uploads/x-0123456789ab.csv"))

    assert gateway.bodies("POST /api/v1/tables") == [{**SOURCE, "keep": False}]
    assert tables.find("me", table.id) == table
    assert (table.name, table.upload, table.season) == ("x.csv", SOURCE["data_source_url_or_path"], 12)
    assert table.roles == {"month": "timestamp", "sales": "target"}
    assert (table.column("target"), table.column("id")) == ("sales", None)
    assert table.series() == {"series_0": (list(MONTHS), list(VALUES))}


def test_decisions_are_sent_and_kept(tables: Tables, gateway: FakeGateway, background: Background) -> None:
    table = background.wait(tables.add("me", "x.csv", SOURCE))

    changed = background.wait(tables.change(table, {"sales": "target"}, "MS", {"gaps": "ffill"}))

    sent = {**SOURCE, "data_definition": {"sales": "target"}, "freq": "MS", "repairs": {"gaps": "ffill"}}
    assert gateway.bodies("POST /api/v1/tables")[-1] == {**sent, "keep": False}
    assert request_body(tables.find("me", table.id)) == sent
    assert changed.id == table.id


def test_a_file_of_which_nothing_can_be_made_is_not_left_behind(
    tables: Tables, gateway: FakeGateway, background: Background
) -> None:
    path = SOURCE["data_source_url_or_path"]
    gateway.uploads[path] = b""
    gateway.refusals["POST /api/v1/tables"] = [refuse(400, "DATA_INVALID", "It has no rows.")]

    with pytest.raises(GatewayError, match="It has no rows."):
        background.wait(tables.add("me", "x.csv", SOURCE, upload=path))

    assert gateway.uploads == {}


def test_a_table_is_shown_to_nobody_but_its_owner(tables: Tables, background: Background) -> None:
    table = background.wait(tables.add("me", "x.csv", SOURCE))

    with pytest.raises(NotFoundError):
        tables.find("you", table.id)
    with pytest.raises(NotFoundError):
        tables.find("me", "0" * 32)


def test_series_are_told_apart_by_their_id() -> None:
    columns: Columns = {
        "day": ["d1", "d2", "d1"],
        "shop": ["a", "a", "b"],
        "y": [1.0, None, 3.0],
    }
    report = make_report(columns, {"day": "timestamp", "shop": "id", "y": "target"})
    table = Table("", "me", "x", {}, report=report, columns=columns)

    assert table.series() == {"a": (["d1", "d2"], [1.0, None]), "b": (["d1"], [3.0])}
    assert table.series_ids() == ["a", "b"]


@pytest.mark.parametrize("roles", [{"sales": "target"}, {"month": "timestamp"}, {}])
def test_without_dates_or_a_target_there_is_no_series(roles: dict[str, str]) -> None:
    columns = MONTHLY["table"]["columns"]

    assert Table("", "me", "x", {}, report={"data_definition": roles}, columns=columns).series() == {}


def test_only_what_blocks_stands_in_the_way() -> None:
    problems = [make_problem("constant", blocking=False), make_problem("gaps")]
    table = Table("", "me", "x", {}, report={**MONTHLY, "problems": problems, "season_length": None})

    assert [problem["code"] for problem in table.blocking] == ["gaps"]
    assert table.season == 1


@pytest.mark.parametrize(
    ("role", "future_steps", "usual"),
    [("dynamic_numerical", 8, 8), ("dynamic_categorical", 0, 10), ("static_numerical", 8, 10)],
)
def test_the_steps_proposed_are_those_for_which_covariates_are_known(
    tables: Tables, gateway: FakeGateway, background: Background, role: str, future_steps: int, usual: int
) -> None:
    columns: Columns = {"month": MONTHS, "price": VALUES, "sales": VALUES}
    roles = {"month": "timestamp", "price": role, "sales": "target"}
    gateway.report = {**make_report(columns, roles, future_steps=future_steps), "season_length": 10}

    table = background.wait(tables.add("me", "x.csv", SOURCE))

    assert table.usual_horizon == usual


def test_of_a_short_series_fewer_steps_are_proposed_than_a_season(
    tables: Tables, background: Background
) -> None:
    assert background.wait(tables.add("me", "x.csv", SOURCE)).usual_horizon == 4
