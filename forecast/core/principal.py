"""Who calls: a client by one of its keys or tokens, and what it may do."""

import re
from dataclasses import dataclass
from typing import Literal

Role = Literal["forecast", "operator", "admin"]
"""What a caller may do: forecast, also load and unload models, also manage clients and keys."""
ROLES: tuple[Role, ...] = ("forecast", "operator", "admin")
"""The roles, each of which may do what those before it may."""

CLIENT_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
"""How a client may be called."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A client and the name of the key or token that it calls with.

    `counted` is what its quotas are counted under, None where they were counted before. `acts_for_others`
    tells whether it may name the client whose rows and files it means.
    """

    client_id: str
    name: str
    role: Role
    counted: str | None = None
    inferences_per_minute: int | None = None
    inferences_per_day: int | None = None
    acts_for_others: bool = False

    def may(self, role: Role) -> bool:
        """Return whether it may do what a role may."""
        return ROLES.index(self.role) >= ROLES.index(role)


DEFAULT_CLIENT = "default"
"""The client of API_SECRET_KEY."""
ADMINISTRATOR = Principal(DEFAULT_CLIENT, "default", "admin", acts_for_others=True)
