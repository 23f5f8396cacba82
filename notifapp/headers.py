"""Security headers on every answer (OWASP ASVS 5, 3.4; OWASP secure headers project)."""

from __future__ import annotations

from flask import Flask, Response, request

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_ALWAYS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def init_app(app: Flask) -> None:
    """Add the headers to every answer; over HTTPS also Strict-Transport-Security."""

    @app.after_request
    def add_headers(response: Response) -> Response:
        headers = response.headers
        for name, value in _ALWAYS.items():
            headers[name] = value
        if request.endpoint != "static":
            # What is shown here is for one person and for now alone.
            headers.setdefault("Cache-Control", "no-store" if not request.path.startswith("/api/") else "no-cache")
        if request.is_secure:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        return response
