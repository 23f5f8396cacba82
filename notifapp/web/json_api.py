"""What all JSON endpoints share: reading bodies, writing responses, and repeating those of repeated requests."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Mapping
from functools import wraps
from io import BytesIO
from typing import Any, NoReturn, ParamSpec, cast
from urllib.parse import parse_qsl
from zlib import crc32

from flask import Response, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from notifapp.access import ProjectRef
from notifapp.config import MAX_BODY_BYTES
from notifapp.errors import DomainError, ErrorCode, StaleVersion, ValidationFailed
from notifapp.idempotency import service as idempotency
from notifapp.idempotency.service import Reply
from notifapp.web import error_responses

P = ParamSpec("P")

_encode = json.JSONEncoder(ensure_ascii=False).encode
_CHARSETS = frozenset(
    {
        "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "ascii",
        "iso8859-1",
    }
)  # fmt: skip
IDEMPOTENCY_KEY, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
_VISIBLE = re.compile(r"[!-~]{1,255}")
_VERSION_TAG = re.compile(r"(\d{1,9})-[0-9a-f]{8}")


class MalformedBody(DomainError):
    """The body can't be parsed."""

    code = ErrorCode.PARSE_ERROR


class UnsupportedMediaType(DomainError):
    """The body's media type isn't supported."""

    status = 415
    code = ErrorCode.UNSUPPORTED_MEDIA_TYPE

    def __init__(self, media_type: str) -> None:
        super().__init__(f'Unsupported media type "{media_type}" in request.')


class InvalidKey(DomainError):
    """The `Idempotency-Key` is malformed."""

    code = ErrorCode.INVALID_KEY
    detail = f"The header {IDEMPOTENCY_KEY} must have 1 to 255 visible ASCII characters."


def idempotent(view: Callable[P, Response]) -> Callable[P, Response]:
    """Carry a request with an `Idempotency-Key` out once for its project and path, and answer it alike for 24 hours.

    It stands below the declaration of who may call. Requests without the header are none of its business.
    """

    @wraps(view)
    def once(*args: P.args, **kwargs: P.kwargs) -> Response:
        key = request.headers.get(IDEMPOTENCY_KEY)
        if key is None:
            return view(*args, **kwargs)
        if not _VISIBLE.fullmatch(key):
            raise InvalidKey
        project = cast(ProjectRef, kwargs["project"])
        claimed = idempotency.claim((str(project.id), request.path.rstrip("/")), key, _meaning())
        if isinstance(claimed, Reply):
            return Response(claimed.body, claimed.status, {REPLAYED: "true"}, mimetype="application/json")
        try:
            response = view(*args, **kwargs)
        except DomainError as error:
            response = cast(Response, error_responses.respond(error))
        except BaseException:
            idempotency.release(claimed)
            raise
        idempotency.settle(claimed, Reply(response.status_code, response.get_data(as_text=True)))
        return response

    return once


def read_fields() -> Mapping[str, Any]:
    """The body's fields, from JSON or a form; an empty body has none.

    Raise `UnsupportedMediaType`, `MalformedBody`, or `ValidationFailed` for JSON that isn't an object.
    """
    data = _whole_body()
    if not data:
        return {}
    match request.mimetype:
        case "application/json":
            return _json_object(_decode(data))
        case "application/x-www-form-urlencoded":
            return dict(parse_qsl(data.decode(errors="replace"), keep_blank_values=True))
        case "multipart/form-data":
            return _parts(data)
    raise UnsupportedMediaType(request.content_type or "")


def json_response(
    data: object, *, status: int = 200, tag: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """A JSON response, with `tag` as its strong ETag."""
    response = Response(_encode(data), status=status, mimetype="application/json", headers=headers)
    if tag is not None:
        response.headers["ETag"] = f'"{tag}"'
    return response


def version_tag(version: int, *names: str | None) -> str:
    """The ETag of a version shown with these names: a strong ETag must change whenever the body does."""
    return f"{version}-{crc32(repr(names).encode()):08x}"


def expected_version(in_force: Callable[[], int]) -> int | None:
    """The version that `If-Match` requires; None if the header is missing or `*` (RFC 9110, 13.1.1).

    If the header lists several versions, return the one `in_force`. Raise `StaleVersion` if that isn't among them,
    or if the header lists no version of ours.
    """
    if "If-Match" not in request.headers or request.headers["If-Match"].strip() == "*":
        return None
    matches = [_VERSION_TAG.fullmatch(tag or "") for tag in request.if_match.as_set()]
    versions = {int(match[1]) for match in matches if match}
    if len(versions) > 1:
        versions &= {in_force()}
    if not versions:
        raise StaleVersion
    return versions.pop()


def _meaning() -> bytes:
    """What a request says: its body, and how that is to be read."""
    return request.mimetype.encode() + b"\n" + _whole_body()


def _whole_body() -> bytes:
    """The body. Raise `RequestEntityTooLarge` also for a chunked one, which Werkzeug would truncate at the limit."""
    data = request.get_data()
    has_no_length = request.content_length is None
    if has_no_length and len(data) == MAX_BODY_BYTES and request.environ["wsgi.input"].read(1):
        raise RequestEntityTooLarge
    return data


def _parts(data: bytes) -> Mapping[str, Any]:
    parser = FormDataParser(silent=False, stream_factory=_in_memory)
    try:
        _, form, files = parser.parse(BytesIO(data), request.mimetype, len(data), request.mimetype_params)
    except ValueError as error:
        raise MalformedBody(f"Multipart form parse error - {error}") from None
    fields: dict[str, Any] = {name: values[-1] for name, values in form.lists()}
    for name, uploads in files.lists():
        # As in Django, a part with an empty file name is a field.
        fields[name] = uploads[-1] if uploads[-1].filename else uploads[-1].read().decode(errors="replace")
    return fields


def _in_memory(*_: object, **__: object) -> BytesIO:
    """Keep uploaded files in memory: the whole body is at most 64 KiB."""
    return BytesIO()


def _decode(data: bytes) -> str:
    charset = _charset(request.mimetype_params.get("charset") or "utf-8")
    try:
        return data.decode(charset)
    except UnicodeError as error:
        raise MalformedBody(f"JSON parse error - {error}") from None


def _charset(name: str) -> str:
    """The codec of a charset. Raise `UnsupportedMediaType` for the many that nobody needs for JSON."""
    try:
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):
        codec = ""
    if codec not in _CHARSETS:
        raise UnsupportedMediaType(request.content_type or "")
    return codec


def _json_object(text: str) -> Mapping[str, Any]:
    try:
        data = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise MalformedBody(f"JSON parse error - {error}") from None
    if data is None:
        raise ValidationFailed({"non_field_errors": ["No data provided"]})
    if not isinstance(data, dict):
        kind = type(data).__name__
        raise ValidationFailed({"non_field_errors": [f"Invalid data. Expected a dictionary, but got {kind}."]})
    return data


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"Out of range float values are not JSON compliant: {constant!r}")


# Created once: with an option, `json.loads` would create a new decoder for each call.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
