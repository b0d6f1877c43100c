"""The last known targets, held back."""

import pytest

from tests.tables.checking import DAYS, check

VALUES = [float(value) for value in range(30)]


def test_a_holdout_empties_the_last_known_targets_and_nothing_else() -> None:
    columns = {
        "date": [*DAYS, *DAYS[:20]],
        "shop": ["a"] * 30 + ["b"] * 20,
        "y": [*VALUES[:28], None, None, *VALUES[:20]],
        "price": [1, 2] * 25,
    }
    answer = check(columns, holdout=5)
    assert answer.table.columns["y"] == [*VALUES[:23], *[None] * 7, *VALUES[:15], *[None] * 5]
    assert answer.table.columns["price"] == [1, 2] * 25
    assert [(one.end, one.future_steps) for one in answer.series] == [("2024-01-23", 7), ("2024-01-15", 5)]


@pytest.mark.parametrize(
    ("repair", "filled"), [("interpolate", [12, 12]), ("ffill", [12, 12]), ("zero", [0, 0])]
)
def test_a_gap_across_the_cut_tells_nothing_of_what_is_held_back(repair: str, filled: list[float]) -> None:
    values = [10, 14, None, 12, *range(13, 23), 12, None, None, None, 24, 25]
    columns = {"date": DAYS[: len(values)], "y": values}

    told = check(columns, holdout=3, repairs={"gaps": repair}).table.columns["y"]

    assert told[14:] == [12, *filled, None, None, None]
    assert told[:4] == [10, 14, {"interpolate": 13, "ffill": 14, "zero": 0}[repair], 12]


def test_a_holdout_that_leaves_a_series_nothing_is_told() -> None:
    columns = {"date": [*DAYS, *DAYS[:20]], "shop": ["a"] * 30 + ["b"] * 20, "y": [*VALUES, *VALUES[:20]]}
    (problem,) = check(columns, holdout=20).problems
    assert (problem.code, problem.blocking, problem.rows) == ("no_values", True, [31])
    assert "1 series has no more than 20 targets: 'b'." in problem.message
    kept = check(columns, holdout=20, repairs={"no_values": "drop_series"})
    assert [one.unique_id for one in kept.series] == ["a"]
