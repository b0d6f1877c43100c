"""Reading an object of a bucket: s3://, gs:// and az://, where the settings allow it."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from io import SEEK_END
from typing import Any

from forecast.core.config import Settings
from forecast.core.data.footer import ENDING, MAGIC, footer_length
from forecast.core.data.parquet import find_spans
from forecast.core.data.ranges import Ranges, Span, join_spans
from forecast.core.data.selection import Selection
from forecast.core.data.stores import STORES, Store
from forecast.core.data.transfer import MeteredLoop, transfer
from forecast.core.errors import DataError, ForbiddenError, TooLargeError

TAIL = 1 << 16
"""What is asked for first, at an object's start and a Parquet file's end, where pyarrow does so too."""
_LONGEST_KEY = 1024
_BUCKET = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._-]{0,221}")
# In a name with dots Azure's library looks for an account, and takes what follows for the container.
_CONTAINER = re.compile(r"\$?[a-z0-9][a-z0-9-]{0,62}")
# A space at either end, or dots in any spelling, are read differently by different stores.
_ODD_PART = re.compile(r"|\s.*|.*\s|(\.|%2e){1,2}", re.IGNORECASE)
_ODD_MARK = re.compile(r"[\x00-\x1f\x7f\\?#]|%2f|%5c|%00", re.IGNORECASE)
_SIMULTANEOUS = 8
# What the libraries stumble over in an answer that is none of a store.
_BROKEN = (OSError, LookupError, ValueError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Address:
    """Where an object is."""

    scheme: str
    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Object:
    """As much of an object as was asked for, and its key."""

    file: Ranges
    key: str


async def fetch_object(url: str, settings: Settings, selection: Selection) -> Object:
    """Return an object of a bucket; of Parquet, the footer and what a selection uses.

    Raises ForbiddenError where no pattern of `data_buckets_allowed` covers it or the store does not let
    this server read it; SourceError where the store's library is not installed; TooLargeError above
    `max_upload_size`; DataError where it is not there, or not delivered within
    `data_url_timeout_seconds`.
    """
    address = read_address(url)
    check_allowed(address, settings.data_buckets_allowed)
    store = STORES[address.scheme]
    store.require(address.scheme)

    async def collect(loop: MeteredLoop) -> Ranges:
        return await _fetch(store, address, loop, settings.max_upload_size, selection)

    try:
        return Object(await transfer(collect, settings.data_url_timeout_seconds), address.key)
    except TimeoutError as error:
        seconds = settings.data_url_timeout_seconds
        raise DataError(f"{store.name} did not deliver {address} within {seconds:g} s.") from error


def read_address(url: str) -> Address:
    """Return the address that a URL writes; its key is taken literally, without any decoding.

    Raises DataError at a URL with credentials, a query or a fragment, and at keys that stores or their
    libraries could understand as another one.
    """
    scheme, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    if "@" in bucket or "?" in rest:
        raise DataError(
            "The URL of a bucket has neither credentials nor a query; the server reads with its own."
        )
    if not _BUCKET.fullmatch(bucket):
        raise DataError("The URL of a bucket is written as s3://bucket/folder/file.parquet.")
    if scheme.lower() == "az" and not _CONTAINER.fullmatch(bucket):
        raise DataError(
            "The URL of a blob is written as az://container/folder/file.parquet; a container's name has small"
            " letters, digits and dashes only."
        )
    if len(key.encode()) > _LONGEST_KEY:
        raise DataError(f"The object's key is longer than {_LONGEST_KEY} bytes.")
    if _ODD_MARK.search(key) or any(_ODD_PART.fullmatch(part) for part in key.split("/")):
        raise DataError(
            "The object's key must not be empty or have empty, '.' or '..' parts, spaces at their ends,"
            " control characters, '\\', '?' or '#'."
        )
    return Address(scheme.lower(), bucket, key)


def check_allowed(address: Address, patterns: Sequence[str]) -> None:
    """Raise ForbiddenError where no pattern, such as `s3://bucket/folder/*`, covers an address."""
    for pattern in patterns:
        scheme, _, rest = pattern.partition("://")
        bucket, _, key = rest.partition("/")
        # Apart, so that a pattern of buckets cannot reach into keys.
        if scheme == address.scheme and fnmatchcase(address.bucket, bucket) and fnmatchcase(address.key, key):
            return
    raise ForbiddenError(f"{address} is not among what may be read here (setting DATA_BUCKETS_ALLOWED).")


async def _fetch(
    store: Store, address: Address, loop: MeteredLoop, limit: int, selection: Selection
) -> Ranges:
    faults: tuple[type[Exception], ...] = (*_BROKEN, *store.faults())
    try:
        async with store.open() as files:
            return await _Reader(files, address, loop, limit).collect(selection)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise DataError(f"There is no object {address}.") from error
    except faults as error:
        if isinstance(error, PermissionError) or store.refused(error):
            raise ForbiddenError(
                f"{store.name} does not let this server read {address}; its credentials are those of the"
                f" server's environment ({store.environment})."
            ) from error
        raise DataError(f"{store.name} could not be reached, or does not deliver {address}.") from error


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one object through a file system."""

    files: Any
    address: Address
    loop: MeteredLoop
    limit: int

    @property
    def _path(self) -> str:
        return f"{self.address.bucket}/{self.address.key}"

    async def collect(self, selection: Selection) -> Ranges:
        # The patterns of DATA_BUCKETS_ALLOWED were held against the address: nothing else may be read.
        bucket, key, *_ = self.files.split_path(self._path)
        if (bucket, key) != (self.address.bucket, self.address.key):
            raise DataError(f"{self.address} is no address that can be read as it is written.")
        file = Ranges(await self._size())
        await self._hold(file, [(0, TAIL)])
        if file.read(len(MAGIC)) == MAGIC:
            await self._hold_parquet(file, selection)
        elif file.size > self.limit:
            raise TooLargeError(f"{self.address} has {file.size} bytes; the limit is {self.limit}.")
        else:
            await self._hold(file, [(TAIL, file.size)])
        file.seek(0)
        return file

    async def _hold_parquet(self, file: Ranges, selection: Selection) -> None:
        await self._hold(file, [(file.size - TAIL, file.size)])
        file.seek(-ENDING, SEEK_END)
        length = footer_length(file.read(ENDING), file.size, self.limit)
        await self._hold(file, [(file.size - max(length, TAIL), file.size)])
        await self._hold(file, find_spans(file, self.limit, selection))

    async def _size(self) -> int:
        found = await self.files._info(self._path)
        if found["type"] != "file":
            raise FileNotFoundError
        settings = found.get("content_settings") or {}
        encoding = found.get("contentEncoding") or settings.get("content_encoding")
        if encoding:
            raise DataError(f"{self.address} is stored compressed ({encoding}); store it as it is.")
        return int(found["size"])

    async def _hold(self, file: Ranges, spans: Sequence[Span]) -> None:
        missing = [span for span in join_spans(spans, file.size) if not file.has(*span)]
        gate = asyncio.Semaphore(_SIMULTANEOUS)

        async def read(start: int, end: int) -> None:
            async with gate:
                self.loop.expect(end - start)
                content = await self.files._cat_file(self._path, start=start, end=end)
            if len(content) != end - start:
                raise DataError(f"{self.address} was not delivered as asked; it may have changed meanwhile.")
            file.hold(start, content)

        await asyncio.gather(*(read(*span) for span in missing))
