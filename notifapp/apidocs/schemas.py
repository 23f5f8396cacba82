"""JSON Schema as tables: a row for each field of an object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from notifapp.apidocs.document import document
from notifapp.web.openapi import Json


@dataclass(frozen=True)
class Field:
    """A field's name (nested ones with dots), its type and bounds in words, and its description."""

    name: str
    type: str
    required: bool
    bounds: list[str]
    description: str


@dataclass(frozen=True)
class FieldTable:
    """The fields of an object; a table with a title describes one choice for the field `of`."""

    fields: list[Field]
    of: str = ""
    title: str = ""
    description: str = ""


def resolve(part: Json) -> Json:
    """The target of a `$ref`; anything else is returned unchanged."""
    target: Any = document()
    for step in part.get("$ref", "#").split("/")[1:]:
        target = target[step]
    return part if "$ref" not in part else target


def describe(name: str, schema: Json, *, required: bool) -> Field:
    """Describe a field in words."""
    return Field(name, _type(schema), required, list(_bounds(schema)), schema.get("description", ""))


def tables(schema: Json) -> list[FieldTable]:
    """A table of an object's fields, including nested ones, then a table for each choice that a field offers."""
    rows = list(_rows(resolve(schema), ""))
    main = FieldTable([describe(name, part, required=required) for name, part, required in rows])
    return [main] + [
        FieldTable(
            fields=[describe(*row[:2], required=row[2]) for row in _rows(choice, "")],
            of=name,
            title=choice["title"],
            description=choice["description"],
        )
        for name, part, _required in rows
        for choice in part.get("anyOf", [])
        if "title" in choice
    ]


def _rows(schema: Json, prefix: str) -> Iterator[tuple[str, Json, bool]]:
    for name, part in schema["properties"].items():
        yield prefix + name, part, name in schema.get("required", [])
        inner, suffix = _inside(part)
        if "properties" in inner:
            yield from _rows(inner, f"{prefix}{name}{suffix}.")


def _inside(part: Json) -> tuple[Json, str]:
    """The object in a field, which may be an array of it or nullable, and the suffix of its name."""
    if part.get("type") == "array":
        return resolve(part["items"]), "[]"
    choices = [choice for choice in part.get("anyOf", []) if choice.get("type") != "null"]
    return resolve(choices[0] if len(choices) == 1 else part), ""


def _type(schema: Json) -> str:
    if "anyOf" in schema:
        kinds = [resolve(choice)["type"] for choice in schema["anyOf"]]
    else:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    words = list(dict.fromkeys(kinds))
    if words == ["array"]:
        return f"array of {resolve(schema['items'])['type']}s"
    return " or ".join(words)


def _bounds(schema: Json) -> Iterator[str]:
    if "enum" in schema:
        yield "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if "minimum" in schema and "maximum" in schema:
        yield f"{schema['minimum']} to {schema['maximum']}"
    elif "minimum" in schema:
        yield f"at least {schema['minimum']}"
    if "maxLength" in schema:
        yield f"at most {schema['maxLength']} characters"
    if schema.get("format") in ("date-time", "email", "uri"):
        yield {"date-time": "date and time", "email": "email address", "uri": "URL"}[schema["format"]]
    if schema.get("default", "") != "":
        yield f"default `{json.dumps(schema['default'])}`"
