"""A stored run as one JSON file, made of the pages in which the gateway tells it."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, Protocol

Ask = Callable[[Mapping[str, str]], Awaitable[dict[str, Any]]]
_ITEMS = "1000"


class Pieces(Protocol):
    """A file on its way, piece by piece; none is left once a piece is empty."""

    @property
    def content_type(self) -> str:
        """What kind of file it is."""

    @property
    def length(self) -> str | None:
        """How many bytes it has, None where that is not known."""

    async def read(self) -> bytes:
        """Return the next piece, an empty one at the end."""

    async def close(self) -> None:
        """Take no more of it."""


class WholeRun:
    """All items of a run under what was asked of it; `ask` returns a page of it."""

    content_type = "application/json"
    length = None

    def __init__(self, first: Mapping[str, Any], ask: Ask) -> None:
        self._pieces = _write(first, ask)

    async def read(self) -> bytes:
        """Return the next piece; raise GatewayError where the gateway does not tell it."""
        return await anext(self._pieces, b"")

    async def close(self) -> None:
        """Take no more of it."""
        await self._pieces.aclose()


async def open_whole(ask: Ask) -> WholeRun:
    """Return a run of which the first items are read."""
    return WholeRun(await ask({"limit": _ITEMS}), ask)


async def _write(first: Mapping[str, Any], ask: Ask) -> AsyncGenerator[bytes, None]:
    asked = {name: value for name, value in first.items() if name not in ("forecasts", "next_cursor")}
    yield json.dumps(asked).encode()[:-1] + b', "forecasts": ['
    page, comma = first, b""
    while True:
        for item in page["forecasts"]:
            yield comma + json.dumps(item).encode()
            comma = b", "
        if page["next_cursor"] is None:
            break
        page = await ask({"limit": _ITEMS, "cursor": page["next_cursor"]})
    yield b"]}"
