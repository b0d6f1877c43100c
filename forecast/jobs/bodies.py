"""The bodies that hand over a job: that of a forecast by name, or that of an inference."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, RootModel, model_validator

from forecast.core.parameters import Roles, TableRequest
from forecast.core.principal import Principal
from forecast.core.schemas import Body
from forecast.runs.schemas import ForecastRequest
from forecast.runs.work import Ask


class Webhook(Body):
    """Whom to tell when a job has ended."""

    url: str = Field(min_length=1, max_length=2000, description="Where the end of the job is posted to.")
    secret: str = Field(min_length=1, max_length=500, description="What the message is signed with.")


class ForecastJob(ForecastRequest):
    """The body of `/forecast`: which items of the history to forecast, and how."""

    webhook: Webhook | None = Field(None, description="Whom to tell when the job has ended.")


class InferenceJob(TableRequest):
    """The body of `/inference` with the model beside: a table, and how to forecast it."""

    model: Annotated[str, Field(min_length=1, max_length=255)] = Field(description="The model.")
    data_definition: Roles = Field(description="The role of each column used.")
    parameters: dict[str, Any] = Field({}, description="How to forecast, as in `/inference`.")
    webhook: Webhook | None = Field(None, description="Whom to tell when the job has ended.")


class JobBody(RootModel[ForecastJob | InferenceJob]):
    """Either of the two, told apart by `data_definition`, which only an inference has."""

    @model_validator(mode="wrap")
    @classmethod
    def _tell_apart(cls, value: Any, _: Any) -> "JobBody":
        is_inference = isinstance(value, Mapping) and "data_definition" in value
        return cls.model_construct((InferenceJob if is_inference else ForecastJob).model_validate(value))


def read_ask(body: ForecastJob | InferenceJob, caller: Principal, default_model: str) -> Ask:
    """Return what a caller asks for."""
    if isinstance(body, InferenceJob):
        given = body.model_fields_set - {"webhook", "model"} | {"parameters"}
        asked = {name: getattr(body, name) for name in sorted(given)}
        return Ask("inference", caller.client_id, caller.name, body.model, asked)
    model = body.model or default_model
    asked = body.model_dump(mode="json", exclude={"webhook"}) | {"model": model}
    return Ask("forecast", caller.client_id, caller.name, model, asked)
