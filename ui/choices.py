"""What a visitor asks for in the forms: checked before the gateway is."""

from datetime import date
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from werkzeug.datastructures import MultiDict

from ui.errors import Fault, RequestError
from ui.formats import plural
from ui.tables import Table

INTERVALS = (50, 80, 90, 95, 98)
"""The central intervals that the form offers, in percent."""

COUNTRY = r"^[A-Za-z]{2}(-[A-Za-z0-9]{1,4})?$"
"""What the code of a country looks like, or of a part of one, as ISO 3166 writes it."""

ROLES = {
    "target": "Target (forecast this)",
    "timestamp": "Date",
    "id": "Series id",
    "dynamic_numerical": "Covariate, numbers",
    "dynamic_categorical": "Covariate, categories",
    "static_numerical": "Constant of a series, number",
    "static_categorical": "Constant of a series, category",
}
"""What a column may be, in words."""

_SINGULAR = {"target": "target", "timestamp": "date", "id": "id"}
_TOLD = {
    "models": "Choose at least one model.",
    "horizon": "The horizon is a number of steps from 1 to 10000.",
    "intervals": "An interval is a whole number of percent between 1 and 99.",
    "country": "A country is its ISO code, such as DE or US-NY.",
}

_Text = Annotated[str | None, BeforeValidator(lambda value: value or None)]
_Country = Annotated[
    Annotated[str, Field(pattern=COUNTRY)] | None,
    BeforeValidator(lambda value: str(value or "").strip().upper() or None),
]
_Models = Annotated[list[str], AfterValidator(lambda names: list(dict.fromkeys(names)))]


class Choices(BaseModel):
    """What is to be forecast, by which models."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    models: _Models = Field(min_length=1)
    horizon: int = Field(ge=1, le=10_000)
    context_start: _Text = None
    context_end: _Text = None
    intervals: list[Annotated[int, Field(gt=0, lt=100)]] = Field(default_factory=list)
    use_covariates: bool = False
    calendar: list[str] = Field(default_factory=list)
    country: _Country = None
    holdout: bool = False

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        start, end = _read_date(self.context_start), _read_date(self.context_end)
        if start and end and start > end:
            raise ValueError("the context begins after it ends")
        return self

    @property
    def levels(self) -> list[float]:
        """The quantile levels of the intervals, and the median."""
        sides = {round(0.5 + sign * share / 200, 6) for share in self.intervals for sign in (-1, 1)}
        return sorted({0.5, *sides})

    def parameters(self, freq: str | None) -> dict[str, Any]:
        """Return the parameters of the gateway's inference."""
        made = [*self.calendar, *([f"holidays:{self.country}"] if self.country else [])]
        asked: dict[str, Any] = {
            "horizon_len": self.horizon,
            "quantile_levels": self.levels,
            "use_covariates": self.use_covariates or bool(made),
            "add_calendar": made or None,
            "context_start_date": self.context_start,
            "context_end_date": self.context_end,
            "freq": freq,
        }
        return {name: value for name, value in asked.items() if value is not None}


def read_choices(form: MultiDict[str, str]) -> Choices:
    """Return what a form chose; raise RequestError naming each field that makes no sense."""
    several = {"models", "intervals", "calendar"}
    given: dict[str, Any] = {
        name: form.getlist(name) if name in several else form[name]
        for name in Choices.model_fields
        if name in form
    }
    try:
        return Choices.model_validate(given)
    except ValidationError as error:
        faults = [_fault(each) for each in error.errors()]
        raise RequestError(faults[0].message, faults=faults) from error


def check_test(choices: Choices, table: Table) -> None:
    """Raise RequestError where the models are to be tested and no series has anything to test them on."""
    longest = table.longest
    if choices.holdout and longest is not None and longest <= choices.horizon:
        steps, rows = plural(choices.horizon, "step"), plural(choices.horizon, "row")
        told = (
            f"To test {steps}, series of more than {rows} are needed; the longest has {longest:,}."
            " Choose fewer steps, or leave out the test."
        )
        raise RequestError(told, faults=[Fault(told, column="horizon")])


def _fault(error: Any) -> Fault:
    field = str(error["loc"][0]) if error["loc"] else "context_end"
    return Fault(
        _TOLD.get(field, f"{error['msg'].removeprefix('Value error, ').capitalize()}."), column=field
    )


def read_definition(form: MultiDict[str, str], table: Table) -> dict[str, str]:
    """Return the roles that a form gives to the columns; raise RequestError naming those at fault."""
    known = [column["name"] for column in table.report["columns"]]
    roles = {name: form[f"role-{number}"] for number, name in enumerate(known) if form.get(f"role-{number}")}
    faults = []
    for role in ("target", "timestamp", "id"):
        names = [name for name, given in roles.items() if given == role]
        if len(names) > 1:
            faults.append(Fault(f"Only one column can be the {_SINGULAR[role]}.", column=names[1]))
    if "target" not in roles.values():
        faults.append(Fault("Choose the column to forecast."))
    unknown = [name for name, role in roles.items() if role not in ROLES]
    faults += [Fault("This is no role.", column=name) for name in unknown]
    if faults:
        raise RequestError(faults[0].message, faults=faults)
    return roles


def read_repairs(form: MultiDict[str, str]) -> dict[str, str]:
    """Return what a form decides to do about each kind of problem."""
    return {
        name.removeprefix("repair-"): value
        for name, value in form.items(multi=True)
        if name.startswith("repair-") and value
    }


def _read_date(text: str | None) -> date | None:
    """Return the day of an ISO date or time; None for what the gateway has to make sense of."""
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None
