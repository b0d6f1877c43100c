"""A worker of jobs, of one model or of all: `python -m scripts.worker [--folder FOLDER] [MODEL]`."""

import argparse
import logging
import sys
from contextlib import closing

from pydantic import ValidationError

from forecast.core.config import Settings, SettingsError, describe_fault
from forecast.core.logs import configure_logging
from forecast.models import get_available_models, get_service, require_active, require_settings
from scripts.serve import prepare_libraries

_NOTHING_TO_DO = (
    "a worker needs JOB_RUNNER=celery, and CELERY_BROKER_URL such as redis://127.0.0.1:6379/0, for the"
    " gateway and for itself; with JOB_RUNNER=embedded the gateway computes all jobs, and nothing would"
    " reach a worker"
)


def main() -> int:
    """Compute parts of jobs until a SIGTERM; end with what is wrong with the settings, where something is."""
    parser = argparse.ArgumentParser(prog="python -m scripts.worker", description=__doc__)
    parser.add_argument("--folder", help="whose worker it is; only told to those who list processes")
    parser.add_argument("model", nargs="?", help="the model whose jobs it computes")
    chosen = parser.parse_args().model
    try:
        return compute(chosen)
    except (SettingsError, ValidationError) as error:
        sys.exit(f"error: {describe_fault(error)}")


def compute(chosen: str | None) -> int:
    """Compute parts of a model's jobs, else of those that MODEL_NAME serves; return the exit code.

    Raises SettingsError or ValidationError where a setting is wrong.
    """
    from forecast.database.connection import Database
    from forecast.jobs.broker import Broker
    from forecast.jobs.claims import Claims
    from forecast.jobs.settings import JobSettings
    from forecast.jobs.worker import serve
    from forecast.runs.run import RunWork
    from forecast.runs.settings import RunSettings

    settings, limits = Settings(), JobSettings()
    named = chosen or settings.model_name
    models = get_available_models() if named == "all" else [named]
    require_active("the worker", models)
    require_settings(models)
    if limits.job_runner != "celery":
        raise SettingsError(_NOTHING_TO_DO)
    configure_worker_logging(settings)
    prepare_libraries()
    services = {model_id: get_service(model_id) for model_id in models}
    database = Database(settings.database_url.get_secret_value(), settings.database_pool_size)
    with closing(database), closing(Broker(limits)) as broker:
        try:
            work = RunWork(settings, RunSettings(), database, services, {})
            return serve(models, Claims(database, limits), work, broker)
        finally:
            for service in services.values():
                service.shutdown()


def configure_worker_logging(settings: Settings) -> None:
    """Log as the gateway does, to the folder `worker` of LOG_DIR; of Celery itself what goes wrong."""
    folder = settings.log_dir / "worker"
    configure_logging(settings.log_level, folder, settings.log_format, console=settings.log_console)
    told = logging.getLogger("celery")
    told.handlers, told.propagate = logging.getLogger("forecast").handlers, False
    told.setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
