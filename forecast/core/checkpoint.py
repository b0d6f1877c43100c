"""Where the files of a checkpoint lie on this host."""

from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NoReturn

from forecast.core.adapter import ModelConfig
from forecast.core.errors import CheckpointError, ForbiddenError, NotSupportedError
from forecast.core.fit import check_fit
from forecast.core.libraries import collector_paused

HUB_TIMEOUT_SECONDS = 5.0
_SAFE = ["*.json", "*.safetensors"]
# What loaders raise at files that are damaged, of another model, or edited by hand.
_UNREADABLE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
_WHAT_TO_DO = (
    "Put the files under the model's local/ folder and pass local_model_path, point HF_HOME at a filled"
    " cache, or set HF_TOKEN if the repository needs one."
)


def locate_checkpoint(config: ModelConfig, originals: tuple[str, ...] = ()) -> Path:
    """Return the folder or file of the checkpoint, fetched from the Hub where that is its source.

    `originals` are patterns of other weight files that the model reads when there are no safetensors,
    such as `*.ckpt`. Raises CheckpointError where the files cannot be had, within ten seconds when the
    Hub does not answer, and ForbiddenError where they may not be.
    """
    if config.source_type == "mlflow":
        raise NotSupportedError("Checkpoints from MLflow are not supported; use source_type 'hf' or 'local'.")
    if config.source_type == "local":
        return _local(config)
    if config.checkpoint is None:
        raise CheckpointError("No checkpoint is named; pass 'checkpoint' or 'local_model_path'.")
    if not any(fnmatchcase(config.checkpoint, pattern) for pattern in config.allowed_repositories):
        raise ForbiddenError(
            f"The repository '{config.checkpoint}' is not allowed here; allowed:"
            f" {', '.join(config.allowed_repositories)} (setting ALLOWED_REPOSITORIES)."
        )
    return _hub(config.checkpoint, config.revision, originals)


def _local(config: ModelConfig) -> Path:
    root = config.local_dir.resolve()
    path = (root / (config.local_model_path or "")).resolve()
    if not path.is_relative_to(root):
        raise ForbiddenError("local_model_path leads out of the model's local folder.")
    if not path.exists():
        names = sorted(p.name for p in root.iterdir() if p.name != ".gitkeep") if root.is_dir() else []
        raise CheckpointError(
            f"There is no local checkpoint '{config.local_model_path}';"
            f" there is: {', '.join(names) or 'none'}."
        )
    return path


def _hub(repository: str, revision: str | None, originals: tuple[str, ...]) -> Path:
    from huggingface_hub import snapshot_download

    def fetch(patterns: list[str]) -> Path:
        return Path(
            snapshot_download(
                repository, revision=revision, allow_patterns=patterns, local_files_only=not reachable
            )
        )

    try:
        reachable = _hub_answers(repository, revision)
        folder = fetch(_SAFE)
        if originals and not any(folder.glob("*.safetensors")):
            folder = fetch([*_SAFE, *originals])
    except (OSError, ValueError) as error:
        _refuse(repository, revision, error)
    return folder


def _hub_answers(repository: str, revision: str | None) -> bool:
    """Return whether the Hub can be asked now; the library's own download waits for it without end."""
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import OfflineModeIsEnabled

    try:
        HfApi().model_info(repository, revision=revision, timeout=HUB_TIMEOUT_SECONDS)
    except (httpx2.TransportError, OfflineModeIsEnabled):
        return False
    return True


def _refuse(repository: str, revision: str | None, error: Exception) -> NoReturn:
    place = f"'{repository}'" + (f" at revision '{revision}'" if revision else "")
    raise CheckpointError(
        f"The checkpoint {place} could not be fetched from the Hub ({type(error).__name__}). {_WHAT_TO_DO}",
        details={"checkpoint": repository, "revision": revision},
    ) from error


@contextmanager
def reading(config: ModelConfig, path: Path) -> Iterator[None]:
    """Turn a failure to read the checkpoint's files into a CheckpointError that names the source.

    Raises InsufficientMemoryError before they are read where they do not fit. The collector rests
    meanwhile: it would walk a model that is not yet whole, again and again.
    """
    from safetensors import SafetensorError

    try:
        check_fit(path, config)
        with collector_paused():
            yield
    except (*_UNREADABLE, SafetensorError) as error:
        raise CheckpointError(
            f"The checkpoint {config.source} could not be read as this model ({type(error).__name__})."
            " Check that it is complete and belongs to this model."
        ) from error
