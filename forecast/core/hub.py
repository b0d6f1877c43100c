"""Checkpoints from the Hugging Face Hub, in the cache that all of its clients share.

Its own client drops the part of a file that it has when a download ends, reports in steps of ten megabytes
and cannot be stopped, so weights are brought into its cache here, and it makes the rest of them.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NoReturn

from forecast.core.download import READ_TIMEOUT_SECONDS, RemoteFile, Stream, download, exclusive, size_of
from forecast.core.errors import CheckpointError
from forecast.core.progress import current_progress

HUB_TIMEOUT_SECONDS = 5.0
_SAFE = ("*.json", "*.safetensors", "README.md")
_PIECE = 2**20
_TOO_MANY = 429
_SUM = r"[0-9a-f]{40}|[0-9a-f]{64}"
_WHAT_TO_DO = (
    "Put the files under the model's local/ folder and pass local_model_path, point HF_HOME at a filled"
    " cache, or set HF_TOKEN if the repository needs one."
)


def fetch_from_hub(
    repository: str,
    revision: str | None,
    originals: tuple[str, ...],
    accept: Callable[[Mapping[str, Any]], None],
) -> Path:
    """Return the folder of a repository's checkpoint: its files of the revision, or those of the cache.

    The cache serves where the Hub does not answer, or is out of order. `originals` are patterns of weight
    files that are wanted where there are no safetensors; `accept` is given the model card's data before
    anything is downloaded, and what it raises is raised. Raises CheckpointError where there is neither,
    ShutDownError when the load is cancelled; what was downloaded until then is used the next time.
    """
    import httpx2

    try:
        info = _ask(repository, revision)
        if info is None:
            return _find_cached(repository, revision, originals)
        accept(info.card_data.to_dict() if info.card_data else {})
        names = [file.rfilename for file in info.siblings or ()]
        with_originals = not any(fnmatchcase(name, "*.safetensors") and "/" not in name for name in names)
        patterns = (*_SAFE, *originals) if with_originals else _SAFE
        _fill_cache(repository, info, patterns)
        return _take_snapshot(repository, revision, patterns)
    except (OSError, ValueError, httpx2.TransportError) as error:
        _refuse(repository, revision, error)


def _ask(repository: str, revision: str | None) -> Any:
    """Return what the Hub knows of a repository, or None where it does not answer, or not now."""
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        return HfApi().model_info(
            repository, revision=revision, timeout=HUB_TIMEOUT_SECONDS, files_metadata=True
        )
    except (httpx2.TransportError, OfflineModeIsEnabled):
        return None
    except HfHubHTTPError as error:
        if error.response.status_code == _TOO_MANY or error.response.is_server_error:
            return None
        raise


def _find_cached(repository: str, revision: str | None, originals: tuple[str, ...]) -> Path:
    folder = _take_snapshot(repository, revision, _SAFE, offline=True)
    if originals and not any(folder.glob("*.safetensors")):
        folder = _take_snapshot(repository, revision, (*_SAFE, *originals), offline=True)
    return folder


def _take_snapshot(
    repository: str, revision: str | None, patterns: Sequence[str], *, offline: bool = False
) -> Path:
    from huggingface_hub import snapshot_download
    from tqdm import tqdm

    progress = current_progress()

    class Silent(tqdm):  # type: ignore[misc]  # the library has no types
        """A bar that shows nothing, and ends what it stands for when the load is cancelled."""

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named | {"disable": True})

        def update(self, n: float | None = 1) -> None:
            progress.check()

    folder = snapshot_download(
        repository,
        revision=revision,
        allow_patterns=list(patterns),
        local_files_only=offline,
        tqdm_class=Silent,
    )
    return Path(folder)


def _fill_cache(repository: str, info: Any, patterns: Sequence[str]) -> None:
    """Download what the cache lacks of a commit, as the blobs that the Hub's client looks for."""
    from huggingface_hub import constants, try_to_load_from_cache

    home = Path(constants.HF_HUB_CACHE)
    place = f"models--{repository.replace('/', '--')}"
    blobs, locks = home / place / "blobs", home / ".locks" / place
    wanted, done = _known_files(info, patterns), 0
    total = sum(file.size for file in wanted.values())
    for blob, file in list(wanted.items()):
        cached = isinstance(try_to_load_from_cache(repository, file.rfilename, revision=info.sha), str)
        if cached or (blobs / blob).exists():
            del wanted[blob]
            done += file.size
        else:
            done += size_of(blobs / f"{blob}.incomplete")
    current_progress().begin("downloading", done if total else None, total or None)
    for blob, file in wanted.items():
        _download_blob(_remote(repository, info.sha, file), blobs, blob, locks / f"{blob}.lock")


def _known_files(info: Any, patterns: Sequence[str]) -> dict[str, Any]:
    """Return the files that are wanted, by their sums; one that a mirror tells no sum of is left out."""
    known = {}
    for file in info.siblings or ():
        blob = file.lfs.sha256 if file.lfs else file.blob_id
        named = any(fnmatchcase(file.rfilename, pattern) for pattern in patterns)
        if named and file.size is not None and re.fullmatch(_SUM, blob or ""):
            known[blob] = file
    return known


def _download_blob(remote: RemoteFile, blobs: Path, blob: str, lock: Path) -> None:
    import httpx2

    blobs.mkdir(parents=True, exist_ok=True)
    partial = blobs / f"{blob}.incomplete"
    with exclusive(lock):
        if (blobs / blob).exists():
            return  # another process had the lock, and has brought it
        download(remote, partial, (httpx2.TransportError,))
        if not _is_whole(partial, blob):
            partial.unlink()
            raise OSError(f"{remote.name} is not what the Hub says it is")
        partial.replace(blobs / blob)


def _is_whole(path: Path, blob: str) -> bool:
    """Return whether a file is the one that its name promises: its SHA-256, or git's own sum of it."""
    git = hashlib.sha1(b"blob %d\0" % size_of(path), usedforsecurity=False)
    total = git if len(blob) == len(git.hexdigest()) else hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            total.update(piece)
            current_progress().check()
    return total.hexdigest() == blob


def _remote(repository: str, commit: str, file: Any) -> RemoteFile:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    url = hf_hub_url(repository, file.rfilename, revision=commit)
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}

    @contextmanager
    def open_at(start: int) -> Iterator[Stream]:
        asked = headers | ({"Range": f"bytes={start}-"} if start else {})
        with get_session().stream("GET", url, headers=asked, timeout=READ_TIMEOUT_SECONDS) as answer:
            hf_raise_for_status(answer)
            yield Stream(start if answer.status_code == 206 else 0, answer.iter_raw())

    return RemoteFile(file.rfilename, file.size, open_at)


def _refuse(repository: str, revision: str | None, error: Exception) -> NoReturn:
    place = f"'{repository}'" + (f" at revision '{revision}'" if revision else "")
    raise CheckpointError(
        f"The checkpoint {place} could not be fetched from the Hub ({type(error).__name__}). {_WHAT_TO_DO}",
        details={"checkpoint": repository, "revision": revision},
    ) from error
