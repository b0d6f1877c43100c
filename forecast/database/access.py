"""The database of the app that serves a request."""

from typing import Annotated

from fastapi import Depends, Request

from forecast.database.connection import Database


async def get_database(request: Request) -> Database:
    """Return the gateway's database, whose connections are for threads."""
    database: Database = request.app.state.database
    return database


CurrentDatabase = Annotated[Database, Depends(get_database)]
