"""Forgetting uploads after UPLOAD_RETENTION_DAYS."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

from anyio import sleep
from anyio.to_thread import run_sync

from forecast.core.kept import forget_files

log = logging.getLogger(__name__)

_PERIOD_SECONDS = 3600.0


async def forget_always(data_dir: Path, days: int) -> None:
    """Forget every hour the uploads, and repaired tables, that are older than so many days; with 0 none."""
    while days:
        before = datetime.now(UTC) - timedelta(days=days)
        removed, left = await run_sync(forget_files, data_dir, before.timestamp())
        log.info("retention=done uploads=%d", removed)
        if left:
            log.warning("retention=incomplete uploads_left=%d", left)
        await sleep(_PERIOD_SECONDS)
