"""Renders every error: as a page, or as JSON under `/api/`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus

from flask import Flask, Response, json, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from notifapp.access import is_api
from notifapp.errors import DomainError, ErrorCode, NotFound, StaleVersion, Unauthenticated, Unavailable
from notifapp.web.logs import request_id

_log = logging.getLogger("notifapp.errors")
_WITH_CODES = "/api/otp/"
_CODES = {
    400: ErrorCode.PARSE_ERROR,
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.METHOD_NOT_ALLOWED,
    413: ErrorCode.TOO_LARGE,
    500: ErrorCode.SERVER_ERROR,
}


def init_app(app: Flask) -> None:
    """Register a handler for every error."""
    app.register_error_handler(DomainError, respond)
    app.register_error_handler(HTTPException, respond_to_http_error)
    app.register_error_handler(OperationalError, _database_error)
    app.register_error_handler(Exception, _unexpected)


def respond(error: DomainError) -> AnyResponse:
    """The error as JSON under `/api/`, else as a page or, before signing in, a redirect."""
    if is_api():
        body = json.dumps(_body(error), ensure_ascii=False)
        return Response(body, status=error.status, mimetype="application/json", headers=dict(error.headers()))
    if isinstance(error, Unauthenticated):
        return redirect(url_for("account.sign_in", next=_return_path()))
    page = render_template(
        "errors/error.html",
        status=error.status,
        title=_TITLES.get(error.status, HTTPStatus(error.status).phrase),
        message=_MESSAGES.get(error.status) if error.detail == type(error).detail else error.detail,
        request_id=request_id(),
    )
    return Response(page, status=error.status, headers=dict(error.headers()))


def _body(error: DomainError) -> Mapping[str, object]:
    """The error as JSON; under `/api/otp/` with its code, which the contract doesn't know elsewhere."""
    body = error.body()
    if not request.path.startswith(_WITH_CODES):
        return body
    # `code` is also a field of requests, and then holds its messages.
    key = "error_code" if "code" in body else "code"
    return {**body, key: error.code}


def _return_path() -> str | None:
    """Where to return to after signing in: the requested page if it was a GET, never another site."""
    return request.full_path.rstrip("?") if request.method == "GET" and request.path != "/" else None


def respond_to_http_error(error: HTTPException) -> AnyResponse:
    """The same for an error of Flask's."""
    status = error.code or 500
    if status < 400:
        return error.get_response()
    response = respond(_Http(status, _detail(error), code=_CODES.get(status)))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


class _Http(DomainError):
    def __init__(self, status: int, detail: str, *, code: ErrorCode | None) -> None:
        super().__init__(detail, code=code)
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
    return respond(Unavailable())


def _unexpected(error: Exception) -> AnyResponse:
    _log.error("unexpected error", exc_info=error)
    message = "Something went wrong on our side. Nothing was saved."
    return respond(_Http(500, message, code=ErrorCode.SERVER_ERROR))


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
