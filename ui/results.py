"""What a run found: the layers of each series, their scores, and who is best on the holdout."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from ui.baseline import NAME as BASELINE
from ui.baseline import seasonal_naive
from ui.forecasts import Forecast, Value, begin_of, moment, read_answer
from ui.runs import Runs
from ui.scores import Score, average, guess_of, is_better, judge_bands, rank, score, verdict
from ui.steps import Kind, Run
from ui.tables import Table

_METHODS_NAMED = 3
Layers = dict[str, dict[str, Forecast]]


@dataclass(frozen=True, slots=True)
class Ranked:
    """One line of a score card: a model's score, what that means, and the methods the model chose."""

    model: str
    score: Score
    verdict: str | None
    bands: str | None
    methods: str = ""


def read_layers(runs: Runs, run: Run, kind: Kind) -> Layers:
    """Return the forecasts of a run by the model's name and series, with the table's actual values.

    The seasonal naive forecast is the last model; there is none where no other has a forecast.
    """
    done = run.done(kind)
    known = known_values(run.table)
    answers = [read_answer(run.name_of(model), runs.answer(run.id, model, kind)) for model in done]
    begins = _find_begins(answers, run.choices.context_start)
    layers: Layers = {
        run.name_of(model): {one.unique_id: _beside(one, known, begins[one.unique_id]) for one in found}
        for model, found in zip(done, answers, strict=True)
    }
    if done:
        layers[BASELINE] = {
            name: seasonal_naive(one, run.table.season) for name, one in layers[run.name_of(done[0])].items()
        }
    return layers


def known_values(table: Table) -> dict[str, dict[float, tuple[str, Value]]]:
    """Return the dates and target values of each series by the moment they belong to."""
    return {
        name: {moment(day): (day, value) for day, value in zip(days, values, strict=True)}
        for name, (days, values) in table.series().items()
    }


def _find_begins(answers: Sequence[Sequence[Forecast]], start: str | None) -> dict[str, float]:
    """Return where the history of each series begins: where the visitor said, or with the table.

    Of a start that only the gateway makes sense of, it is as far back as any of the models looked.
    """
    begins: dict[str, float] = {}
    for one in (one for found in answers for one in found):
        asked = begin_of(start, one.dates[0]) if start else -inf
        begin = moment(one.dates[0]) if asked is None else asked
        begins[one.unique_id] = min(begin, begins.get(one.unique_id, inf))
    return begins


def _beside(one: Forecast, known: Mapping[str, Mapping[float, tuple[str, Value]]], begin: float) -> Forecast:
    """Return a forecast with what the table has before and after its cutoff.

    The history is all that the visitor asked for, however little of it the model looked at: so all models
    share one, and the seasonal naive forecast and the scale of the MASE too.
    """
    own = known.get(one.unique_id) or (next(iter(known.values())) if len(known) == 1 else {})
    cutoff = moment(one.dates[-1])
    before = [own[place] for place in sorted(own) if begin <= place <= cutoff]
    return replace(
        one,
        dates=[day for day, _ in before] or one.dates,
        history=[value for _, value in before] or one.history,
        actual=[own.get(moment(day), ("", None))[1] for day in one.future],
    )


def tested_days(holdout: Layers) -> list[tuple[str, str]]:
    """Return the first and the last date of what each series was tested on, each pair once."""
    series = next(iter(holdout.values()), {}).values()
    return sorted({(one.future[0], one.future[-1]) for one in series})


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
            None if model == BASELINE else verdict(model, scores[model], scores[BASELINE], season),
            judge_bands(scores[model]),
            "" if model == BASELINE else _name_methods(layers[model], series),
        )
        for model in rank(scores)
    ]


def _name_methods(found: Mapping[str, Forecast], series: Sequence[str] | None) -> str:
    """Return the methods of a model for some series, or for all, the most frequent first."""
    methods = Counter(
        one.method for name, one in found.items() if one.method and (series is None or name in series)
    )
    first = [method for method, _ in methods.most_common(_METHODS_NAMED)]
    rest = len(methods) - len(first)
    return ", ".join(first) + (f" and {rest} more" if rest else "")


def summary(card: Sequence[Ranked], season: int) -> str | None:
    """Return which model to take, in a sentence; None where there is nothing to judge by."""
    if not card:
        return None
    best, guess = card[0], guess_of(season)
    if best.model == BASELINE:
        return f"No model was better than {guess}. Use that, or try other models."
    naive = next(line.score for line in card if line.model == BASELINE)
    if not is_better(best.score, naive):
        return f"No model was clearly better than {guess}. {best.verdict}"
    return f"{best.model} was best. {best.verdict}"
