"""What all bodies share, and those that load a model and tell its state."""

import difflib
import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from forecast.core.adapter import Backend, Precision
from forecast.core.cells import MOST_ERRORS
from forecast.core.data.text import is_unicode
from forecast.core.progress import Phase

_LONGEST_PATH, _LONGEST_NAME = 1000, 255
LONGEST = 1_000_000
"""The most time steps that a context or a horizon may be asked to have."""


def nearest(word: str, known: list[str]) -> str:
    """Return a clause that offers the known word nearest to `word`, or lists them all."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(sorted(known))}"


def printable(text: str) -> str:
    """Return text with what cannot be written as UTF-8, half a surrogate pair, escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


class Body(BaseModel):
    """A request body: types are taken literally and unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_fields(cls, value: Any) -> Any:
        unknown = [name for name in value if name not in cls.model_fields] if isinstance(value, dict) else []
        if unknown:
            hints = [
                f"'{printable(name)}' ({nearest(name, list(cls.model_fields))})"
                for name in unknown[:MOST_ERRORS]
            ]
            raise PydanticCustomError("unknown_field", "Unknown field {fields}", {"fields": ", ".join(hints)})
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_broken_text(cls, value: Any) -> Any:
        if isinstance(value, str) and not is_unicode(value):
            raise PydanticCustomError("unicode", "The text is not valid Unicode")
        return value


def _read_path(value: str) -> str:
    if (
        not value.isprintable()
        or len(value) > _LONGEST_PATH
        or max(map(len, value.split("/"))) > _LONGEST_NAME
    ):
        raise PydanticCustomError("path", "Input should be a path of printable characters")
    return value


def _read_revision(value: str) -> str:
    # The Hub's client looks it up as a path in its cache.
    if value.startswith("/") or ".." in value.split("/"):
        raise PydanticCustomError("revision", "Input should be a branch, tag or commit")
    return _read_path(value)


def _read_version(value: int | str) -> str:
    if not re.fullmatch(r"[1-9]\d{0,8}", str(value), re.ASCII):
        raise PydanticCustomError("version", "Input should be a number from 1")
    return str(value)


class InitializationRequest(Body):
    """How to load a model; what is left out comes from the model's settings."""

    backend: Backend | None = Field(None, description="Where the model runs.")
    precision: Precision | None = Field(
        None, description="What the weights are computed in; less than float32 is faster and less exact."
    )
    context_len: int | None = Field(
        None, ge=1, le=LONGEST, description="Time steps of history used when a request names none."
    )
    horizon_len: int | None = Field(
        None, ge=1, le=LONGEST, description="Time steps forecast when a request names none."
    )
    checkpoint: str | None = Field(None, description="Hub repository, such as `amazon/chronos-2`.")
    revision: Annotated[str, AfterValidator(_read_revision)] | None = Field(
        None, description="Branch, tag or commit of the repository."
    )
    local_model_path: Annotated[str, AfterValidator(_read_path)] | None = Field(
        None, description="Folder or file in the model's `local/` to load instead of the Hub."
    )
    mlflow_model_name: str | None = Field(
        None, min_length=1, description="Registered model of the MLflow server to load instead."
    )
    mlflow_model_version: Annotated[int | str, AfterValidator(_read_version)] | None = Field(
        None, description="Its version; the latest when no alias and no stage is given either."
    )
    mlflow_model_alias: str | None = Field(
        None, min_length=1, description="Alias of the version, as `champion`."
    )
    mlflow_model_stage: str | None = Field(
        None, min_length=1, description="Stage whose latest version is meant, as `Production`."
    )
    source_type: Literal["hf", "local", "mlflow"] | None = Field(
        None, description="Where the weights come from; found from the fields given, else `hf`."
    )
    force: bool = Field(False, description="Load what seems not to fit into the memory that is free.")
    accept_licence: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="ID of the checkpoint's licence, to accept one that forbids commercial use.",
    )
    wait: bool = Field(True, description="Answer when loaded (true), or 202 at once and load behind (false).")

    @property
    def names_weights(self) -> bool:
        """Whether the request says which weights to load."""
        own = {
            "checkpoint",
            "revision",
            "local_model_path",
            "mlflow_model_name",
            "source_type",
            "accept_licence",
        }
        return bool(self.model_dump(include=own, exclude_none=True))

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        names = {"hf": "checkpoint", "local": "local_model_path", "mlflow": "mlflow_model_name"}
        given = [(source, name) for source, name in names.items() if getattr(self, name) is not None]
        if len(given) > 1:
            told = " and ".join(name for _, name in given)
            raise PydanticCustomError("source", "{names} exclude each other", {"names": told})
        if self.source_type is not None and given and given[0][0] != self.source_type:
            told = f"{given[0][1]} needs source_type '{given[0][0]}'"
            raise PydanticCustomError("source", "{told}", {"told": told})
        if self.source_type in ("local", "mlflow") and not given:
            told = f"source_type '{self.source_type}' needs {names[self.source_type]}"
            raise PydanticCustomError("source", "{told}", {"told": told})
        if self.revision is not None and given and given[0][0] != "hf":
            raise PydanticCustomError("source", "revision is one of a Hub repository")
        return self

    @model_validator(mode="after")
    def _names_one_version(self) -> Self:
        choices = ("mlflow_model_version", "mlflow_model_alias", "mlflow_model_stage")
        given = [name for name in choices if getattr(self, name) is not None]
        if len(given) > 1:
            told = " and ".join(given)
            raise PydanticCustomError("version", "{names} exclude each other", {"names": told})
        if given and self.mlflow_model_name is None:
            raise PydanticCustomError("version", "{name} needs mlflow_model_name", {"name": given[0]})
        return self


class ModelInfo(BaseModel):
    """What a loaded model was loaded with."""

    backend: Backend
    precision: Precision
    context_len: int | None
    horizon_len: int
    source: str
    checkpoint: str | None
    revision: str | None
    accepted_licence: str | None


class InitializationResponse(BaseModel):
    """The model's state after an initialization."""

    message: str
    model_status: str
    model_info: ModelInfo


class Progress(BaseModel):
    """How far a load is; bytes are those to be downloaded, where the server tells their number."""

    phase: Phase
    bytes_done: int | None
    bytes_total: int | None
    percent: float | None


class WeightsInfo(BaseModel):
    """The weights of a loaded model: their number, the bytes they take, where they are, and which."""

    parameters: int
    memory_bytes: int
    device: str
    precision: Precision
    fingerprint: str


class StatusResponse(BaseModel):
    """The model's state, how far it is while it loads, and what is loaded once it is."""

    model_status: str
    details: str | None
    progress: Progress | None
    model_info: ModelInfo | None
    model_version: str | None
    weights: WeightsInfo | None


class ShutdownResponse(BaseModel):
    """The model's state after a shutdown."""

    message: str
    model_status: str
