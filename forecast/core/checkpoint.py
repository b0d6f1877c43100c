"""Where the files of a checkpoint lie on this host."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from forecast.core.adapter import ModelConfig
from forecast.core.errors import CheckpointError, ForbiddenError, InsufficientMemoryError
from forecast.core.fit import check_fit
from forecast.core.hub import fetch_from_hub
from forecast.core.libraries import collector_paused
from forecast.core.licence import licence_of_card, licence_of_files, require_acceptance
from forecast.core.mlflow_registry import pin_version
from forecast.core.mlflow_source import fetch_from_mlflow
from forecast.core.progress import current_progress

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


def pin_checkpoint(config: ModelConfig) -> ModelConfig:
    """Return the configuration with its weights named once and for all: an MLflow alias by its version.

    Raises CheckpointError where that cannot be found out, within ten seconds when nobody answers.
    """
    return pin_version(config) if config.source_type == "mlflow" else config


def locate_checkpoint(config: ModelConfig, originals: tuple[str, ...] = ()) -> Path:
    """Return the folder or file of the checkpoint, fetched from the Hub or MLflow where that is its source.

    `originals` are patterns of other weight files that the model reads when there are no safetensors,
    such as `*.ckpt`. Raises CheckpointError where the files cannot be had, within ten seconds when the
    server does not answer, ForbiddenError where they may not be, ShutDownError when the load is cancelled;
    LicenceError where their licence is to be accepted first: before they are downloaded if the Hub tells
    it, else before they are read.
    """
    path = _LOCATE[config.source_type](config, originals)
    require_acceptance(config, licence_of_files(path, config.checkpoint))
    current_progress().begin("reading")
    return path


def _local(config: ModelConfig, _: tuple[str, ...]) -> Path:
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


def _hub(config: ModelConfig, originals: tuple[str, ...]) -> Path:
    if config.checkpoint is None:
        raise CheckpointError("No checkpoint is named; pass 'checkpoint' or 'local_model_path'.")
    if not any(fnmatchcase(config.checkpoint, pattern) for pattern in config.allowed_repositories):
        raise ForbiddenError(
            f"The repository '{config.checkpoint}' is not allowed here; allowed:"
            f" {', '.join(config.allowed_repositories)} (setting ALLOWED_REPOSITORIES)."
        )

    def accept(card: Mapping[str, Any]) -> None:
        licence = licence_of_card(card, config.checkpoint)
        # What the Hub does not tell, the files may.
        if licence is not None:
            require_acceptance(config, licence)

    return fetch_from_hub(config.checkpoint, config.revision, originals, accept)


_LOCATE = {"hf": _hub, "local": _local, "mlflow": fetch_from_mlflow}


@contextmanager
def reading(config: ModelConfig, path: Path) -> Iterator[None]:
    """Turn a failure to read the checkpoint's files into a CheckpointError that names the source.

    Raises InsufficientMemoryError where they do not fit: before they are read as far as that can be told.
    The collector rests meanwhile: it would walk a model that is not yet whole, again and again.
    """
    from safetensors import SafetensorError
    from torch import OutOfMemoryError

    current_progress().begin("reading")
    try:
        check_fit(path, config)
        with collector_paused():
            yield
    except (MemoryError, OutOfMemoryError) as error:
        raise InsufficientMemoryError(
            f"The memory ended while the checkpoint {config.source} was read."
            " Shut another model down, or load a smaller checkpoint."
        ) from error
    except (*_UNREADABLE, SafetensorError) as error:
        raise CheckpointError(
            f"The checkpoint {config.source} could not be read as this model ({type(error).__name__})."
            " Check that it is complete and belongs to this model."
        ) from error
