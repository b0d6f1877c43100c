"""Checking a table as the route does, and reading it as an inference would."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from forecast.core.adapter import Capabilities
from forecast.core.config import Settings
from forecast.core.data.formats import parse_table
from forecast.core.data.table import Table
from forecast.core.parameters import Parameters
from forecast.core.principal import DEFAULT_CLIENT
from forecast.core.series.panel import Panel, build_panel
from forecast.tables.schemas import CheckedTable, CheckRequest, TableProblem
from forecast.tables.service import check_table, fetch
from tests.conftest import KEY

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAYS = [f"2024-01-{day:02d}" for day in range(1, 31)]
LIMIT = 1_000_000
# Far enough to look at all rows after the last target.
HORIZON = 100


def make_table(columns: Mapping[str, Any]) -> Table:
    return Table(pd.DataFrame(columns, dtype=object))


def check(columns: Mapping[str, Any], folder: Path | None = None, **request: Any) -> CheckedTable:
    """Check a table; it is kept only where a folder for it is given."""
    settings = Settings(api_secret_key=KEY, data_dir=folder or Path("/nonexistent"), max_upload_size=LIMIT)
    asked = CheckRequest(data=dict(columns), keep=folder is not None, **request)
    return check_table(make_table(columns), asked, NOW, settings, DEFAULT_CLIENT)


def check_file(content: bytes, folder: Path, name: str = "x.csv", **request: Any) -> CheckedTable:
    """Check a file as the route does; the folder is the data directory, where it is kept repaired."""
    settings = Settings(api_secret_key=KEY, data_dir=folder, max_upload_size=LIMIT)
    uploads = folder / "uploads"
    uploads.mkdir(exist_ok=True)
    (uploads / name).write_bytes(content)
    asked = CheckRequest(data_source_url_or_path=name, **request)
    return check_table(
        asyncio.run(fetch(asked, settings, DEFAULT_CLIENT)), asked, NOW, settings, DEFAULT_CLIENT
    )


def only(answer: CheckedTable) -> TableProblem:
    (problem,) = answer.problems
    return problem


def codes(answer: CheckedTable) -> list[str]:
    return [problem.code for problem in answer.problems]


def repaired(columns: dict[str, Any], name: str = "y", **repairs: str) -> list[Any]:
    """Return a column of a table as repairs leave it, which must be able to be forecast."""
    answer = check(columns, repairs=repairs)
    assert [one.code for one in answer.problems if one.blocking] == []
    return answer.table.columns[name]


def read_panel(table: Table, roles: Mapping[str, Any], freq: str | None) -> Panel:
    """Read a table as an inference with default parameters does."""
    parameters = Parameters(freq=freq)
    return build_panel(
        table, roles, parameters, horizon=HORIZON, context_len=None, limits=Capabilities(covariates="native")
    )


def read_kept(answer: CheckedTable, folder: Path) -> Panel:
    assert answer.path is not None
    content = (folder / answer.path.removeprefix("data/")).read_bytes()
    return read_panel(parse_table(content, "x.csv", LIMIT), answer.data_definition, answer.freq)
