"""The table that is kept, read again as an inference reads it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.core.config import Settings
from forecast.core.data.table import Table
from forecast.core.errors import DataError
from forecast.core.principal import DEFAULT_CLIENT
from forecast.tables.schemas import CheckRequest
from forecast.tables.service import check_table
from tests.conftest import KEY
from tests.tables.checking import DAYS, NOW, check, read_kept

VALUES = [float(value) for value in range(30)]


def test_the_kept_table_is_plain_and_in_order(tmp_path: Path) -> None:
    columns = {
        "Datum": ["02.01.2024", "01.01.2024", "31.01.2024"][:2]
        + [f"{at:02d}.01.2024" for at in range(3, 31)],
        "y": [2.5, 1, *VALUES[2:]],
        "kind, or; so": ["a;b,c", 'say "x"', *["a|b\tc", "line\nbreak"] * 14],
    }
    answer = check(columns, tmp_path, data_definition={"y": "target", "kind, or; so": "dynamic_categorical"})
    assert answer.path is not None
    text = (tmp_path / answer.path.removeprefix("data/")).read_text()
    assert "2024-01-01" in text.splitlines()[1]
    (series,) = read_kept(answer, tmp_path).series
    assert series.target[:2].tolist() == [1, 2.5]
    (covariate,) = series.covariates
    assert covariate.past.tolist() == ['say "x"', "a;b,c", *["a|b\tc", "line\nbreak"] * 14]


@pytest.mark.parametrize(
    "dates",
    [
        [f"2024-01-01T{hour:02d}:00:00.5" for hour in range(24)],
        [f"2024-01-01T{hour:02d}:00:00+02:00" for hour in range(24)],
        [f"2024-03-{30 + at // 24}T{at % 24:02d}:00:00+0{1 + (at > 25)}:00" for at in range(26)],
        [f"{year}Q{quarter}" for year in range(2000, 2006) for quarter in range(1, 5)],
    ],
)
def test_dates_are_kept_as_exact_as_they_are(tmp_path: Path, dates: list[str]) -> None:
    answer = check({"ds": dates, "y": list(range(len(dates)))}, tmp_path)
    (series,) = read_kept(answer, tmp_path).series
    assert [answer.series[0].start, answer.series[0].end] == [
        answer.table.columns["ds"][0],
        answer.table.columns["ds"][-1],
    ]
    np.testing.assert_array_equal(series.target, np.arange(len(dates)))


@pytest.mark.parametrize(("freq", "steps"), [("D", 60), ("h", 60 * 24), ("6h", 240), ("MS", 12)])
def test_dates_in_a_zone_are_kept_over_the_change_of_its_clock(tmp_path: Path, freq: str, steps: int) -> None:
    stamps = pd.date_range("2024-03-01", periods=steps, freq=freq, tz="Europe/Berlin")
    table = Table(pd.DataFrame({"ds": stamps, "y": np.arange(steps)}))
    settings = Settings(api_secret_key=KEY, data_dir=tmp_path)
    request = CheckRequest(data={"y": []})
    answer = check_table(table, request, NOW, settings, DEFAULT_CLIENT)
    (series,) = read_kept(answer, tmp_path).series
    assert (answer.freq, len(series.index)) == (freq, steps)
    assert answer.series[0].missing_steps == 0


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("note", "one\rtwo", "characters that CSV cannot hold"),
        ("a\0note", "one", "characters that CSV cannot hold"),
        ("note", "\0", "Column 'note', row 1: '\0' has a NUL character"),
    ],
)
def test_a_text_that_csv_cannot_hold_is_refused(tmp_path: Path, name: str, text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        check({"date": DAYS, "y": VALUES, name: [text] * 30}, tmp_path)
    assert not (tmp_path / "uploads").exists()


def test_months_as_spreadsheets_show_them_are_kept_as_iso_dates(tmp_path: Path) -> None:
    months = [f"{name} 19" for name in ("Jan", "Feb", "Mrz", "Apr", "Mai", "Jun")]
    answer = check({"Monat": months, "y": [1, 2, 4, 3, 5, 2]}, tmp_path)
    assert answer.table.columns["Monat"][:3] == ["2019-01-01", "2019-02-01", "2019-03-01"]
    assert (answer.freq, answer.data_definition["Monat"]) == ("MS", "timestamp")
    assert read_kept(answer, tmp_path).series[0].target.tolist() == [1, 2, 4, 3, 5, 2]
