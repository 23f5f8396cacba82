"""Security headers on every response (OWASP ASVS 5, 3.4; OWASP Secure Headers Project)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask

from notifapp.access.sessions import is_api_path

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_ALWAYS = [
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), microphone=(), geolocation=()"),
]
_OVER_HTTPS = ("Strict-Transport-Security", "max-age=31536000")


def init_app(app: Flask) -> None:
    """Add the headers to every response, including those made outside Flask's request handling."""
    app.wsgi_app = SecurityHeaders(app.wsgi_app)  # type: ignore[method-assign]


class SecurityHeaders:
    """WSGI middleware: adding fixed headers here takes a tenth of the time of an `after_request`."""

    def __init__(self, wsgi_app: WSGIApplication) -> None:
        self._wsgi_app = wsgi_app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Call the app, and add the headers to its response."""

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            return start_response(status, headers + _ALWAYS + _due(environ, headers), exc_info)

        return self._wsgi_app(environ, start)


def _due(environ: WSGIEnvironment, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers that depend on the request and on those that the app has set."""
    due = []
    if not any(name == "Cache-Control" for name, _ in headers):
        # Responses are for one person and soon out of date.
        due.append(("Cache-Control", "no-cache" if is_api_path(environ["PATH_INFO"]) else "no-store"))
    if environ["wsgi.url_scheme"] == "https":
        due.append(_OVER_HTTPS)
    return due
