"""Clients as people and programs use them: a browser that sends forms with their CSRF token, and an API client."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from notifapp.access import sessions
from notifapp.database import writing
from tests.page_lint import lint

_CSRF = re.compile(r'name="csrf_token"[^>]* value="([^"]+)"')


class Browser:
    """A browser: keeps cookies, lints every page it gets, and sends forms with the session's CSRF token."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.client = app.test_client()
        self._csrf_tokens: dict[str | None, str] = {}  # by the secret that a session keeps for them

    def sign_in(self, user_id: int) -> Browser:
        """Be signed in as this user, without the sign-in page."""
        with self.app.app_context(), writing() as connection:
            key = sessions.open_session(connection, user_id, lifetime=self.app.config["NOTIFAPP"].session_lifetime)
        with self.client.session_transaction() as cookie:
            cookie.clear()
            cookie["_user_id"] = key
            cookie["_fresh"] = True
            cookie.permanent = True
        return self

    def get(self, path: str, **options: Any) -> TestResponse:
        """Open a page."""
        return self._seen(self.client.get(path, **options))

    def post(self, path: str, data: dict[str, Any] | None = None, *, csrf: bool = True, **options: Any) -> TestResponse:
        """Send a form, with its CSRF token unless `csrf` is false."""
        fields = dict(data or {})
        if csrf:
            fields["csrf_token"] = self.csrf_token()
        return self._seen(self.client.post(path, data=fields, **options))

    def csrf_token(self) -> str:
        """The token that this session's forms carry, which is read off a page once for each session."""
        secret = self._csrf_secret()
        if secret in self._csrf_tokens:
            return self._csrf_tokens[secret]
        token = self._shown_csrf_token()
        self._csrf_tokens[self._csrf_secret()] = token
        return token

    def _csrf_secret(self) -> str | None:
        cookie = self.client.get_cookie(self.app.config["SESSION_COOKIE_NAME"])
        signer = sessions.PageSessions().get_signing_serializer(self.app)
        return signer.loads(cookie.value).get("csrf_token") if cookie and signer else None

    def _shown_csrf_token(self) -> str:
        for path in ("/account/confirm", "/sign-in"):  # small pages, signed in and out
            match = _CSRF.search(self.client.get(path).text)
            if match:
                return match[1]
        raise AssertionError("no page showed a CSRF token")

    def _seen(self, response: TestResponse) -> TestResponse:
        if response.mimetype == "text/html" and response.status_code not in (301, 302, 303):
            lint(_CSRF.sub("", response.text))
        return response


class ApiClient:
    """Calls the JSON API with a token."""

    PATH = "/api/settings/notifications"

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client(use_cookies=False)

    def call(self, method: str, path: str, token: str | None = None, **options: Any) -> TestResponse:
        """One request; `token` goes into the Authorization header."""
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers.setdefault("Authorization", f"Token {token}")
        response = self.client.open(path, method=method, headers=headers, **options)
        assert (
            response.mimetype == "application/json"
            or response.status_code in (204, 304)
            or method in ("HEAD", "OPTIONS")
        )
        return response

    def get_settings(self, token: str | None, **options: Any) -> TestResponse:
        """GET the settings."""
        return self.call("GET", self.PATH, token, **options)

    def patch_settings(self, token: str | None, fields: object, **options: Any) -> TestResponse:
        """PATCH the settings with a JSON body."""
        return self.call("PATCH", self.PATH, token, json=fields, **options)


def page_text(answer: TestResponse) -> str:
    """What a person reads, without the tags."""
    body = re.sub(r"<(script|style)\b.*?</\1>", "", answer.text, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())
