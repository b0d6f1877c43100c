"""Tables of settings, by their names in the environment."""

from collections.abc import Iterable
from pathlib import Path

from pydantic import AliasChoices, BaseModel, SecretStr
from pydantic.fields import FieldInfo

from forecast.clients.settings import TokenSettings
from forecast.core.config import Settings
from forecast.core.model_settings import ModelSettings
from scripts.documentation.markdown import table
from scripts.documentation.models import own_type
from ui.settings import Settings as PageSettings


def write_limits(_: str, page: Path) -> str:
    """Return the table of the gateway's limits with their settings."""
    limits = ("rate_limit", "max_", "upload", "data_url")
    names = [name for name in Settings.model_fields if name.startswith(limits)]
    return write_settings_of(Settings, names)


def write_settings(model_id: str, page: Path) -> str:
    """Return the table of the settings that only this model has."""
    kind = own_type(model_id, ModelSettings)
    prefix = str(kind.model_config.get("env_prefix", ""))
    names = [
        name
        for name, field in kind.model_fields.items()
        if env_names(kind, name, field)[0].startswith(prefix)
    ]
    return write_settings_of(kind, names)


def write_page(_: str, page: Path) -> str:
    """Return the table of the page's settings."""
    return write_settings_of(PageSettings, PageSettings.model_fields)


def write_tokens(_: str, page: Path) -> str:
    """Return the table of the settings of tokens."""
    return write_settings_of(TokenSettings, TokenSettings.model_fields)


def write_settings_of(kind: type[BaseModel], names: Iterable[str]) -> str:
    """Return a table of settings by their names in the environment."""
    rows = []
    for name in names:
        field = kind.model_fields[name]
        default = "" if field.is_required() else field.default
        default = default.get_secret_value() if isinstance(default, SecretStr) else default
        text = ",".join(default) if isinstance(default, tuple) else "" if default is None else str(default)
        shown = f"`{text.lower() if isinstance(default, bool) else text}`" if text else "–"
        variables = " or ".join(f"`{variable}`" for variable in env_names(kind, name, field))
        rows.append((variables, shown, field.description or ""))
    return table(("setting", "default", "meaning"), rows)


def env_names(kind: type[BaseModel], name: str, field: FieldInfo) -> list[str]:
    """Return the environment variables that set a field."""
    if isinstance(field.validation_alias, AliasChoices):
        return [str(choice).upper() for choice in field.validation_alias.choices]
    return [f"{kind.model_config.get('env_prefix', '')}{name}".upper()]
