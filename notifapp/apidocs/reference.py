"""The OpenAPI document, arranged for the reference page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from http import HTTPStatus

from notifapp.access import Permission
from notifapp.apidocs.document import document
from notifapp.apidocs.schemas import Field, FieldTable, describe, resolve, tables
from notifapp.web.openapi import SECURITY_SCHEME, Json

METHODS = ("get", "post", "put", "patch", "delete")
_OF_EVERY_ERROR = {"Nothing was changed.", "No code was sent."}


@dataclass(frozen=True)
class Parameter:
    """A parameter of the path, the query or a header."""

    place: str
    field: Field
    example: object | None = None


@dataclass(frozen=True)
class Example:
    """A JSON value and its summary."""

    summary: str
    value: object


@dataclass(frozen=True)
class ResponseDoc:
    """A response of an operation; `headers` are pairs of name and meaning.

    A shared one is the same for every operation that returns it.
    """

    status: int
    is_shared: bool
    description: str
    headers: list[tuple[str, str]]
    tables: list[FieldTable]
    examples: list[Example]

    @property
    def phrase(self) -> str:
        """The reason phrase of the status, such as "Not Found"."""
        return HTTPStatus(self.status).phrase


@dataclass(frozen=True)
class Operation:
    """A method of a path, with everything that the page shows of it."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    permissions: list[Permission]
    parameters: list[Parameter]
    body: list[FieldTable]
    body_types: list[str]
    requests: list[Example]
    responses: list[ResponseDoc]

    def fields_in(self, place: str) -> list[Field]:
        """Its parameters in this place: "path", "query" or "header"."""
        return [parameter.field for parameter in self.parameters if parameter.place == place]

    @property
    def success(self) -> ResponseDoc:
        """The successful response."""
        return next(response for response in self.responses if 200 <= response.status < 300)


@dataclass(frozen=True)
class Chapter:
    """The operations of one feature. `id` is the chapter's anchor on the page."""

    id: str
    title: str
    description: str
    operations: list[Operation]


@cache
def chapters() -> list[Chapter]:
    """The reference's chapters, in order."""
    operations = list(_operations())
    return [
        Chapter(
            id=tag["name"].lower().replace(" ", "-"),
            title=tag["name"],
            description=tag["description"],
            operations=[operation for name, operation in operations if name == tag["name"]],
        )
        for tag in document()["tags"]
    ]


@cache
def error_responses() -> list[ResponseDoc]:
    """The error responses of all operations, by status, with what any operation says of it."""
    found: dict[int, ResponseDoc] = {}
    for _tag, operation in _operations():
        for response in operation.responses:
            if response.status >= 400:
                known = found.setdefault(response.status, response)
                found[response.status] = _merged(known, response)
    return [found[status] for status in sorted(found)]


@cache
def permissions() -> dict[Permission, list[Operation]]:
    """The operations that each permission code allows."""
    opened: dict[Permission, list[Operation]] = {}
    for _tag, operation in _operations():
        for permission in operation.permissions:
            opened.setdefault(permission, []).append(operation)
    return dict(sorted(opened.items()))


def _operations() -> Iterator[tuple[str, Operation]]:
    for path, item in document()["paths"].items():
        for method in METHODS:
            if method in item:
                about = item[method]
                yield about["tags"][0], _operation(path, method, about, item.get("parameters", []))


def _operation(path: str, method: str, about: Json, shared_parameters: list[Json]) -> Operation:
    content = about.get("requestBody", {}).get("content", {})
    body = content.get("application/json", {})
    return Operation(
        id=about["operationId"],
        method=method.upper(),
        path=path,
        summary=about["summary"],
        description=about["description"],
        permissions=[Permission(int(code)) for choice in about["security"] for code in choice[SECURITY_SCHEME]],
        parameters=[_parameter(resolve(parameter)) for parameter in (*shared_parameters, *about["parameters"])],
        body=tables(body["schema"]) if body else [],
        body_types=list(content),
        requests=_examples(body),
        responses=[_response(int(status), response) for status, response in about["responses"].items()],
    )


def _parameter(parameter: Json) -> Parameter:
    described = parameter["schema"] | {"description": parameter["description"]}
    field = describe(parameter["name"], described, required=parameter.get("required", False))
    return Parameter(parameter["in"], field, parameter.get("example"))


def _response(status: int, described: Json) -> ResponseDoc:
    response = resolve(described)
    content = response.get("content", {}).get("application/json", {})
    headers = {name: resolve(header) for name, header in response["headers"].items()}
    return ResponseDoc(
        status=status,
        is_shared=response is not described,
        description=response["description"],
        headers=[(name, header["description"]) for name, header in headers.items()],
        tables=tables(content["schema"]) if content and status < 300 else [],
        examples=_examples(content),
    )


def _merged(one: ResponseDoc, other: ResponseDoc) -> ResponseDoc:
    """Both responses of the same status as one, without what is true of every error: that it changed nothing."""
    sentences = dict.fromkeys(f"{one.description} {other.description}".replace(". ", ".\n").splitlines())
    examples = [*one.examples, *(example for example in other.examples if example not in one.examples)]
    description = " ".join(sentence for sentence in sentences if sentence not in _OF_EVERY_ERROR)
    return replace(one, description=description, examples=examples)


def _examples(content: Json) -> list[Example]:
    return [Example(example["summary"], example["value"]) for example in content.get("examples", {}).values()]
