"""The kinds of buckets there are: how each is opened, and what its errors mean."""

import asyncio
import os
import weakref
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from forecast.core.errors import SourceError

Open = Callable[[], AbstractAsyncContextManager[Any]]
_TRIES = {"retries": {"total_max_attempts": 2, "mode": "standard"}}


@dataclass(frozen=True, slots=True)
class Store:
    """A kind of buckets; `open` yields an fsspec file system for the running loop.

    Beside those of Python it raises errors of the classes that `faults` returns; `refused` tells which of
    them, beside PermissionError, say that the store does not let this server read. Credentials come from
    the `environment` alone.
    """

    name: str
    extra: str
    package: str
    environment: str
    open: Open
    faults: Callable[[], tuple[type[Exception], ...]]
    refused: Callable[[Exception], bool]

    def require(self, scheme: str) -> None:
        """Raise SourceError where the store's library is not installed."""
        if find_spec(self.package) is None:
            raise SourceError(
                f"This gateway was installed without what {scheme}:// needs: pip install"
                f" 'sapheneia[{self.extra}]'."
            )


@asynccontextmanager
async def _open_s3() -> AsyncIterator[Any]:
    from s3fs import S3FileSystem

    files = S3FileSystem(asynchronous=True, skip_instance_cache=True, config_kwargs=_TRIES)
    client = await files.set_session()
    try:
        yield files
    finally:
        await client.close()


def _s3_faults() -> tuple[type[Exception], ...]:
    from aiohttp import ClientError
    from botocore import exceptions

    return (exceptions.BotoCoreError, exceptions.ClientError, ClientError)


def _s3_refused(error: Exception) -> bool:
    from botocore.exceptions import NoCredentialsError, PartialCredentialsError

    response = getattr(error.__cause__, "response", {})
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return isinstance(error, NoCredentialsError | PartialCredentialsError) or status in (401, 403)


@asynccontextmanager
async def _open_gcs() -> AsyncIterator[Any]:
    # The package's default adds gRPC calls that ask for the kind of each bucket.
    from gcsfs.core import GCSFileSystem

    files = GCSFileSystem(
        asynchronous=True,
        skip_instance_cache=True,
        access="read_only",
        token="anon" if os.environ.get("STORAGE_EMULATOR_HOST") else "google_default",
        session_kwargs={"auto_decompress": False},
    )
    session = await files._set_session()
    _forget_ends(files)
    try:
        yield files
    finally:
        await session.close()


def _gcs_faults() -> tuple[type[Exception], ...]:
    from aiohttp import ClientError
    from gcsfs.retry import HttpError, NonRetryableError
    from google.auth.exceptions import GoogleAuthError
    from requests import RequestException

    return (HttpError, NonRetryableError, GoogleAuthError, RequestException, ClientError)


def _gcs_refused(error: Exception) -> bool:
    from google.auth.exceptions import GoogleAuthError

    return (
        isinstance(error, GoogleAuthError)
        or str(getattr(error, "code", None)) in ("401", "403")
        or (isinstance(error, OSError) and str(error).startswith("Forbidden"))
    )


@asynccontextmanager
async def _open_azure() -> AsyncIterator[Any]:
    from adlfs import AzureBlobFileSystem
    from adlfs.utils import close_credential, close_service_client

    if not any(os.environ.get(f"AZURE_STORAGE_{name}") for name in ("CONNECTION_STRING", "ACCOUNT_NAME")):
        raise PermissionError("the environment names no account")
    files = AzureBlobFileSystem(
        asynchronous=True,
        loop=asyncio.get_running_loop(),
        skip_instance_cache=True,
        max_concurrency=1,
    )
    _forget_ends(files)
    try:
        yield files
    finally:
        await close_service_client(files)
        if files.credential is not None:
            await close_credential(files)


def _azure_faults() -> tuple[type[Exception], ...]:
    from azure.core.exceptions import AzureError

    return (AzureError,)


def _azure_refused(error: Exception) -> bool:
    from azure.core.exceptions import ClientAuthenticationError

    status = getattr(error, "status_code", None)
    return isinstance(error, ClientAuthenticationError) or status in (401, 403)


def _forget_ends(files: Any) -> None:
    """Drop what is to happen when a file system ends: it would run on a loop that has ended before it."""
    for reference in weakref.getweakrefs(files):
        if isinstance(reference.__callback__, weakref.finalize):
            reference.__callback__.detach()


STORES: Mapping[str, Store] = {
    "s3": Store("S3", "s3", "s3fs", "AWS_*", _open_s3, _s3_faults, _s3_refused),
    "gs": Store(
        "Google Cloud Storage",
        "gcs",
        "gcsfs",
        "GOOGLE_APPLICATION_CREDENTIALS",
        _open_gcs,
        _gcs_faults,
        _gcs_refused,
    ),
    "az": Store(
        "Azure Blob Storage",
        "azure",
        "adlfs",
        "AZURE_STORAGE_*",
        _open_azure,
        _azure_faults,
        _azure_refused,
    ),
}
