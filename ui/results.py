"""What a run found: the layers of each series, their scores, and who is best on the holdout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ui.baseline import NAME as BASELINE
from ui.baseline import seasonal_naive
from ui.forecasts import Forecast, Value, moment, read_answer
from ui.runs import Runs
from ui.scores import Score, average, judge_bands, rank, score, verdict
from ui.steps import Kind, Run
from ui.tables import Table

Layers = dict[str, dict[str, Forecast]]


@dataclass(frozen=True, slots=True)
class Ranked:
    """One line of a score card: a model's score, and what that means."""

    model: str
    score: Score
    verdict: str | None
    bands: str | None


def read_layers(runs: Runs, run: Run, kind: Kind) -> Layers:
    """Return the forecasts of a run by model and series, with the actual values of the table beside them.

    The seasonal naive forecast is the last model; there is none where no other has a forecast.
    """
    done = run.done(kind)
    known = known_values(run.table)
    layers: Layers = {}
    for model in done:
        found = read_answer(model, runs.answer(run.id, model, kind))
        layers[model] = {one.unique_id: _with_actual(one, known) for one in found}
    if done:
        layers[BASELINE] = {
            name: seasonal_naive(one, run.table.season) for name, one in layers[done[0]].items()
        }
    return layers


def known_values(table: Table) -> dict[str, dict[float, Value]]:
    """Return the target of each series by the moment it belongs to."""
    return {
        name: {moment(day): value for day, value in zip(days, values, strict=True)}
        for name, (days, values) in table.series().items()
    }


def _with_actual(one: Forecast, known: Mapping[str, Mapping[float, Value]]) -> Forecast:
    own = known.get(one.unique_id) or (next(iter(known.values())) if len(known) == 1 else {})
    return replace(one, actual=[own.get(moment(day)) for day in one.future])


def score_layers(layers: Layers, season: int, series: Sequence[str] | None = None) -> list[Ranked]:
    """Return the score card of some series, or of all, the best model first; empty without actual values."""
    scores = {
        model: average(
            [
                score(one, one.actual, season)
                for name, one in found.items()
                if series is None or name in series
            ]
        )
        for model, found in layers.items()
    }
    return [
        Ranked(
            model,
            scores[model],
            None if model == BASELINE else verdict(model, scores[model], scores[BASELINE]),
            judge_bands(scores[model]),
        )
        for model in rank(scores)
    ]


def summary(card: Sequence[Ranked]) -> str | None:
    """Return which model to take, in a sentence; None where there is nothing to judge by."""
    if not card:
        return None
    best = card[0]
    if best.model == BASELINE:
        return "No model was better than repeating the last season. Use that, or try other models."
    return f"{best.model} was best. {best.verdict}"
