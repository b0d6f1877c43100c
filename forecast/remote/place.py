"""Where a model's service is."""

from collections.abc import Mapping
from dataclasses import dataclass

from forecast.remote.circuit import Circuit


@dataclass(frozen=True, slots=True)
class Place:
    """The URL of a model's service, and what all calls of this process have shown of it."""

    url: str
    circuit: Circuit


def find_places(urls: Mapping[str, str]) -> dict[str, Place]:
    """Return the place of each model's service by the model's ID; nobody has called it yet."""
    return {model_id: Place(url, Circuit(model_id)) for model_id, url in urls.items()}
