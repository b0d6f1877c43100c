"""A table that came as the body of a request."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """A table as it was sent, not yet read."""

    content: bytes = field(repr=False)
    format: Literal["arrow", "parquet"]
