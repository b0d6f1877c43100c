from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecast.core.series.grid import grid
from forecast.history import spans
from forecast.history.flags import add_flags_between
from forecast.history.history import History
from forecast.history.spans import Spans

FLAGGED: dict[str, Any] = {"roles": {}, "missing": "zero", "freq": None, "timezone": None}


def lacking(items: dict[str, pd.DatetimeIndex], gone: list[int]) -> History:
    """Return the history of items without the rows in some places."""
    frames = [
        pd.DataFrame({"item_id": name, "timestamp": own, "value": 1.0, "is_weekend": 0.0}).drop(index=gone)
        for name, own in items.items()
    ]
    frame = pd.concat(frames, ignore_index=True).astype({"item_id": "category"})
    return History(frame, **FLAGGED, flags={"is_weekend": "is_weekend"})


@pytest.mark.parametrize("freq", ["B", "2W-MON", "ME", "D", "h"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_items_get_the_steps_that_they_lack_wherever_they_begin(freq: str, zone: str | None) -> None:
    whole = grid(pd.Timestamp("2024-02-26", tz=zone), pd.Timestamp("2026-03-01", tz=zone), freq)
    items = {f"item {number}": whole[number : number + 20] for number in range(5)}
    items["out of step"] = whole[3:23] + pd.Timedelta(30, unit="min")
    history = lacking(items, [4, 5, 11])

    frame = add_flags_between(history, freq, by_clock=True).frame

    for name, own in items.items():
        found = frame[frame["item_id"] == name]
        assert found["timestamp"].tolist() == own.tolist()
        assert np.flatnonzero(found["value"].isna()).tolist() == [4, 5, 11]


def test_a_calendar_is_made_once_for_items_that_begin_on_different_days(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Any] = []

    def counted(*stretch: Any, by_clock: bool) -> pd.DatetimeIndex:
        made.append(stretch)
        return grid(*stretch, by_clock=by_clock)

    monkeypatch.setattr(spans, "grid", counted)
    days = pd.bdate_range("2024-01-01", periods=300)
    items = [days[number : number + 100] for number in range(200)]
    shared = Spans.of("B", items, by_clock=False)

    steps = [shared.steps(own) for own in items]

    assert [len(found) for found in steps] == [100] * 200
    assert len(made) == 1


def test_an_item_that_a_calendar_does_not_fit_lacks_nothing() -> None:
    fine = pd.date_range("2024-01-01", periods=3, freq="s")
    coarse = pd.DatetimeIndex(["2024-01-01", "2025-01-01"])
    shared = Spans.of("s", [fine, coarse], by_clock=False)
    assert [len(shared.steps(own)) for own in (fine, coarse)] == [3, 0]
    assert len(Spans.of("s", [], by_clock=False).whole) == 0
