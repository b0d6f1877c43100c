"""What all bodies share, and those that load a model and tell its state."""

import difflib
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from forecast.core.adapter import Backend, Precision
from forecast.core.data.text import is_unicode
from forecast.core.errors import MOST_ERRORS

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
    revision: str | None = Field(None, description="Branch, tag or commit of the repository.")
    local_model_path: str | None = Field(
        None, description="Folder or file in the model's `local/` to load instead of the Hub."
    )
    source_type: Literal["hf", "local", "mlflow"] | None = Field(
        None, description="Where the weights come from; `local` when `local_model_path` is given, else `hf`."
    )
    force: bool = Field(False, description="Load what seems not to fit into the memory that is free.")
    wait: bool = Field(True, description="Answer when loaded (true), or 202 at once and load behind (false).")

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.source_type == "local" and self.local_model_path is None:
            raise PydanticCustomError("source", "source_type 'local' needs local_model_path")
        if self.checkpoint is not None and self.local_model_path is not None:
            raise PydanticCustomError("source", "checkpoint and local_model_path exclude each other")
        if self.source_type in ("hf", "mlflow") and self.local_model_path is not None:
            raise PydanticCustomError("source", "local_model_path needs source_type 'local'")
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


class InitializationResponse(BaseModel):
    """The model's state after an initialization."""

    message: str
    model_status: str
    model_info: ModelInfo


class WeightsInfo(BaseModel):
    """The weights of a loaded model: their number, the bytes they take, and where they are."""

    parameters: int
    memory_bytes: int
    device: str
    precision: Precision


class StatusResponse(BaseModel):
    """The model's state; `weights` is null where none are loaded."""

    model_status: str
    details: str | None
    weights: WeightsInfo | None


class ShutdownResponse(BaseModel):
    """The model's state after a shutdown."""

    message: str
    model_status: str
