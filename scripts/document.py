"""Write the tables of the documentation from the code, between `<!-- generated: NAME -->` and `<!-- end -->`.

`python scripts/document.py` rewrites them; with `--check` it names the pages that are stale and exits with 1.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, BaseModel, SecretStr
from pydantic.fields import FieldInfo

from forecast.clients.schemas import NewClient, NewKey
from forecast.clients.settings import TokenSettings
from forecast.core import parameters, responses, schemas
from forecast.core.config import Settings
from forecast.core.errors import SapheneiaError
from forecast.core.model_settings import ModelSettings
from forecast.core.problem import Problem, ProblemCell
from forecast.core.series.calendar_covariates import calendar_rows
from forecast.models import MODEL_REGISTRY, SPEEDS, get_available_models, get_service
from forecast.tables import schemas as tables
from forecast.uploads.schemas import UploadedColumn, UploadResponse
from scripts.model_kinds import ABILITIES, COVARIATES, MATRIX, ability_rows, capability_rows, covariate_rows
from ui.settings import Settings as PageSettings

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"<!-- generated: (?P<name>[\w ]+) -->\n.*?<!-- end -->", re.DOTALL)
BODIES: tuple[type[BaseModel], ...] = (
    Problem,
    ProblemCell,
    UploadedColumn,
    UploadResponse,
    NewClient,
    NewKey,
)
TYPES = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false"}
BOUNDS = (
    ("minimum", "from {}"),
    ("exclusiveMinimum", "above {}"),
    ("maximum", "to {}"),
    ("exclusiveMaximum", "and below {}"),
)


def list_pages() -> list[Path]:
    """Return the pages that may have generated tables."""
    return [
        ROOT / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "forecast/models").glob("*/documentation/*.md")),
    ]


def rewrite(text: str, page: Path) -> str:
    """Return a page's text with its tables as the code is now."""

    def fill(block: re.Match[str]) -> str:
        kind, _, subject = block["name"].partition(" ")
        return f"<!-- generated: {block['name']} -->\n{TABLES[kind](subject, page)}\n<!-- end -->"

    return BLOCK.sub(fill, text)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    lines = [heads, ["---"] * len(heads), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def field_rows(kind: type[BaseModel]) -> Iterator[tuple[str, str, str, str]]:
    """Yield name, type, default and description of each field."""
    schema = kind.model_json_schema()
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        default = field.get("default")
        shown = "required" if name in required else "–" if default is None else f"`{json.dumps(default)}`"
        words = write_type(field, nullable=name in required)
        yield f"`{name}`", words, shown, field.get("description", "")


def write_type(schema: dict[str, Any], *, nullable: bool = True) -> str:
    """Return a JSON schema in words."""
    if "anyOf" in schema:
        parts = [part for part in schema["anyOf"] if nullable or part.get("type") != "null"]
        return " or ".join(write_type(part) for part in parts)
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "any value")
    if kind == "array":
        inner = write_type(schema["items"])
        return f"list of ({inner})" if "anyOf" in schema["items"] else f"list of {inner}"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"object of {write_type(values)}" if isinstance(values, dict) else "object"
    bounds = [text.format(schema[key]) for key, text in BOUNDS if key in schema]
    return " ".join([TYPES.get(kind, kind), *bounds])


def write_request(kind: type[BaseModel]) -> str:
    """Return the table of a body that callers send."""
    return table(("field", "type", "default", "meaning"), field_rows(kind))


def write_response(kind: type[BaseModel]) -> str:
    """Return the table of a body that callers receive."""
    rows = [(name, words, told) for name, words, _, told in field_rows(kind)]
    if any(told for *_, told in rows):
        return table(("field", "type", "meaning"), rows)
    return table(("field", "type"), [row[:2] for row in rows])


def write_fields(name: str, page: Path) -> str:
    """Return the table of a body of the API, by the name of its class."""
    found = {body.__name__: body for body in BODIES}
    homes = (schemas, parameters, responses, tables)
    kind = found.get(name) or next(getattr(home, name) for home in homes if hasattr(home, name))
    return write_request(kind) if issubclass(kind, schemas.Body) else write_response(kind)


def write_models(_: str, page: Path) -> str:
    """Return the table of the active models, linked to their documentation."""
    rows = []
    for model_id in get_available_models():
        entry, can = MODEL_REGISTRY[model_id], get_service(model_id).adapter.capabilities
        link = os.path.relpath(ROOT / "forecast/models" / model_id / "documentation/overview.md", page.parent)
        weights = own_type(model_id, ModelSettings).model_fields["default_checkpoint"].default
        rows.append(
            (
                f"[`{model_id}`]({link})",
                entry["description"],
                entry["use_it_when"],
                f"`{weights}`" if weights else "none",
                can.max_context or "no limit",
                can.max_horizon or "no limit",
                COVARIATES[can.covariates],
                write_bytes(entry["memory_bytes"]),
                entry["speed"],
                entry["licence"],
            )
        )
    heads = "id, what it is, use it when, weights, context, horizon, covariates, memory, speed, licence"
    return table(heads.split(", "), rows)


def write_bytes(count: int | None) -> str:
    """Return a number of bytes in words."""
    return f"{(count or 0) / 1e9:.2g} GB"


def write_speeds(_: str, page: Path) -> str:
    """Return the table of the speed classes."""
    return table(("speed", "one series takes"), [(f"`{speed}`", told) for speed, told in SPEEDS.items()])


def write_errors(_: str, page: Path) -> str:
    """Return the table of all errors, from the root of their tree."""
    rows = (
        (error.status, f"`{error.code}`", error.__name__, (error.__doc__ or "").split("\n", 1)[0])
        for error in sorted(walk(SapheneiaError), key=lambda error: error.status)
    )
    return table(("status", "error", "class", "when"), rows)


def walk(kind: type[SapheneiaError]) -> Iterator[type[SapheneiaError]]:
    """Yield an error and all errors below it."""
    yield kind
    for child in kind.__subclasses__():
        yield from walk(child)


def write_limits(_: str, page: Path) -> str:
    """Return the table of the gateway's limits with their settings."""
    names = [name for name in Settings.model_fields if name.startswith(("rate_limit", "max_", "data_url"))]
    return write_settings_of(Settings, names)


def own_type(model_id: str, base: type[BaseModel]) -> type[BaseModel]:
    """Return a model's own subclass of a schema, or the schema itself where it has none."""
    module = import_module(f"{MODEL_REGISTRY[model_id]['module']}.schemas.schema")
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
    ]
    return own[0] if own else base


def write_initialization(model_id: str, page: Path) -> str:
    """Return the table of a model's initialization."""
    return write_request(own_type(model_id, schemas.InitializationRequest))


def write_options(model_id: str, page: Path) -> str:
    """Return the table of the parameters that only this model has, or that there are none."""
    kind = get_service(model_id).adapter.options_type
    if not kind.model_fields:
        return "There are no parameters of this model's own."
    heads = ("parameter", "type", "default", "meaning")
    return table(heads, field_rows(kind))


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


def write_capabilities(model_id: str, page: Path) -> str:
    """Return the table of what a model can do."""
    return table(("capability", "value"), capability_rows(get_service(model_id).adapter.capabilities))


def write_abilities(_: str, page: Path) -> str:
    """Return the table of what each model, and each family of its checkpoints, can do."""
    return table(ABILITIES, ability_rows())


def write_covariates(_: str, page: Path) -> str:
    """Return the matrix of the covariates that each model uses."""
    return table(MATRIX, covariate_rows())


def write_calendar(_: str, page: Path) -> str:
    """Return the table of the covariates that are made of dates."""
    steps = {1: "a day", 2: "two days", 7: "a week", 28: "a month", 365: "a year"}
    rows = ((f"`{name}`", meaning, kind, steps[within]) for name, kind, within, meaning in calendar_rows())
    return table(("name", "meaning", "kind", "for steps shorter than"), rows)


TABLES: dict[str, Callable[[str, Path], str]] = {
    "fields": write_fields,
    "models": write_models,
    "speeds": write_speeds,
    "errors": write_errors,
    "limits": write_limits,
    "initialization": write_initialization,
    "options": write_options,
    "settings": write_settings,
    "page": write_page,
    "tokens": write_tokens,
    "capabilities": write_capabilities,
    "abilities": write_abilities,
    "covariates": write_covariates,
    "calendar": write_calendar,
}


def main(arguments: Sequence[str]) -> int:
    """Rewrite the pages, or with `--check` say which are stale; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing and exit with 1 if a page is stale"
    )
    check = parser.parse_args(arguments).check
    stale = []
    for page in list_pages():
        text = page.read_text()
        fresh = rewrite(text, page)
        if fresh != text:
            stale.append(page.relative_to(ROOT))
            if not check:
                page.write_text(fresh)
    said = "stale" if check else "rewritten"
    sys.stdout.writelines(f"{said}: {page}\n" for page in stale)
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
