"""The setting that names the services of models: `timesfm20=http://host:8001,…`."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode


def _read_pairs(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in value.split(","))):
        model_id, sign, url = (part.strip() for part in pair.partition("="))
        if not sign or not model_id:
            raise ValueError("is no list such as timesfm20=http://host:8001,chronos=http://host:8002")
        if model_id in found:
            raise ValueError(f"names the model '{model_id}' twice")
        found[model_id] = url
    return found


def _check_urls(value: Mapping[str, str]) -> dict[str, str]:
    # What is wrong is told without the URL, which may have a password.
    wrong = [model_id for model_id, url in value.items() if not _is_base(url)]
    if wrong:
        raise ValueError(
            f"the address of {', '.join(wrong)} is no http:// or https:// URL of a host, with a port or"
            " without, that has no path, no query and no credentials"
        )
    return {model_id: url.rstrip("/") for model_id, url in value.items()}


def _is_base(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and not set(url) & set(" \\@?#%")
    reachable = parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0
    return plain and reachable and parts.path in ("", "/")


ServiceUrls = Annotated[dict[str, str], NoDecode, BeforeValidator(_read_pairs), AfterValidator(_check_urls)]
