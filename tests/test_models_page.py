"""What docs/models.md says in prose; its tables are held to the models by tests/contract."""

import re
from collections.abc import Callable

import pytest

from forecast.core.adapter import Capabilities
from forecast.core.config import Settings
from forecast.models import get_available_models
from scripts.document import ROOT
from scripts.model_kinds import list_kinds

PAGE = " ".join((ROOT / "docs/models.md").read_text().split())
CHRONOS2 = {"chronos Chronos-2"}
ONLY: dict[str, tuple[Callable[[Capabilities], bool], set[str]]] = {
    "`chronos` with Chronos-2, the only one here that reads covariates whose future is unknown": (
        lambda can: can.covariates == "native" and can.past_covariates,
        CHRONOS2,
    ),
    "`chronos` with Chronos-2, which forecasts [several targets](api.md#several-targets) together": (
        lambda can: can.multivariate,
        CHRONOS2,
    ),
    "Chronos-Bolt checkpoints are faster and take no covariates": (
        lambda can: can.covariates == "none",
        {"chronos Chronos-Bolt", "chronos Chronos-T5"},
    ),
    "covariates through a [regression](api.md#in-context-regression) before or after the model": (
        lambda can: can.backcast,
        {"timesfm20", "timesfm25"},
    ),
}


@pytest.mark.parametrize("sentence", ONLY)
def test_what_the_page_says_of_some_models_holds_for_those_only(sentence: str) -> None:
    assert sentence in PAGE
    holds, of = ONLY[sentence]
    assert {one.name for one in list_kinds() if holds(one.can)} == of


def test_the_page_says_the_longest_context_that_there_is() -> None:
    (longest,) = re.findall(r"`timesfm25`, with contexts up to (\d+)", PAGE)
    known = {one.name: one.can.max_context for one in list_kinds()}
    assert known["timesfm25"] == int(longest) == max(length for length in known.values() if length)


def test_the_page_says_which_model_is_there_from_the_start() -> None:
    assert "`statsforecast`. It is loaded when the API starts" in PAGE
    assert Settings.model_fields["initialize_on_start"].default == ("statsforecast",)


def test_every_model_has_its_rows_and_its_use() -> None:
    tables, _, prose = PAGE.partition("## Which one")
    for model_id in get_available_models():
        assert f"[`{model_id}`](" in tables
        assert f"`{model_id}`" in prose.partition("## What each can do")[0]
