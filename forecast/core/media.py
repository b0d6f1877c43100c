"""The media types of bodies and answers, and which of them a caller accepts."""

import re
from collections.abc import Sequence

from forecast.core.errors import NotAcceptableError

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
CSV = "text/csv"
KINDS = (JSON, ARROW, PARQUET)
"""What bodies and answers may be, the default first."""

_RANGE = re.compile(r"([\w!#$&^.+*-]+/[\w!#$&^.+*-]+|[\w*-]+)\s*((?:;[^;]*)*)")
_QUALITY = re.compile(r";\s*q\s*=\s*([\d.]+)\s*(?:;|$)", re.IGNORECASE)


def media_type(header: str) -> str:
    """Return the type that a Content-Type names, without its parameters, "" where there is none."""
    return header.partition(";")[0].strip().lower()


def read_preferences(header: str) -> dict[str, float]:
    """Return the quality, from 0 to 1, of each thing that an Accept or Accept-Encoding header names."""
    found: dict[str, float] = {}
    for part in header.split(","):
        matched = _RANGE.fullmatch(part.strip())
        if matched is not None:
            quality = _QUALITY.search(matched[2])
            found[matched[1].lower()] = _number(quality[1]) if quality else 1.0
    return found


def choose_media(header: str | None, kinds: Sequence[str] = KINDS) -> str:
    """Return which kind of answer an Accept header prefers, the first where it leaves the choice.

    Raises NotAcceptableError where it allows none of them.
    """
    if not (header or "").strip():
        return kinds[0]
    asked = read_preferences(header or "")
    # Who names a type and lets everything else pass too wants that type.
    ranked = [(_judge(kind, asked), -place) for place, kind in enumerate(kinds)]
    (quality, _), place = max(ranked)
    if quality <= 0:
        raise NotAcceptableError(
            f"The answer can be {_list(kinds)}; the header 'Accept' allows none of them."
        )
    return kinds[-place]


def _judge(kind: str, asked: dict[str, float]) -> tuple[float, int]:
    """Return how much a type is wanted, by the most specific range that it lies in."""
    ranges = (kind, f"{kind.partition('/')[0]}/*", "*/*")
    return next(((asked[name], -at) for at, name in enumerate(ranges) if name in asked), (0.0, 0))


def _number(text: str) -> float:
    return min(1.0, float(text)) if re.fullmatch(r"\d+\.?\d*|\.\d+", text) else 0.0


def _list(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
