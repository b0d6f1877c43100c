"""What setup.sh asks of the gateway: `claim` its address, `explain` a failed start, `forecast` as a check.

And where its address is not to be claimed, in a container: `await` its models, and the `first` of them.
"""

import json
import sys
import time

from pydantic import ValidationError

from forecast.core.config import Settings, SettingsError, describe_fault
from forecast.core.logs import LOG_FILE
from forecast.jobs.settings import JobSettings
from forecast.models import get_available_models, require_active, require_settings
from scripts.ports import REACHABLE, refuse_a_port_in_use


def read_settings() -> Settings:
    """Return the settings, or end with one line for each that is wrong; their values stay unsaid."""
    try:
        settings = Settings()
        require_active("INITIALIZE_ON_START", settings.initialize_on_start)
        served = get_available_models() if settings.model_name == "all" else [settings.model_name]
        require_active("MODEL_NAME", served)
        require_settings(served)
        JobSettings()
    except (SettingsError, ValidationError) as error:
        sys.exit(f"error: {describe_fault(error)}")
    return settings


def first_loaded(settings: Settings) -> str:
    """Return the first model that is loaded at the start; `-` where none is."""
    loaded = [name for name in settings.initialize_on_start if settings.model_name in {"all", name}]
    return loaded[0] if loaded else "-"


def claim() -> None:
    """Print `host port workers reachable-host model log-file` for the start, or say what is in its way."""
    settings = read_settings()
    refuse_a_port_in_use(settings.api_host, settings.api_port, "API_PORT")
    reachable = REACHABLE.get(settings.api_host, settings.api_host)
    sys.stdout.write(
        f"{settings.api_host} {settings.api_port} {settings.uvicorn_workers} {reachable}"
        f" {first_loaded(settings)} {settings.log_dir / LOG_FILE}\n"
    )


def ask(method: str, url: str, body: str | None = None) -> tuple[int, str]:
    """Return the status and the text of the API's answer to a caller with the key."""
    import httpcore  # not needed by the claim

    key = Settings().api_secret_key.get_secret_value()
    headers = [("Authorization", f"Bearer {key}"), ("Content-Type", "application/json")]
    patience = {"timeout": {"connect": 5, "read": 60, "write": 5}}
    content = None if body is None else body.encode()
    answer = httpcore.request(method, url, headers=headers, content=content, extensions=patience)
    return answer.status, answer.content.decode()


def await_ready(url: str, seconds: float) -> None:
    """Wait until the models are ready that the API loads at its start, or end with why they are not."""
    deadline = time.monotonic() + seconds
    while True:
        status, text = ask("GET", f"{url}/health/ready")
        if status == 200:
            return
        if any(state["status"] == "error" for state in json.loads(text)["models"].values()):
            explain(url)
        if time.monotonic() > deadline:
            sys.exit(f"error: the API is not ready after {seconds:g} s and goes on starting")
        time.sleep(0.2)


def explain(url: str) -> None:
    """End with why models that are loaded at the start failed."""
    models = json.loads(ask("GET", f"{url}/health/ready")[1])["models"]
    failed = [name for name, state in models.items() if state["status"] == "error"]
    told = [(name, json.loads(ask("GET", f"{url}/forecast/v1/{name}/status")[1])) for name in failed]
    reasons = "\n".join(f"  {name}: {status['details']}" for name, status in told)
    sys.exit(f"error: the API runs, but a model that it loads at its start failed:\n{reasons}")


def forecast(url: str, body: str) -> None:
    """Forecast once and print the numbers, or end with the API's own words."""
    status, text = ask("POST", url, body)
    if status != 200:
        sys.exit(f"error: the API is up, but a forecast of the sample failed: {status} {text}")
    points = json.loads(text)["prediction"]["point_forecast"][0]
    sys.stdout.write(
        f"Checked with a forecast of the sample: {', '.join(f'{point:.1f}' for point in points)}\n"
    )


def main(arguments: list[str]) -> None:
    """Do what the command line asks for."""
    match arguments:
        case ["claim"]:
            claim()
        case ["await", url, seconds]:
            await_ready(url, float(seconds))
        case ["first"]:
            sys.stdout.write(f"{first_loaded(read_settings())}\n")
        case ["explain", url]:
            explain(url)
        case ["forecast", url, body]:
            forecast(url, body)
        case _:
            sys.exit(
                "usage: python -m scripts.gateway"
                " claim | first | await URL SECONDS | explain URL | forecast URL BODY"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
