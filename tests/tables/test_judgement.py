import pandas as pd
import pytest

from tests.tables.checking import DAYS, check, codes

VALUES = list(range(30))


@pytest.mark.parametrize(("count", "told"), [(13, ["too_short"]), (14, [])])
def test_less_than_two_seasons_is_told_and_blocks_nothing(count: int, told: list[str]) -> None:
    answer = check({"date": DAYS[:count], "y": VALUES[:count]})
    assert codes(answer) == told
    assert not any(one.blocking for one in answer.problems)


def test_a_constant_target_is_told_and_blocks_nothing() -> None:
    (problem,) = check({"date": DAYS, "y": [5] * 30}).problems
    assert (problem.code, problem.blocking, problem.repairs) == ("constant", False, [])


def stamps(last: str, freq: str) -> list[str]:
    return [stamp.isoformat() for stamp in pd.date_range(end=last, periods=30, freq=freq)]


def months(last: str) -> list[str]:
    return stamps(last, "MS")


SALES = [100 + at % 12 for at in range(29)]


@pytest.mark.parametrize(
    ("dates", "last", "told"),
    [
        (months("2026-11-01"), 70, True),  # the month of the check
        (months("2026-11-01"), 80, False),
        (months("2026-10-01"), 70, False),
        (months("2026-10-01"), 30, True),
        (months("2026-10-01"), 45, False),
        (stamps("2026-11-30", "ME"), 70, True),
        (stamps("2026-11-21", "D"), 70, True),
        (stamps("2026-11-20", "D"), 5, False),
        (stamps("2026-11-21T11:00", "h"), 5, False),
    ],
)
def test_a_last_period_that_looks_unfinished_is_told_and_blocks_nothing(
    dates: list[str], last: int, told: bool
) -> None:
    found = [
        one for one in check({"date": dates, "y": [*SALES, last]}).problems if one.code == "incomplete_last"
    ]
    assert bool(found) == told
    if told:
        assert (found[0].rows, found[0].blocking, found[0].repairs) == ([30], False, ["drop"])


def test_what_is_low_at_times_anyway_is_not_called_unfinished() -> None:
    values = [*SALES[:20], 0, *SALES[21:], 0]
    assert codes(check({"date": months("2026-11-01"), "y": values})) == []


def test_an_unfinished_last_period_is_dropped_where_that_is_asked() -> None:
    columns = {"date": months("2026-11-01"), "y": [*SALES, 5]}
    answer = check(columns, repairs={"incomplete_last": "drop"})
    assert answer.problems == []
    assert (answer.series[0].end, len(answer.table.columns["y"])) == ("2026-10-01", 29)


def test_a_dropped_last_period_keeps_what_is_known_of_its_covariates() -> None:
    columns = {"date": months("2026-11-01"), "y": [*SALES, 5], "price": [1, 2] * 15}
    answer = check(columns, repairs={"incomplete_last": "drop"})
    assert (answer.table.columns["y"][-1], answer.table.columns["price"][-1]) == (None, 2)
    assert answer.series[0].future_steps == 1
