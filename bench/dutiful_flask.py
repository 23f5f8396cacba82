"""The bare Flask view with the four duties that notifapp has besides, in the plainest fast way.

A line of JSON for each request on standard error, with a request id that the answer carries too; a strong ETag, and 304
for who has it; the security headers.
"""

from __future__ import annotations

import json
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

from flask import Flask, Response, g, request

from bench.bare_flask import PATH, Refused, answer, caller_with, in_force, refuse, shown, updated

CREDIBLE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
SECURITY_HEADERS = [
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; object-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), microphone=(), geolocation=()"),
    ("Cache-Control", "no-cache"),
]

app = Flask(__name__)
app.register_error_handler(Refused, refuse)


@app.get(PATH)
def read() -> Response:
    """The settings in force; 304 for who has them already."""
    g.caller = caller_with(1036)
    response = tagged(in_force(g.caller))
    if "If-None-Match" in request.headers:
        response.make_conditional(request)
    return response


@app.patch(PATH)
def update() -> Response:
    """Change the supplied fields."""
    g.caller = caller_with(1037)
    return tagged(updated(g.caller))


@app.before_request
def begin() -> None:
    """Take the caller's request id, or give one."""
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if CREDIBLE_ID.fullmatch(given) else secrets.token_hex(16)
    g.started = time.perf_counter()


@app.after_request
def end(response: Response) -> Response:
    """Answer the request id, and write the line."""
    response.headers["X-Request-ID"] = g.request_id
    caller, rule = g.get("caller", {}), request.url_rule
    line = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
        "level": "info",
        "logger": "notifapp.request",
        "message": "request",
        "request_id": g.request_id,
        "method": request.method,
        "route": rule.rule if rule else None,
        "status": response.status_code,
        "ms": round((time.perf_counter() - g.started) * 1000, 1),
        "address": request.remote_addr,
        "user_id": caller.get("user_id"),
        "token_id": caller.get("token_id"),
        "project": caller.get("slug"),
    }
    sys.stderr.write(json.dumps(line) + "\n")
    return response


def tagged(row: Any) -> Response:
    """The settings with their version and a checksum of the notifiers' names as strong ETag."""
    response = answer(shown(row))
    response.headers["ETag"] = f'"{row[0]}-{crc32(repr((row[2], row[4])).encode()):08x}"'
    return response


def with_security_headers(wsgi_app: Any) -> Any:
    """Add the headers below Flask, where it costs least."""

    def secured(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, headers + SECURITY_HEADERS, exc_info)

        answer: Iterable[bytes] = wsgi_app(environ, start)
        return answer

    return secured


app.wsgi_app = with_security_headers(app.wsgi_app)  # type: ignore[method-assign]
