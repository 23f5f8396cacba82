"""What all parts of the OpenAPI document share: headers, errors, and helpers to build operations.

Each feature describes its endpoints in its own openapi.py; notifapp/apidocs assembles and renders the document.
OpenAPI 3.1: https://spec.openapis.org/oas/v3.1.1.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from notifapp import errors
from notifapp.access import NotAcceptable, Permission, ProjectArchived
from notifapp.config import MAX_BODY_BYTES
from notifapp.errors import ErrorCode
from notifapp.web.json_api import UnsupportedMediaType

Json = dict[str, Any]

SECURITY_SCHEME = "token"
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
NOT_AN_OBJECT = {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}
MESSAGES: Json = {"type": "array", "items": {"type": "string"}, "minItems": 1}

# What each code means, in the order of the documentation.
ERROR_CODES = {
    ErrorCode.INVALID: "a field is missing or invalid",
    ErrorCode.PARSE_ERROR: "the body can't be read",
    ErrorCode.INVALID_KEY: "the `Idempotency-Key` is malformed",
    ErrorCode.KEY_REUSED: "the `Idempotency-Key` came with another request before",
    ErrorCode.UNDER_WAY: "the first request with this `Idempotency-Key` isn't answered yet",
    ErrorCode.INVALID_CODE: "the customer's code is wrong or replaced, or the challenge unknown",
    ErrorCode.INCOMPLETE_CODE: "the customer's code has too few or too many digits; no attempt was counted",
    ErrorCode.EXPIRED_CODE: "the customer's code came too late",
    ErrorCode.USED_CODE: "the customer's code is right, but it was accepted before",
    ErrorCode.NOT_AUTHENTICATED: "the token is missing or invalid",
    ErrorCode.PERMISSION_DENIED: "the token's user lacks the permission code",
    ErrorCode.NOT_FOUND: "no such path or challenge",
    ErrorCode.METHOD_NOT_ALLOWED: "the path doesn't support this method",
    ErrorCode.NOT_ACCEPTABLE: "the `Accept` header excludes JSON",
    ErrorCode.CONFLICT: "the project was archived in that very moment",
    ErrorCode.CHALLENGE_CLOSED: "the challenge is over, so it takes no further code",
    ErrorCode.NO_NOTIFIER: "the settings name no notifier for the channel",
    ErrorCode.NOTIFIER_DISABLED: "the notifier that the settings name is disabled",
    ErrorCode.TOO_LARGE: "the body is too large",
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: "the body's media type isn't supported",
    ErrorCode.TOO_SOON: "a code was sent to this recipient just now",
    ErrorCode.TOO_MANY_CODES: "three codes of the challenge are still valid",
    ErrorCode.HOURLY_LIMIT: "too many codes were sent to this recipient in the last hour",
    ErrorCode.DAILY_LIMIT: "too many codes were sent to this recipient in the last day",
    ErrorCode.TOO_MANY_WRONG_CODES: "the recipient has to wait after too many wrong codes",
    ErrorCode.RECIPIENT_BLOCKED: "the recipient is blocked for a day, or until released, after too many wrong codes",
    ErrorCode.PROJECT_LIMIT: "the project has sent as many codes as it may in an hour or a day",
    ErrorCode.TOKEN_LIMIT: "the token has sent as many codes as it may in an hour or a day",
    ErrorCode.CLIENT_LIMIT: "the `client` of the request has been sent as many codes as it may in an hour or a day",
    ErrorCode.UNUSUAL_TRAFFIC: "too many codes to this country, or to numbers that begin alike, were not verified",
    ErrorCode.GUESSING_SUSPECTED: "too many wrong codes were entered in the project in this hour",
    ErrorCode.SERVER_ERROR: "an error on our side",
    ErrorCode.UNAVAILABLE: "the database can't be reached or is too busy",
}
ERROR_CODE: Json = {
    "type": "string",
    "enum": [code.value for code in ERROR_CODES],
    "description": "; ".join(f"`{code}`: {meaning}" for code, meaning in ERROR_CODES.items()) + ".",
}


@dataclass(frozen=True)
class Part:
    """A feature's chapter of the reference: its schemas by name and its operations by path."""

    title: str
    description: str
    schemas: Json = field(default_factory=dict)
    paths: Json = field(default_factory=dict)


def ref(kind: str, name: str) -> Json:
    """A reference to a component; `kind` is schemas, responses, headers or parameters."""
    return {"$ref": f"#/components/{kind}/{name}"}


def operation(
    operation_id: str,
    *,
    summary: str,
    description: str,
    permission: Permission | tuple[Permission, ...] = (),
    responses: Mapping[str, Json],
    parameters: Iterable[Json] = (),
    body: Json | None = None,
) -> Json:
    """An operation that needs a token with `permission`, with one of several, or any token.

    The responses that every operation may return are added to `responses`.
    """
    permissions = (permission,) if isinstance(permission, Permission) else permission
    common = {status: ref("responses", name) for status, name in _ALWAYS.items()}
    if body:
        common |= {status: ref("responses", name) for status, name in _WITH_BODY.items()}
    described: Json = {
        "operationId": operation_id,
        "summary": summary,
        "description": description,
        # For schemes other than OAuth the list contains the required roles (OpenAPI 3.1.1, 4.8.30).
        "security": [{SECURITY_SCHEME: [str(int(code))]} for code in permissions] or [{SECURITY_SCHEME: []}],
        "parameters": [*parameters, ref("parameters", "X-Request-ID")],
        "responses": dict(sorted((common | dict(responses)).items())),
    }
    return described | ({"requestBody": body} if body else {})


def body(schema: str, examples: Mapping[str, Json], *, required: bool, forms: bool = True) -> Json:
    """A request body: JSON, and both form types if `forms` is true."""
    content: Json = {"application/json": {"schema": ref("schemas", schema), "examples": dict(examples)}}
    if forms:
        content |= {media_type: {"schema": ref("schemas", schema)} for media_type in FORM_TYPES}
    return {"required": required, "content": content}


def response(description: str, schema: Json, examples: Mapping[str, object], *headers: str) -> Json:
    """A JSON response; `examples` maps summaries to values, `headers` names those beyond the ones of every response."""
    named = {f"example{number}": example(text, value) for number, (text, value) in enumerate(examples.items(), 1)}
    content = {"application/json": {"schema": schema, "examples": named}}
    return {"description": description, "headers": _headers(*headers), "content": content}


def example(summary: str, value: object) -> Json:
    """An example and its summary."""
    return {"summary": summary, "value": value}


def no_content(description: str) -> Json:
    """The 204 of an operation that returns nothing."""
    return {"description": description, "headers": _headers()}


def not_modified() -> Json:
    """The 304 for a client that already has the current state."""
    return {"description": "Nothing has changed: you have the current version.", "headers": _headers("ETag")}


def bad_request(schema: str, examples: Mapping[str, object]) -> Json:
    """The 400 of an operation with a body: invalid fields, or a body that can't be read."""
    unreadable = {
        "Not JSON": {"detail": "JSON parse error - Expecting value: line 1 column 1 (char 0)"},
        "JSON, but not an object": NOT_AN_OBJECT,
    }
    either = {"anyOf": [ref("schemas", schema), ref("schemas", "Error")]}
    text = "Some values are invalid, each with its reasons, or the body can't be read. Nothing was changed."
    return response(text, either, {**examples, **unreadable})


def field_errors(properties: Iterable[str]) -> Json:
    """The schema of invalid fields: those of `properties`, or the body as a whole."""
    return {
        "type": "object",
        "description": "All invalid fields and their messages.",
        "properties": dict.fromkeys((*properties, "non_field_errors"), MESSAGES),
        "additionalProperties": False,
        "minProperties": 1,
    }


def nullable(schema: Json) -> Json:
    """This schema, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def _headers(*names: str) -> Json:
    return {name: ref("headers", name) for name in (*names, "X-Request-ID")}


def _error(description: str, examples: Iterable[str], *headers: str) -> Json:
    values = {detail: {"detail": detail} for detail in examples}
    return response(description, ref("schemas", "Error"), values, *headers)


_ALWAYS = {
    "401": "Unauthenticated",
    "403": "Forbidden",
    "405": "MethodNotAllowed",
    "406": "NotAcceptable",
    "500": "ServerError",
    "503": "Unavailable",
}
_WITH_BODY = {"409": "Archived", "413": "TooLarge", "415": "UnsupportedMediaType"}

COMPONENTS: Json = {
    "securitySchemes": {
        SECURITY_SCHEME: {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token <key>`. The key belongs to one user in one project, and may do what that user may "
            "do there at the time of the request. Each operation's security requirement names the permission code that "
            "it needs; admins need none.",
        }
    },
    "schemas": {
        "Error": {
            "type": "object",
            "description": "What went wrong, in a sentence; under `/api/otp/` also as a code.",
            "properties": {"detail": {"type": "string"}, "code": ERROR_CODE},
            "required": ["detail"],
            "additionalProperties": False,
        }
    },
    "headers": {
        "ETag": {
            "description": "The strong ETag of this version. Send it back in `If-None-Match` or `If-Match`.",
            "required": True,
            "schema": {"type": "string", "pattern": '^"[^"]+"$'},
            "example": '"7-8f14e45f"',
        },
        "X-Request-ID": {
            "description": "The id of this request in the server's log: the one you sent, or a new one.",
            "required": True,
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{8,64}$"},
            "example": "c0ffee5e4b1d4f1f9a3f2d7b6a1e0c42",
        },
        "WWW-Authenticate": {
            "description": "How to authenticate.",
            "required": True,
            "schema": {"type": "string", "const": "Token"},
            "example": "Token",
        },
        "Allow": {
            "description": "The methods that this path supports.",
            "required": True,
            "schema": {"type": "string"},
            "example": "GET, HEAD, OPTIONS, PATCH",
        },
        "Retry-After": {
            "description": "Seconds to wait before trying again.",
            "required": True,
            "schema": {"type": "integer", "minimum": 1},
            "example": 5,
        },
        "RateLimit-Policy": {
            "description": "The limits of sending to this recipient, or the one that refused, each named after its "
            "error code: `q` codes within `w` seconds. Without `w` it counts what is so now; `q=0` says that nothing "
            "is sent for now, whatever was sent before. See draft-ietf-httpapi-ratelimit-headers.",
            "schema": {"type": "string"},
            "example": '"too_soon";q=1;w=60, "hourly_limit";q=5;w=3600',
        },
        "RateLimit": {
            "description": "Of each limit, `r` codes that are left, and in how many seconds `t` there will be more.",
            "schema": {"type": "string"},
            "example": '"too_soon";r=0;t=60, "hourly_limit";r=4;t=3600',
        },
        "Idempotency-Replayed": {
            "description": "`true` if this is the kept response to an earlier request with the same key.",
            "schema": {"type": "string", "const": "true"},
        },
    },
    "parameters": {
        "Idempotency-Key": {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "A name of your own for this request, such as a UUID. Send it again, with the same body, if "
            "no response came: for 24 hours you get the first one, and nothing is done twice. It counts for this path, "
            "for all tokens of the project. Responses 409, 429 and 5xx are not kept.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
            "example": "5a0c2f6e-9d0b-4a56-8f0e-2f1d7c3b9e41",
        },
        "X-Request-ID": {
            "name": "X-Request-ID",
            "in": "header",
            "description": "Your own id for this request, to find it in the logs of both sides: 8 to 64 letters, "
            "digits, dots, underscores or hyphens. Anything else is replaced.",
            "schema": {"type": "string"},
        },
        "If-None-Match": {
            "name": "If-None-Match",
            "in": "header",
            "description": "The `ETag` of the version you have. If it is still current, the response is an empty 304.",
            "schema": {"type": "string"},
        },
        "If-Match": {
            "name": "If-Match",
            "in": "header",
            "description": "The `ETag` of the version you read. If it is no longer current, the response is 412 and "
            "nothing is changed. Without this header, the supplied fields are always written.",
            "schema": {"type": "string"},
        },
    },
    "responses": {
        "Unauthenticated": _error(
            "The token is missing, unknown, expired or revoked, or its user is deactivated or its project archived.",
            (errors.Unauthenticated.detail, "Invalid token.", "User inactive or deleted."),
            "WWW-Authenticate",
        ),
        "Forbidden": _error("The token's user lacks the permission code.", [errors.Forbidden.detail]),
        "NotFound": _error("It doesn't exist in the token's project.", [errors.NotFound.detail]),
        "MethodNotAllowed": _error("The path doesn't support this method.", ['Method "DELETE" not allowed.'], "Allow"),
        "NotAcceptable": _error("The `Accept` header excludes JSON.", [NotAcceptable.detail]),
        "Archived": _error(
            "The project was archived in that very moment. Nothing was changed.", [ProjectArchived.detail]
        ),
        "PreconditionFailed": _error("`If-Match` is stale. Nothing was changed.", [errors.StaleVersion.detail]),
        "TooLarge": _error(
            f"The body is larger than {MAX_BODY_BYTES // 1024} KiB.",
            [f"The body is too large: at most {MAX_BODY_BYTES // 1024} KiB are read."],
        ),
        "UnsupportedMediaType": _error(
            "The body's media type isn't supported.", [UnsupportedMediaType("text/plain").detail]
        ),
        "ServerError": _error(
            "An error on our side. Report it with its request id.",
            ["Something went wrong on our side. Nothing was saved."],
        ),
        "Unavailable": _error(
            "The database can't be reached or is too busy.", [errors.Unavailable.detail], "Retry-After"
        ),
    },
}
