"""One table, from wherever a request says it is."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from io import BytesIO
from typing import Any

from anyio import to_thread

from forecast.core.config import Settings
from forecast.core.data.arrow import read_arrow
from forecast.core.data.bucket import fetch_object
from forecast.core.data.formats import parse_table, read_table
from forecast.core.data.parquet import read_parquet
from forecast.core.data.records import read_inline
from forecast.core.data.remote import fetch_url
from forecast.core.data.selection import EVERYTHING, Selection
from forecast.core.data.sent import Sent
from forecast.core.data.stores import STORES
from forecast.core.data.table import Table
from forecast.core.errors import DataError, RequestError
from forecast.core.paths import Files, files_of, open_data_file

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://|(file|data|javascript):", re.IGNORECASE)


async def fetch_table(
    source: str | None,
    inline: Mapping[str, Any] | Sequence[Any] | Sent | None,
    settings: Settings,
    client_id: str,
    selection: Selection = EVERYTHING,
) -> Table:
    """Return the table at a path or URL, or the inline one, read in a thread; the errors are find_table's."""
    return await to_thread.run_sync(await find_table(source, inline, settings, client_id, selection))


async def find_table(
    source: str | None,
    inline: Mapping[str, Any] | Sequence[Any] | Sent | None,
    settings: Settings,
    client_id: str,
    selection: Selection = EVERYTHING,
) -> Callable[[], Table]:
    """Return what reads the table at a path or URL, or the inline one; exactly one of the two is given.

    A path is that of a file which the client may read. What lies elsewhere is downloaded now; reading and
    parsing take their time when the result is called. Of a format that lets columns and rows be skipped,
    those outside the selection may be left out. Both raise DataError where it cannot be read, ForbiddenError
    where it may not be, TooLargeError where more than `settings.max_upload_size` bytes would be read.
    """
    if inline is not None and source is None:
        if isinstance(inline, Sent):
            return partial(_read_sent, inline, settings.max_request_size, selection)
        return partial(read_inline, inline)
    if source is None or inline is not None:
        raise RequestError("Give either data_source_url_or_path or data.")
    source = source.strip()
    limit = settings.max_upload_size
    scheme = _scheme(source)
    if scheme in STORES:
        found = await fetch_object(source, settings, selection)
        return partial(read_table, found.file, found.key, limit, selection)
    if scheme is not None:
        download = await fetch_url(source, settings)
        return partial(parse_table, download.content, download.path, limit, selection)
    return partial(_read_local, source, files_of(client_id, settings), settings.max_upload_size, selection)


def _scheme(source: str) -> str | None:
    """Return the scheme of a URL or bucket, or None for a local path; raise DataError at any other."""
    found = _SCHEME.match(source)
    scheme = (found[1] or found[2]).lower() if found else "local"
    if scheme not in ("http", "https", "local", *STORES):
        raise DataError(
            f"Sources of the kind '{scheme}:' are not read; use an http(s) URL, a bucket (s3://, gs://,"
            " az://), a path under data/, or send the table inline as 'data'."
        )
    return None if scheme == "local" else scheme


def _read_sent(table: Sent, limit: int, selection: Selection) -> Table:
    if table.format == "arrow":
        return read_arrow(table.content, limit, selection)
    return read_parquet(BytesIO(table.content), limit, selection)


def _read_local(name: str, files: Files, limit: int, selection: Selection) -> Table:
    with open_data_file(name, files) as file:
        return read_table(file, name, limit, selection)
