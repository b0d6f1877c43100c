"""How a caller wants its answer: as what, and packed how."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Response

from forecast.core.answer import Outcome, write_json
from forecast.core.coding import CODINGS, choose_coding, pack
from forecast.core.frame import write_arrow, write_parquet
from forecast.core.media import ARROW, JSON, PARQUET, choose_media

_WRITERS: Mapping[str, Callable[[Outcome], bytes]] = {
    JSON: write_json,
    ARROW: write_arrow,
    PARQUET: write_parquet,
}
# gzip takes long over numbers and gains little; Parquet is packed as it is.
_CODINGS: Mapping[str, tuple[str, ...]] = {JSON: CODINGS, ARROW: ("zstd",), PARQUET: ()}


@dataclass(frozen=True, slots=True)
class Reply:
    """The media type of an answer, and its content coding, None being none."""

    media: str = JSON
    coding: str | None = None

    def write(self, outcome: Outcome) -> Response:
        """Return the whole answer, ready to be sent; of many series it takes a while."""
        content = _WRITERS[self.media](outcome)
        headers = {"Vary": "Accept"}
        packed = None if self.coding is None else pack(content, self.coding)
        if packed is not None and self.coding is not None:
            headers = {"Vary": "Accept, Accept-Encoding", "Content-Encoding": self.coding}
        return Response(content if packed is None else packed, media_type=self.media, headers=headers)


async def read_reply(
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
    accept_encoding: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Reply:
    """Return how the caller wants the answer; raise NotAcceptableError where there is none like that."""
    media = choose_media(accept)
    return Reply(media, choose_coding(accept_encoding, _CODINGS[media]))


Replying = Annotated[Reply, Depends(read_reply)]
