"""Typed domain errors, and the one place where each becomes a page or a JSON body."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus

from flask import Flask, Response, g, json, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

_log = logging.getLogger("notifapp.errors")


class DomainError(Exception):
    """A request that can't be carried out. `status` is its HTTP status, `detail` what a person may read."""

    status = 400
    detail = "The request could not be carried out."

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or self.detail)
        self.detail = detail or self.detail

    def body(self) -> Mapping[str, object]:
        """The JSON body of this error, as the contract has it."""
        return {"detail": self.detail}

    def headers(self) -> Mapping[str, str]:
        """Response headers that belong to this error."""
        return {}


class MalformedBody(DomainError):
    """The body can't be read at all."""


class ValidationFailed(DomainError):
    """Input was refused. `errors` holds every failing field at once: {field: [message, …]}."""

    detail = "Some of the values can't be saved."

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__()
        self.errors = dict(errors)

    def body(self) -> Mapping[str, object]:
        """The failing fields with their messages."""
        return self.errors


class InvalidCode(DomainError):
    """A one-time code that doesn't count. Wrong, used, replaced and unknown look alike; `expired` is said."""

    def __init__(self, *, attempts_left: int, expired: bool = False) -> None:
        super().__init__("This code has expired." if expired else "Invalid code.")
        self.attempts_left = attempts_left
        self.expired = expired

    def body(self) -> Mapping[str, object]:
        """The field's message, and how many tries are left."""
        status = {"status": "expired"} if self.expired else {}
        return {"code": [self.detail], "attempts_left": self.attempts_left, **status}


class Unauthenticated(DomainError):
    """Nobody is calling, or with credentials that don't count (RFC 9110, 15.5.2)."""

    status = 401
    detail = "Authentication credentials were not provided."

    def headers(self) -> Mapping[str, str]:
        """The challenge that a 401 must carry."""
        return {"WWW-Authenticate": "Token"}


class Forbidden(DomainError):
    """The caller is known and may not do this."""

    status = 403
    detail = "You do not have permission to perform this action."


class NotFound(DomainError):
    """No such thing, or none that the caller may know of."""

    status = 404
    detail = "Not found."


class NotAcceptable(DomainError):
    """The Accept header leaves out everything that can be answered."""

    status = 406
    detail = "Could not satisfy the request Accept header."


class Conflict(DomainError):
    """The change doesn't fit what is there now."""

    status = 409
    detail = "This conflicts with the current state."


class ProjectArchived(Conflict):
    """An archived project can be looked at, not changed."""

    detail = "This project is archived: nothing in it can be changed until it is restored."


class StaleVersion(DomainError):
    """The settings have changed since the version that the caller had in hand (RFC 9110, 13.1.1)."""

    status = 412
    detail = "The settings have changed since you read them. Read them again before you save."


class UnsupportedMediaType(DomainError):
    """The body is of a type that isn't read here."""

    status = 415

    def __init__(self, media_type: str) -> None:
        super().__init__(f'Unsupported media type "{media_type}" in request.')


class TooManyRequests(DomainError):
    """A limit is reached; `retry_after` is the number of seconds to wait."""

    status = 429

    def __init__(self, retry_after: int, detail: str | None = None) -> None:
        super().__init__(detail or f"Too many attempts. Try again in {retry_after} seconds.")
        self.retry_after = retry_after

    def headers(self) -> Mapping[str, str]:
        """How long to wait, in seconds."""
        return {"Retry-After": str(self.retry_after)}


class Unavailable(DomainError):
    """The database can't be reached or is too busy to answer in time."""

    status = 503
    detail = "The database can't be reached right now. Try again in a moment."

    def headers(self) -> Mapping[str, str]:
        """When it is worth another try, in seconds."""
        return {"Retry-After": "5"}


def is_api() -> bool:
    """Whether this request is for the JSON API, where tokens alone count and every answer is JSON."""
    return request.path.startswith("/api/")


def init_app(app: Flask) -> None:
    """Turn every error into a page, or under `/api/` into JSON."""
    app.register_error_handler(DomainError, _answer)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(OperationalError, _database_error)
    app.register_error_handler(Exception, _unexpected)


def _answer(error: DomainError) -> AnyResponse:
    if is_api():
        body = json.dumps(error.body(), ensure_ascii=False)
        return Response(body, status=error.status, mimetype="application/json", headers=dict(error.headers()))
    if isinstance(error, Unauthenticated):
        return redirect(url_for("account.sign_in", next=_return_path()))
    page = render_template(
        "errors/error.html",
        status=error.status,
        title=_TITLES.get(error.status, HTTPStatus(error.status).phrase),
        message=_MESSAGES.get(error.status) if error.detail == type(error).detail else error.detail,
        request_id=g.request_id,
    )
    return Response(page, status=error.status, headers=dict(error.headers()))


def _return_path() -> str | None:
    """Where to go on after signing in: a page that can simply be opened again, never another site."""
    return request.full_path.rstrip("?") if request.method == "GET" and request.path != "/" else None


def _http_error(error: HTTPException) -> AnyResponse:
    status = error.code or 500
    if status < 400:
        return error.get_response()
    answer = _answer(_Http(status, _detail(error)))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return answer


class _Http(DomainError):
    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def _detail(error: HTTPException) -> str:
    if isinstance(error, MethodNotAllowed) and is_api():
        return f'Method "{request.method}" not allowed.'
    if isinstance(error, RequestEntityTooLarge) and is_api():
        return "The body is too large: at most 64 KiB are read."
    if isinstance(error, CSRFError):
        return "The page was open for too long or was sent from elsewhere. Go back, reload it, and send it again."
    if error.code == NotFound.status and is_api():
        return NotFound.detail
    return _MESSAGES.get(error.code or 500) or HTTPStatus(error.code or 500).phrase


def _database_error(error: OperationalError) -> AnyResponse:
    _log.error("the database failed", exc_info=error)
    return _answer(Unavailable())


def _unexpected(error: Exception) -> AnyResponse:
    _log.error("unexpected error", exc_info=error)
    return _answer(_Http(500, "Something went wrong on our side. Nothing was saved."))


_TITLES = {
    400: "That request can't be read",
    403: "Not allowed",
    404: "Page not found",
    405: "Not possible here",
    409: "This can't be done now",
    412: "Changed in the meantime",
    413: "Too much at once",
    429: "Too many attempts",
    500: "Something went wrong",
    503: "Not available right now",
}

_MESSAGES = {
    400: "Something in the request was malformed. Go back and try again.",
    403: "Your account has no permission for this. If you need it for your work, ask an admin.",
    404: "There is no such page, or it belongs to a project that you are not a member of.",
    405: "This address doesn't answer that kind of request. Open it from the menu instead.",
    409: "What you asked for doesn't fit the present state. Reload the page and look again.",
    412: StaleVersion.detail,
    413: "What was sent is larger than the 64 KiB that are read here.",
    503: Unavailable.detail,
}
