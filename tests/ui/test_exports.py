import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.exports import name_file, safe, write_answer, write_csv
from ui.forecasts import Forecast, read_answer

FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


def make(
    unique_id: str = "a", model: str = "ets", quantiles: dict[float, list[float]] | None = None
) -> Forecast:
    days, known = ["2025-01-01", "2025-02-01"], [7.0, None]
    return Forecast(model, unique_id, None, [], [], days, [-1.5, 2.0], quantiles or {}, known)


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_each_series_model_and_step_has_a_row() -> None:
    text = write_csv([[make(quantiles={0.1: [-2.0, 1.0], 0.9: [0.0, 3.0]})], [make(model="deep")]])

    assert read(text) == [
        ["unique_id", "model", "date", "forecast", "actual", "q0.1", "q0.9"],
        ["a", "ets", "2025-01-01", "-1.5", "7.0", "-2.0", "0.0"],
        ["a", "ets", "2025-02-01", "2.0", "", "1.0", "3.0"],
        ["a", "deep", "2025-01-01", "-1.5", "7.0", "", ""],
        ["a", "deep", "2025-02-01", "2.0", "", "", ""],
    ]


@given(st.text(max_size=20))
def test_no_text_begins_as_a_formula_and_none_is_lost(name: str) -> None:
    shown = read(write_csv([[make(unique_id=name)]]))[1][0]

    assert not shown.startswith(FORMULAS)
    assert shown in {name, f"'{name}"}


@given(st.sampled_from(FORMULAS), st.text(max_size=10))
def test_what_looks_like_a_formula_gets_an_apostrophe(sign: str, rest: str) -> None:
    assert safe(sign + rest) == f"'{sign}{rest}"


def test_a_name_does_not_fall_apart_where_semicolons_part_the_columns() -> None:
    line = write_csv([[make(unique_id='x;=HYPERLINK("http://evil")')]]).splitlines()[1]

    first = next(csv.reader([line], delimiter=";"))[0]
    assert first.startswith('x;=HYPERLINK("http://evil")')


@pytest.mark.parametrize("names", [["a"], ["a", "b"]])
def test_an_answer_that_is_written_is_read_as_it_was(names: list[str]) -> None:
    series = [make(name, quantiles={0.1: [-2.0, 1.0], 0.9: [0.0, 3.0]}) for name in names]

    assert read_answer("ets", write_answer(series)) == series


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("umsatz.csv", "umsatz-test"),
        ("Umsätze 2024 (neu).xlsx", "Umsatze_2024_neu-test"),
        ('a"b/../c;d\r\n.csv', "c_d-test"),
        ("売上.csv", "test"),
        ("HTTPS://example.org", "example-test"),
    ],
)
def test_a_file_is_named_after_its_table(table: str, name: str) -> None:
    assert name_file(table, "test") == name


@given(st.text())
def test_no_name_of_a_table_is_unsafe_as_that_of_a_file(table: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,90}", name_file(table, "forecast"))
