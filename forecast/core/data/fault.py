"""What is wrong with a file that can be read all the same."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a file that was read as it was meant all the same."""

    code: Literal["encoding", "title_row"]
    message: str
