"""Checkpoints from the registry of an MLflow server, brought into a cache folder.

Only safetensors, their JSON files and a model's original weight files are fetched, and they are read as if
they lay there from the start: MLflow's own loading, which would run pickled code, has no part in it.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, urlsplit

from forecast.core.adapter import ModelConfig
from forecast.core.download import RemoteFile, Stream, download, exclusive, size_of
from forecast.core.errors import CheckpointError
from forecast.core.mlflow_registry import ask_registry
from forecast.core.progress import current_progress

_PIECE = 2**16
_MOST_FILES = 10_000
_SAFE = ("*.json", "*.safetensors", "README.md")
_SERVED = ("mlflow-artifacts", "http", "https")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of a model version: its path, which means something to the server only, and its size."""

    path: str
    size: int | None

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name

    @property
    def folder(self) -> PurePosixPath:
        """The path without the name."""
        return PurePosixPath(self.path).parent


def fetch_from_mlflow(config: ModelConfig, originals: tuple[str, ...]) -> Path:
    """Return the folder with the checkpoint of a model version, downloaded as far as it is not there yet.

    `originals` are patterns of weight files that serve where there are no safetensors. Raises CheckpointError
    where the version, its checkpoint or the server is not there, ShutDownError when the load is cancelled;
    what was downloaded until then is used the next time.
    """
    with ask_registry(config) as client:
        repository = open_artifacts(config, client)
        wanted = choose_files(_list_artifacts(repository), originals)
        origin = f"{config.source} {repository.artifact_uri}/{wanted[0].folder}"
        folder = config.mlflow_cache_dir.expanduser() / hashlib.sha256(origin.encode()).hexdigest()[:32]
        with exclusive(folder.with_suffix(".lock")):
            _fill(folder, wanted, repository)
    return folder


def choose_files(artifacts: Sequence[Artifact], originals: tuple[str, ...]) -> list[Artifact]:
    """Return the files of the one folder among artifacts that holds a checkpoint.

    That is the highest with config.json and safetensors, else the highest with weights in any format that
    the model reads. Raises CheckpointError where there is none, or several of equal standing.
    """
    folders: dict[PurePosixPath, list[Artifact]] = {}
    for artifact in artifacts:
        folders.setdefault(artifact.folder, []).append(artifact)
    ranks = {folder: _rank(files, originals) for folder, files in folders.items()}
    standing = {folder: (rank, len(folder.parts)) for folder, rank in ranks.items() if rank is not None}
    best = [folder for folder in standing if standing[folder] == min(standing.values())]
    if len(best) != 1:
        told = ", ".join(f"'{folder}'" for folder in sorted(best))
        found = f"several checkpoints: {told}" if best else "no checkpoint that this model reads"
        raise CheckpointError(f"The artifacts of this MLflow model version hold {found}.")
    files = folders[best[0]]
    patterns = _SAFE if _has(files, "*.safetensors") else (*_SAFE, *originals)
    return [file for file in files if any(fnmatchcase(file.name, pattern) for pattern in patterns)]


def _rank(files: Sequence[Artifact], originals: tuple[str, ...]) -> int | None:
    if _has(files, "*.safetensors"):
        return 0 if _has(files, "config.json") else 1
    return 1 if any(_has(files, pattern) for pattern in originals) else None


def _has(files: Sequence[Artifact], pattern: str) -> bool:
    return any(fnmatchcase(file.name, pattern) for file in files)


def open_artifacts(config: ModelConfig, client: Any) -> Any:
    """Return the library's view of the artifacts of a version, which must be handed out by the server."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    name, version, uri = config.mlflow_model_name, config.mlflow_model_version, config.mlflow_tracking_uri
    place = client.get_model_version_download_uri(name, version)
    if urlsplit(place).scheme == "runs":
        place = get_artifact_repository(place, tracking_uri=uri).repo.artifact_uri
    scheme = urlsplit(place).scheme or "file"
    if scheme not in _SERVED:
        raise CheckpointError(
            f"The artifacts of {config.source} lie at '{scheme}:', which is not read from here."
            " Let the MLflow server hand them out, with --serve-artifacts and --artifacts-destination."
        )
    repository = get_artifact_repository(place, tracking_uri=uri)
    # The server's credentials go with each request, and belong to nobody else.
    if urlsplit(repository.artifact_uri).netloc != urlsplit(uri).netloc:
        raise CheckpointError(f"The artifacts of {config.source} lie on another server than MLflow's own.")
    return repository


def _list_artifacts(repository: Any) -> list[Artifact]:
    found: list[Artifact] = []
    folders: list[str | None] = [None]
    while folders:
        current_progress().check()
        for info in repository.list_artifacts(folders.pop()):
            if info.is_dir:
                folders.append(info.path)
            else:
                found.append(Artifact(info.path, info.file_size))
        if len(found) + len(folders) > _MOST_FILES:
            raise CheckpointError(f"This MLflow model version has more than {_MOST_FILES} artifacts.")
    return found


def _fill(folder: Path, wanted: Sequence[Artifact], repository: Any) -> None:
    from requests import exceptions

    transient = (exceptions.ConnectionError, exceptions.Timeout, exceptions.ChunkedEncodingError)
    folder.mkdir(parents=True, exist_ok=True)
    lacking, done = [], 0
    remotes = [_remote(repository, artifact) for artifact in wanted]
    for remote in remotes:
        # Of a server's path only the last part is used, so none leads out of the folder.
        place = folder / remote.name
        partial = place.with_name(f"{remote.name}.incomplete")
        if place.exists() and size_of(place) == remote.size:
            done += remote.size
        else:
            done += size_of(partial)
            lacking.append((remote, place, partial))
    current_progress().begin("downloading", done, sum(remote.size for remote in remotes))
    for remote, place, partial in lacking:
        download(remote, partial, transient)
        partial.replace(place)


def _remote(repository: Any, artifact: Artifact) -> RemoteFile:
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import augmented_raise_for_status, http_request

    if artifact.size is None:
        raise CheckpointError(f"The MLflow server does not tell the size of '{artifact.name}'.")
    host = get_default_host_creds(repository.artifact_uri)

    @contextmanager
    def open_at(start: int) -> Iterator[Stream]:
        asked = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        with http_request(
            host, f"/{quote(artifact.path)}", "GET", stream=True, extra_headers=asked
        ) as answer:
            augmented_raise_for_status(answer)
            yield Stream(start if answer.status_code == 206 else 0, answer.iter_content(_PIECE))

    return RemoteFile(artifact.name, artifact.size, open_at)
