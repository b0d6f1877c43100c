"""Tables of what callers send and receive, from their schemas."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from forecast.clients.schemas import NewClient, NewKey
from forecast.core import parameters, responses, schemas
from forecast.core.problem import Problem, ProblemCell
from forecast.models import get_service
from forecast.tables import schemas as tables
from forecast.uploads.schemas import UploadedColumn, UploadResponse
from scripts.documentation.markdown import table
from scripts.documentation.models import own_type

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


def write_fields(name: str, page: Path) -> str:
    """Return the table of a body of the API, by the name of its class."""
    found = {body.__name__: body for body in BODIES}
    homes = (schemas, parameters, responses, tables)
    kind = found.get(name) or next(getattr(home, name) for home in homes if hasattr(home, name))
    return write_request(kind) if issubclass(kind, schemas.Body) else write_response(kind)


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


def write_request(kind: type[BaseModel]) -> str:
    """Return the table of a body that callers send."""
    return table(("field", "type", "default", "meaning"), field_rows(kind))


def write_response(kind: type[BaseModel]) -> str:
    """Return the table of a body that callers receive."""
    rows = [(name, words, told) for name, words, _, told in field_rows(kind)]
    if any(told for *_, told in rows):
        return table(("field", "type", "meaning"), rows)
    return table(("field", "type"), [row[:2] for row in rows])


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
