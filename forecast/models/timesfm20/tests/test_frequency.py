import pytest

from forecast.models.timesfm20.services.frequency import frequency_category


@pytest.mark.parametrize("alias", ["s", "15min", "h", "6h", "D", "2D", "B", "C", "bh"])
def test_anything_up_to_days_is_high(alias: str) -> None:
    assert frequency_category(alias) == 0


@pytest.mark.parametrize(
    "alias", ["W-SUN", "W-WED", "2W-MON", "7D", "168h", "MS", "ME", "BME", "BMS", "SME", "2MS"]
)
def test_weeks_and_months_are_medium(alias: str) -> None:
    assert frequency_category(alias) == 1


@pytest.mark.parametrize(
    "alias", ["QS-JAN", "QE-DEC", "QE-JAN", "BQE-FEB", "3MS", "YS-JAN", "YE-DEC", "YE-MAR", "12ME", "2YS-JAN"]
)
def test_quarters_and_years_are_low(alias: str) -> None:
    assert frequency_category(alias) == 2
