"""The answer to an upload."""

from typing import Literal

from pydantic import BaseModel, Field

from forecast.core.data.formats import Format

ColumnKind = Literal["numerical", "categorical", "date"]


class UploadedColumn(BaseModel):
    """One column of an uploaded table."""

    name: str
    kind: ColumnKind
    missing: int = Field(description="Empty cells.")


class UploadResponse(BaseModel):
    """Where an uploaded table lies, and what is in it."""

    path: str = Field(description="What to pass as `data_source_url_or_path`.")
    size_bytes: int
    format: Format
    rows: int
    columns: list[UploadedColumn]
    date_column: str | None = Field(description="The column used as timestamp when a request names none.")
    frequency: str | None = Field(description="The frequency of the dates, as a pandas alias.")
