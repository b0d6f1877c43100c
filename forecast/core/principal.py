"""Who calls: a client by one of its keys or tokens, and what it may do."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["forecast", "operator", "admin"]
"""What a caller may do: forecast, also load and unload models, also manage clients and keys."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A client and the name of the key or token that it calls with."""

    client_id: str
    name: str
    role: Role


DEFAULT_CLIENT = "default"
"""The client of API_SECRET_KEY."""
ADMINISTRATOR = Principal(DEFAULT_CLIENT, "default", "admin")
