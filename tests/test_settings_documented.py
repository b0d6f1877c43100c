"""`.env.template` and the settings say the same."""

import re
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from forecast.core.config import Settings
from forecast.core.model_settings import ModelSettings
from forecast.jobs.settings import JobSettings
from forecast.runs.settings import RunSettings
from ui.settings import Settings as PageSettings

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / ".env.template"
LINES = TEMPLATE.read_text().splitlines()


def settings_of_models() -> list[type[ModelSettings]]:
    """Return the settings of every model folder."""
    modules = [
        import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for path in sorted((ROOT / "forecast/models").glob("*/schemas/schema.py"))
    ]
    return [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, ModelSettings)
        and value.__module__ == module.__name__
    ]


ALL: list[type[BaseSettings]] = [Settings, RunSettings, JobSettings, PageSettings, *settings_of_models()]


def env_names(settings: type[BaseSettings], name: str, field: FieldInfo) -> list[str]:
    """Return the environment variables that set a field, the one that wins first."""
    if isinstance(field.validation_alias, AliasChoices):
        return [str(choice).upper() for choice in field.validation_alias.choices]
    return [f"{settings.model_config.get('env_prefix', '')}{name}".upper()]


def documented() -> Iterator[tuple[str, str, list[str]]]:
    """Yield name, description and other names of each setting."""
    for settings in ALL:
        for name, field in settings.model_fields.items():
            first, *others = env_names(settings, name, field)
            yield first, field.description or "", others


def test_every_model_has_settings() -> None:
    folders = {path.parent.name for path in (ROOT / "forecast/models").glob("*/services")}
    assert {settings.__module__.split(".")[2] for settings in settings_of_models()} == folders


def test_every_setting_is_in_the_template_below_its_description() -> None:
    described = {line.partition("=")[0]: above for above, line in pairwise(LINES) if not line.startswith("#")}
    wanted = {name: f"# {description}" for name, description, _ in documented()}

    assert {name: described.get(name) for name in wanted} == wanted


def test_other_names_of_a_setting_are_in_the_template_as_comments() -> None:
    names = {name for name, _, _ in documented()}
    wanted = {other for _, _, others in documented() for other in others} - names

    assert {match[1] for line in LINES if (match := re.match(r"# (\w+)=", line))} == wanted


def test_every_name_in_the_template_is_a_setting_and_stands_there_once() -> None:
    names = [line.partition("=")[0] for line in LINES if line and not line.startswith("#")]

    assert sorted(names) == sorted({name for name, _, _ in documented()})


@pytest.mark.parametrize("settings", ALL, ids=lambda settings: f"{settings.__module__}.{settings.__name__}")
def test_the_template_gives_every_setting_its_default(
    settings: type[BaseSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, _, others in documented():
        for each in (name, *others):
            monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv("ENV_FILE", str(TEMPLATE))
    read = settings().model_dump()

    key = {name: read[name] for name in ("api_secret_key", "api_key") if name in read}
    monkeypatch.setenv("ENV_FILE", "/dev/null")
    assert read == settings(**key).model_dump()


def test_the_template_starts_in_development_and_not_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENV_FILE", str(TEMPLATE))
    monkeypatch.setenv("ENVIRONMENT", "development")
    assert Settings().environment == "development"

    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(ValueError, match="in production API_SECRET_KEY must have at least 32 characters"):
        Settings()
