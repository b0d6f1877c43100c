import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.fakes import AHEAD, MONTHS, VALUES, make_answer
from ui.forecasts import begin_of, moment, read_answer

ASKED = {"horizon_len": 2, "quantile_levels": [0.1, 0.5, 0.9]}


def test_the_answer_for_one_series_is_read() -> None:
    (one,) = read_answer("ets", make_answer(ASKED, method="ets"))

    assert (one.model, one.unique_id, one.method) == ("ets", "series_0", "ets")
    assert (list(one.dates), list(one.history)) == (list(MONTHS), list(VALUES))
    assert (list(one.future), list(one.point)) == (list(AHEAD[:2]), [18.0, 18.0])
    assert one.quantiles == {0.1: [14.0, 14.0], 0.5: [18.0, 18.0], 0.9: [22.0, 22.0]}
    assert list(one.actual) == [None, None]


def test_each_of_several_series_is_read_in_the_answers_order() -> None:
    answer = make_answer(ASKED, ids=["b", "a"])
    answer["prediction"]["point_forecast"] = [[1.0, 2.0], [3.0, 4.0]]
    answer["visualization_data"]["actual_future"] = [[], [5.0, None]]

    first, second = read_answer("ets", answer)

    assert (first.unique_id, first.point, first.actual) == ("b", [1.0, 2.0], [None, None])
    assert (second.unique_id, second.point, second.actual) == ("a", [3.0, 4.0], [5.0, None])
    assert list(second.dates) == list(MONTHS)


def test_levels_are_put_in_order_and_the_mean_left_out() -> None:
    answer = make_answer({"horizon_len": 1, "quantile_levels": [0.9, 0.1]})
    answer["prediction"]["quantile_levels"] = [None, 0.9, 0.1]
    answer["prediction"]["quantile_forecast"] = [[[5.0, 9.0, 1.0]]]

    (one,) = read_answer("ets", answer)

    assert list(one.quantiles.items()) == [(0.1, [1.0]), (0.9, [9.0])]


def test_an_answer_without_quantiles_has_none() -> None:
    answer = make_answer(ASKED)
    answer["prediction"] |= {"quantile_levels": None, "quantile_forecast": None}

    (one,) = read_answer("ets", answer)

    assert one.quantiles == {}
    assert one.intervals == []


def test_intervals_are_central_and_the_widest_is_first() -> None:
    levels = [0.025, 0.1, 0.3, 0.5, 0.9, 0.975]
    (one,) = read_answer("ets", make_answer({"horizon_len": 1, "quantile_levels": levels}))

    assert [share for share, _, _ in one.intervals] == [0.95, 0.8]
    assert one.intervals[1] == (0.8, one.quantiles[0.1], one.quantiles[0.9])


@given(st.lists(st.integers(1, 49), min_size=1, max_size=5, unique=True))
def test_every_pair_of_levels_around_the_median_is_an_interval(shares: list[int]) -> None:
    levels = sorted({level for share in shares for level in (share / 100, 1 - share / 100)})
    (one,) = read_answer("ets", make_answer({"horizon_len": 1, "quantile_levels": levels}))

    found = [share for share, _, _ in one.intervals]
    assert found == sorted(found, reverse=True)
    assert found == pytest.approx(sorted((1 - share / 50 for share in shares), reverse=True))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2024-01-01", "2024-01-01T00:00:00"),
        ("2024-01-01T00:00:00", "2024-01-01 00:00"),
        ("2024-01-01T01:00:00+01:00", "2024-01-01T00:00:00+00:00"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00+00:00"),
    ],
)
def test_two_spellings_of_a_moment_are_the_same(one: str, other: str) -> None:
    assert moment(one) == moment(other)


def test_a_moment_is_counted_in_seconds() -> None:
    assert moment("1970-01-02") == 86_400.0
    assert moment("2024-01-01T00:00:01") - moment("2024-01-01") == 1.0
    assert moment("1970-01-01T00:00:00+02:00") == -7200.0


@pytest.mark.parametrize(
    ("text", "like", "begin"),
    [
        ("2024", "2023-01-01", "2024-01-01"),
        ("2024-03", "2023-01-01", "2024-03-01"),
        ("2024Q3", "2023-01-01", "2024-07-01"),
        (" 31.12.2024 ", "2023-01-01", "2024-12-31"),
        ("2024-10-25", "2024-10-01T00:00:00-05:00", "2024-10-25T00:00:00-05:00"),
        ("2024-10-25T00:00+02:00", "2024-10-01T00:00:00-05:00", "2024-10-24T22:00:00+00:00"),
    ],
)
def test_a_start_is_read_as_the_gateway_does_in_the_zone_of_the_table(
    text: str, like: str, begin: str
) -> None:
    assert begin_of(text, like) == moment(begin)


def test_a_start_that_only_the_gateway_makes_sense_of_is_none() -> None:
    assert begin_of("3/14/2024", "2024-01-01") is None
