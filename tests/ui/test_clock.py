from datetime import UTC, datetime

import pytest

from ui.clock import ago, between, lasting, left, when

NOW = datetime(2025, 1, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (-1.0, "0.0 s"),
        (0.04, "0.0 s"),
        (9.96, "10.0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (250.0, "4 min 10 s"),
        (3600.0, "1 h 0 min"),
        (90_000.0, "1 d 1 h"),
    ],
)
def test_a_time_that_something_takes_has_its_largest_two_units(seconds: float | None, words: str) -> None:
    assert lasting(seconds) == words


def test_times_are_told_in_utc_whatever_their_offset() -> None:
    assert when("2025-01-01T10:00:05.5+02:00") == "2025-01-01 08:00:05 UTC"
    assert when("2025-01-01T10:00:05") == "2025-01-01 10:00:05 UTC"
    assert when(None) == "–"


def test_how_far_a_time_is_away_has_one_unit() -> None:
    assert ago("2025-01-02T11:59:55Z", NOW) == "5 s ago"
    assert ago("2025-01-02T09:30:00Z", NOW) == "2 h ago"
    assert ago("2024-12-03T12:00:01Z", NOW) == "29 d ago"
    assert ago("2024-12-03T12:00:00Z", NOW) == "2024-12-03"
    assert ago("2025-01-02T12:00:09Z", NOW) == "a moment ago"
    assert left("2025-01-04T13:00:00Z", NOW) == "2 d"
    assert left("2025-01-02T11:00:00Z", NOW) == "a moment"


def test_between_two_times_are_seconds_and_nothing_where_one_is_missing() -> None:
    assert between("2025-01-01T10:00:05Z", "2025-01-01T12:04:15+02:00") == 250.0
    assert between(None, "2025-01-01T10:00:05Z") is None
