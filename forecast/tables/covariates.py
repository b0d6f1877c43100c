"""Covariates that no forecast can use as they are."""

import numpy as np
import pandas as pd

from forecast.tables.problems import Problems, quote, say
from forecast.tables.sheet import Sheet, find_spans, is_empty_cell


def check_covariates(sheet: Sheet, problems: Problems) -> None:
    """Tell static covariates that vary within a series, and covariates that have no value in one."""
    for name, role in sheet.meaning.covariates.items():
        if role.startswith("static"):
            _check_static(sheet, name, problems)
        _check_values(sheet, name, problems, within=role.startswith("dynamic"))


def _check_static(sheet: Sheet, name: str, problems: Problems) -> None:
    values = sheet.columns[name]
    codes = pd.factorize(values)[0]
    differing = np.zeros(len(codes), dtype=bool)
    for span in find_spans(sheet):
        own = codes[span.start : span.stop]
        filled = own[own >= 0]
        if len(filled):
            differing[span.start : span.stop] = (own >= 0) & (own != filled[0])
    if differing.any():
        at = int(np.flatnonzero(differing)[0])
        problems.meet(
            "static_varies",
            f"Column '{name}', row {sheet.rows[at]}: {quote(values[at])} differs from the value before it in"
            f" series '{sheet.ids[at]}', and a static covariate has one value for a series; make it dynamic.",
            column=name,
            rows=sheet.rows[differing],
        )


def _check_values(sheet: Sheet, name: str, problems: Problems, *, within: bool) -> None:
    empty = is_empty_cell(sheet.columns[name])
    lacking = [
        span
        for span in find_spans(sheet)
        if span.known and empty[span.window if within else slice(span.start, span.stop)].all()
    ]
    if lacking:
        problems.meet(
            "no_values",
            f"Column '{name}' has no value in {say(len(lacking), 'series', 'series')}, such as"
            f" '{lacking[0].name}'; leave the column out.",
            column=name,
            rows=sheet.rows[[span.start for span in lacking]],
            count=len(lacking),
        )
