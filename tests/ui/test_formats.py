import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.formats import article, cell, number, percent, plural, size, step


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (1, "1.000"),
        (-12.3456, "-12.35"),
        (123.456, "123.5"),
        (1234.5678, "1,235"),
        (1234567.8, "1,234,568"),
        (0.012345, "0.01235"),
        (0.00012344, "0.0001234"),
        (0.00001234, "1.234e-05"),
        (12_345_678_901, "1.235e+10"),
    ],
)
def test_a_number_has_four_significant_digits(value: float | None, text: str) -> None:
    assert number(value) == text


@given(st.floats(-1e300, 1e300))
def test_every_number_reads_as_what_it_is_to_a_thousandth(value: float) -> None:
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=1e-3)


def test_a_share_is_whole_percent() -> None:
    assert (percent(None), percent(0.8), percent(1.0), percent(0.126)) == ("–", "80%", "100%", "13%")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0 B"),
        (999.7, "1 kB"),
        (1500, "1.5 kB"),
        (430_000_000, "430 MB"),
        (2_300_000_000, "2.3 GB"),
        (5e15, "5e+03 TB"),
    ],
)
def test_bytes_are_written_in_the_unit_that_fits(value: float | None, text: str) -> None:
    assert size(value) == text


def test_a_count_agrees_with_its_word() -> None:
    assert [plural(count, "row") for count in (0, 1, 2, 1000)] == ["0 rows", "1 row", "2 rows", "1,000 rows"]
    assert plural(1, "series") == "1 series"
    assert plural(2, "series") == "2 series"


@pytest.mark.parametrize(
    ("freq", "word"),
    [("D", "day"), ("W-SUN", "week"), ("MS", "month"), ("QE-DEC", "quarter"), ("YS", "year"), ("h", "hour")],
)
def test_a_frequency_has_a_word_for_its_step(freq: str, word: str) -> None:
    assert step(freq) == word


@pytest.mark.parametrize("freq", ["15min", "2D", None])
def test_a_frequency_without_a_word_has_steps(freq: str | None) -> None:
    assert step(freq) == "step"


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (147.0, "147"), (9.59076113897809, "9.590761139"), ("<b>", "<b>")]
)
def test_a_cell_is_written_as_it_came(value: object, text: str) -> None:
    assert cell(value) == text


def test_an_hour_has_another_article_than_a_day() -> None:
    assert [article(step(freq)) for freq in ("h", "D", "15min")] == ["an hour", "a day", "a step"]
