"""Uploading a table."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from starlette.datastructures import UploadFile

from forecast.core.data.selection import EVERYTHING, MENDED
from forecast.core.errors import MediaTypeError, RequestError
from forecast.core.kept import remove_file
from forecast.core.paths import files_of
from forecast.core.problem import describe_problem
from forecast.core.routing import guards, refusals
from forecast.core.security import Calling, CurrentSettings
from forecast.uploads.schemas import UploadResponse
from forecast.uploads.service import store_upload

_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}

_NOT_FOUND: dict[int | str, Any] = {404: describe_problem("You have no such upload.")}

router = APIRouter(prefix="/api/v1", tags=["uploads"], dependencies=guards("discovery"), responses=refusals())


async def uploaded_file(request: Request) -> AsyncIterator[UploadFile]:
    """Give the file of the form field `file`, kept on disk beyond a megabyte.

    The form is read here and not by a File parameter, because those are read before the key is checked.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise MediaTypeError("Send the file as multipart/form-data, in the field 'file'.")
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise RequestError("The form has no file in the field 'file'.")
        yield file


Uploaded = Annotated[UploadFile, Depends(uploaded_file)]


@router.post("/uploads", status_code=201, responses=refusals(400, 413, 415), openapi_extra=_FORM)
async def upload(
    file: Uploaded, settings: CurrentSettings, principal: Calling, mend: bool = False
) -> UploadResponse:
    """Keep a CSV, Parquet, Arrow, JSON or Excel (.xlsx) file for forecasts, and tell what is in it.

    With `mend`, also one that only a repair of `POST /api/v1/tables` makes fit for a forecast.
    """
    selection = MENDED if mend else EVERYTHING
    name, client_id = file.filename or "", principal.client_id
    return await to_thread.run_sync(store_upload, file.file, name, settings, client_id, selection)


@router.delete("/uploads/{name}", status_code=204, responses=_NOT_FOUND)
async def remove(name: str, settings: CurrentSettings, principal: Calling) -> None:
    """Remove a file that the gateway keeps for the caller, by the last part of its path."""
    await to_thread.run_sync(remove_file, name, files_of(principal.client_id, settings))
