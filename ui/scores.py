"""How good forecasts were, beside actual values and beside guessing that nothing changes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import comb
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from ui.forecasts import Forecast, Value

Floats = NDArray[np.float64]
_SAME = 0.02
"""A difference in error that nobody should choose a model by."""
_NEAR = 0.1
"""How far a band may hold more or less than it promises and still be called good."""
_RARE = 0.025
_MANY = 500
"""Beyond so many values the normal distribution stands for the binomial one."""


@dataclass(frozen=True, slots=True)
class Score:
    """Errors over the steps whose actual value is known; None where one cannot be told.

    `mae` and `rmse` are in the target's unit, `smape` in percent (0 to 200), `mase` in multiples of the
    mean error of a seasonal naive forecast inside the context; `coverage` has for each share that an interval
    promises to hold the share of actual values that it held.
    """

    steps: int
    mae: float | None = None
    rmse: float | None = None
    smape: float | None = None
    mase: float | None = None
    coverage: Mapping[float, float] | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the score as JSON takes it."""
        return asdict(self) | {"coverage": [[share, held] for share, held in (self.coverage or {}).items()]}


def score(forecast: Forecast, actual: Sequence[Value], season: int) -> Score:
    """Return the score of one series' forecast; `actual` has one value, or None, for each of its steps."""
    truth = np.array(actual, dtype=np.float64)
    known = np.isfinite(truth)
    if not known.any():
        return Score(0)
    truth, guess = truth[known], np.array(forecast.point, dtype=np.float64)[known]
    error, size = np.abs(truth - guess), np.abs(truth) + np.abs(guess)
    scale = seasonal_error(forecast.history, season)
    coverage = {}
    for share, lower, upper in forecast.intervals:
        low, high = (np.array(side, dtype=np.float64)[known] for side in (lower, upper))
        coverage[share] = float(np.mean((low <= truth) & (truth <= high)))
    return Score(
        steps=int(known.sum()),
        mae=float(error.mean()),
        rmse=float(np.sqrt(np.mean(error**2))),
        smape=float(200 * np.mean(np.divide(error, size, out=np.zeros_like(error), where=size > 0))),
        mase=float(error.mean() / scale) if scale else None,
        coverage=coverage,
    )


def seasonal_error(context: Sequence[Value], season: int) -> float | None:
    """Return the mean error of "as one season ago" inside a context, or None where it is none or unknown."""
    values = np.array(context, dtype=np.float64)
    lag = season if 0 < season < len(values) else 1
    changes = np.abs(values[lag:] - values[:-lag]) if len(values) > lag else np.array([])
    changes = changes[np.isfinite(changes)]
    return float(changes.mean()) if len(changes) and changes.mean() > 0 else None


def average(scores: Sequence[Score]) -> Score:
    """Return the score of several series: the mean of theirs, each series counting the same.

    A figure that some series have not is the mean of the others.
    """
    counted = [one for one in scores if one.steps]
    shares = {share for one in counted for share in one.coverage or {}}
    return Score(
        steps=sum(one.steps for one in counted),
        mae=_mean([one.mae for one in counted]),
        rmse=_mean([one.rmse for one in counted]),
        smape=_mean([one.smape for one in counted]),
        mase=_mean([one.mase for one in counted]),
        coverage={
            share: float(np.mean([one.coverage[share] for one in counted if one.coverage]))
            for share in sorted(shares, reverse=True)
        },
    )


def rank(scores: Mapping[str, Score]) -> list[str]:
    """Return the models with a score, the one with the smallest error first: MASE, else the MAE."""
    scaled = all(one.mase is not None for one in scores.values() if one.steps)
    return sorted(
        (name for name, one in scores.items() if one.steps),
        key=lambda name: (scores[name].mase if scaled else scores[name].mae) or 0.0,
    )


def guess_of(season: int) -> str:
    """Return in words what the seasonal naive forecast does."""
    return "repeating the last season" if season > 1 else "repeating the last value"


def gain(model: Score, naive: Score) -> float | None:
    """Return the share of the naive forecast's error that a model saves, less than 0 where it errs more.

    None where there are no errors to compare, or the naive one is 0.
    """
    if model.mae is None or not naive.mae:
        return None
    own, other = (model.mase, naive.mase) if model.mase and naive.mase else (model.mae, naive.mae)
    return 1 - own / other


def is_better(model: Score, naive: Score) -> bool:
    """Return whether a model is better than the naive forecast by more than nobody should choose it by."""
    return (gain(model, naive) or 0.0) >= _SAME


def verdict(name: str, model: Score, naive: Score, season: int) -> str:
    """Return in a sentence whether a model is better than the seasonal naive forecast."""
    if model.mae is None or naive.mae is None:
        return "There are no actual values to judge by."
    guess, change = guess_of(season), gain(model, naive)
    if change is None:
        told = f"so was {name}" if model.mae == 0 else f"{name} was not"
        return f"{guess.capitalize()} was exact; {told}."
    if abs(change) < _SAME:
        return f"{name} was about as good as {guess}: the errors differ by less than {_SAME:.0%}."
    better = "smaller" if change > 0 else "larger"
    advice = "It is worth using." if change > 0 else f"{guess.capitalize()} is the better choice."
    told = f"The error of {name} was {abs(change):.0%} {better} than that of {guess}. {advice}"
    if (model.mae - naive.mae) * change > 0:
        told += " By MAE, in which large series count more, it is the other way round."
    return told


def judge_bands(model: Score) -> str | None:
    """Return in a sentence whether the widest interval held what it promises, None without one to judge."""
    if not model.coverage or model.mae == 0:
        return None
    share, held = next(iter(sorted(model.coverage.items(), reverse=True)))
    some = "the one actual value" if model.steps == 1 else f"the {model.steps} actual values"
    told = f"The {share:.0%} band held {held:.0%} of {some}"
    hits = round(held * model.steps)
    if _chance_of_at_most(hits, model.steps, share) < _RARE:
        return f"{told}: it is too narrow, so trust it less than it says."
    if _chance_of_at_most(model.steps - hits, model.steps, 1 - share) < _RARE:
        return f"{told}: it is wider than it had to be."
    if abs(held - share) > _NEAR:
        return f"{told}; of so few, that may be chance."
    return f"{told}, as it should."


def _chance_of_at_most(hits: int, steps: int, share: float) -> float:
    """Return how often so many values or fewer lie in a band that holds what it promises."""
    if steps > _MANY:
        spread = (share * (1 - share) * steps) ** 0.5
        return NormalDist(share * steps, spread).cdf(hits + 0.5)
    return sum(comb(steps, one) * share**one * (1 - share) ** (steps - one) for one in range(hits + 1))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
