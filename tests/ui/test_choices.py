from typing import Any

import pytest
from werkzeug.datastructures import MultiDict

from tests.ui.fakes import MONTHLY, MONTHS, VALUES, Columns, make_report
from ui.choices import Choices, check_test, read_choices, read_definition, read_repairs
from ui.errors import RequestError
from ui.tables import Table

TABLE = Table("0" * 32, "me", "x.csv", {}, report=MONTHLY)
GOOD = [("models", "ets"), ("horizon", "3")]


def form(*fields: tuple[str, str]) -> MultiDict[str, str]:
    return MultiDict([*GOOD, *fields])


def test_a_form_is_read() -> None:
    found = read_choices(
        form(
            ("models", "deep"),
            ("models", "ets"),
            ("intervals", "50"),
            ("intervals", "80"),
            ("context_start", "2024-01-01"),
            ("context_end", ""),
            ("use_covariates", "true"),
            ("calendar", "month"),
            ("country", "DE"),
            ("holdout", "true"),
            ("csrf_token", "x"),
        )
    )

    assert found == Choices(
        models=["ets", "deep"],
        horizon=3,
        context_start="2024-01-01",
        intervals=[50, 80],
        use_covariates=True,
        calendar=["month"],
        country="DE",
        holdout=True,
    )


def test_the_parameters_are_those_of_an_inference() -> None:
    chosen = Choices(
        models=["ets"], horizon=3, intervals=[50, 95], calendar=["month"], country="DE", context_end="2024-06"
    )

    assert chosen.parameters("MS") == {
        "horizon_len": 3,
        "quantile_levels": [0.025, 0.25, 0.5, 0.75, 0.975],
        "use_covariates": True,
        "add_calendar": ["month", "holidays:DE"],
        "context_end_date": "2024-06",
        "freq": "MS",
    }


def test_what_was_not_chosen_is_not_sent() -> None:
    assert Choices(models=["ets"], horizon=1).parameters(None) == {
        "horizon_len": 1,
        "quantile_levels": [0.5],
        "use_covariates": False,
    }


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ([("horizon", "3")], "models", "Choose at least one model."),
        (
            [("models", "ets"), ("horizon", "")],
            "horizon",
            "The horizon is a number of steps from 1 to 10000.",
        ),
        (
            [("models", "ets"), ("horizon", "0")],
            "horizon",
            "The horizon is a number of steps from 1 to 10000.",
        ),
        ([("models", "ets")], "horizon", "The horizon is a number of steps from 1 to 10000."),
        (
            [*GOOD, ("intervals", "100")],
            "intervals",
            "An interval is a whole number of percent between 1 and 99.",
        ),
        *(
            ([*GOOD, ("country", wrong)], "country", "A country is its ISO code, such as DE or US-NY.")
            for wrong in ("Germany", "D", "DE-", "DE BY", "holidays:DE", "DE\n-BY")
        ),
        (
            [*GOOD, ("context_start", "2024-03-01"), ("context_end", "2024-02-01")],
            "context_end",
            "The context begins after it ends.",
        ),
    ],
)
def test_each_mistake_is_a_sentence_at_its_field(
    fields: list[tuple[str, str]], field: str, sentence: str
) -> None:
    with pytest.raises(RequestError) as told:
        read_choices(MultiDict(fields))

    assert told.value.detail == sentence
    assert [(fault.column, fault.message) for fault in told.value.faults] == [(field, sentence)]


@pytest.mark.parametrize(
    ("given", "code"), [("DE", "DE"), (" de ", "DE"), ("us-ny", "US-NY"), ("GB-ENG", "GB-ENG"), ("", None)]
)
def test_a_country_is_an_iso_code_however_it_is_typed(given: str, code: str | None) -> None:
    assert read_choices(form(("country", given))).country == code


def test_a_horizon_that_leaves_nothing_to_test_is_told_at_its_field() -> None:
    columns: Columns = {
        "day": list(MONTHS) * 2,
        "shop": ["a"] * 12 + ["b"] * 12,
        "sales": [*VALUES, *VALUES[:3], *[None] * 9],
    }
    report = make_report(columns, {"day": "timestamp", "shop": "id", "sales": "target"})
    table = Table("0" * 32, "me", "x.csv", {}, report=report, columns=columns)
    told = (
        "To test 12 steps, series of more than 12 rows are needed; the longest has 12."
        " Choose fewer steps, or leave out the test."
    )

    with pytest.raises(RequestError) as error:
        check_test(Choices(models=["ets"], horizon=12, holdout=True), table)

    assert [(fault.column, fault.message) for fault in error.value.faults] == [("horizon", told)]
    check_test(Choices(models=["ets"], horizon=11, holdout=True), table)
    check_test(Choices(models=["ets"], horizon=12), table)


def test_dates_that_only_the_gateway_reads_are_left_to_it() -> None:
    found = read_choices(form(("context_start", "2024Q1"), ("context_end", "1.6.2024")))

    assert (found.context_start, found.context_end) == ("2024Q1", "1.6.2024")


def test_roles_are_read_by_the_place_of_their_column() -> None:
    found = read_definition(MultiDict([("role-0", "timestamp"), ("role-1", "target")]), TABLE)
    assert found == {"month": "timestamp", "sales": "target"}

    assert read_definition(MultiDict([("role-0", ""), ("role-1", "target")]), TABLE) == {"sales": "target"}


@pytest.mark.parametrize(
    ("roles", "told"),
    [
        (("", ""), (None, "Choose the column to forecast.")),
        (("target", "target"), ("sales", "Only one column can be the target.")),
        (("wizard", "target"), ("month", "This is no role.")),
    ],
)
def test_roles_that_make_no_sense_are_told_at_their_column(roles: Any, told: tuple[str | None, str]) -> None:
    with pytest.raises(RequestError) as error:
        read_definition(MultiDict([("role-0", roles[0]), ("role-1", roles[1])]), TABLE)

    assert [(fault.column, fault.message) for fault in error.value.faults] == [told]


def test_a_repair_is_what_was_decided_wherever_the_form_asks_for_it() -> None:
    fields = [("repair-gaps", ""), ("repair-gaps", "ffill"), ("repair-empty_id", ""), ("freq", "D")]

    assert read_repairs(MultiDict(fields)) == {"gaps": "ffill"}
