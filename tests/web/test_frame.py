"""What every answer keeps to: security headers, a request id, one log line, an error that helps, health."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import text

from notifapp import create_app
from notifapp.extensions import db
from notifapp.web.logs import JsonFormatter
from tests.client import ApiClient, Browser
from tests.conftest import Databases, config_for
from tests.page_lint import lint
from tests.world import PASSWORD, World


class Lines(logging.Handler):
    """Keeps what is logged, as the lines that would be written: requests' at the descriptor, the rest by `logging`."""

    def __init__(self, descriptors: pytest.CaptureFixture[str]) -> None:
        super().__init__()
        self._descriptors, self._written = descriptors, list[str]()
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        self._written.append(self.format(record))

    @property
    def written(self) -> list[str]:
        self._written += self._descriptors.readouterr().err.splitlines()
        return self._written

    def requests(self) -> list[dict[str, object]]:
        lines = (json.loads(line) for line in self.written if line.startswith("{"))
        return [line for line in lines if line["logger"] == "notifapp.request"]


@pytest.fixture
def log(capfd: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    handler, logger = Lines(capfd), logging.getLogger("notifapp")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


@pytest.fixture
def broken(app: Flask) -> Iterator[Flask]:
    """The app with two views that fail in a way nobody foresaw."""
    views = {name: app.view_functions[name] for name in ("account.sign_in", "apidocs.openapi")}

    def fail() -> str:
        raise RuntimeError("the secret is 12345")

    for name, view in views.items():
        fail.access_check = view.access_check  # type: ignore[attr-defined, union-attr]
        app.view_functions[name] = fail
    yield app
    app.view_functions.update(views)


@pytest.mark.parametrize(
    "path", ["/sign-in", "/", "/nowhere", "/api/nowhere", "/api/settings/notifications", "/static/app.css", "/healthz"]
)
def test_every_answer_carries_the_security_headers(app: Flask, path: str) -> None:
    with app.test_client().get(path) as answer:
        headers = answer.headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "object-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Request-ID"]


def test_a_page_is_kept_in_no_cache(app: Flask) -> None:
    assert app.test_client().get("/sign-in").headers["Cache-Control"] == "no-store"


def test_outside_debug_cookies_are_secure_and_https_is_for_good(databases: Databases, tmp_path: Path) -> None:
    app = create_app(replace(config_for(databases.make("sqlite"), tmp_path), debug=False, trusted_proxy_hops=1))
    answer = app.test_client().get("/sign-in", headers={"X-Forwarded-Proto": "https"})
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-notifapp=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize(("hops", "seen"), [(0, "127.0.0.1"), (1, "203.0.113.7"), (2, "198.51.100.9")])
def test_as_many_proxies_are_believed_as_are_configured(
    databases: Databases, tmp_path: Path, log: Lines, hops: int, seen: str
) -> None:
    app = create_app(replace(config_for(databases.make("sqlite"), tmp_path), trusted_proxy_hops=hops))
    app.test_client().get("/healthz", headers={"X-Forwarded-For": "192.0.2.1, 198.51.100.9, 203.0.113.7"})
    assert [line["address"] for line in log.requests()] == [seen]
    with app.app_context():
        db.engine.dispose()


def test_a_request_is_one_line_with_the_id_that_the_answer_carries(app: Flask, world: World, log: Lines) -> None:
    project = world.project()
    user = world.admin()
    answer = ApiClient(app).get_settings(world.token(user, project), headers={"X-Request-ID": "order-4711.a"})
    [line] = log.requests()
    assert answer.headers["X-Request-ID"] == line["request_id"] == "order-4711.a"
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/settings/notifications", 200)
    assert (line["user_id"], line["project"]) == (user, "shop")


@pytest.mark.parametrize("given", ["short", "x" * 65, 'quo"te-12345', "line\tbreak-12"])
def test_a_request_id_that_could_harm_the_log_is_replaced(app: Flask, given: str) -> None:
    answer = app.test_client().get("/healthz", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] != given
    assert len(answer.headers["X-Request-ID"]) == 32


def test_no_secret_reaches_the_log(app: Flask, world: World, browser: Browser, log: Lines) -> None:
    project = world.project()
    world.user("staff@example.org")
    token = world.token(world.admin(), project)
    browser.post("/sign-in", {"email": "staff@example.org", "password": PASSWORD})
    browser.get("/password/a-link-that-was-guessed?code=31337")
    ApiClient(app).get_settings(token)
    ApiClient(app).get_settings(f"{token}x")
    written = "\n".join(log.written)
    for secret in (PASSWORD, token, "a-link-that-was-guessed", "31337"):
        assert secret not in written


def test_an_unforeseen_error_says_nothing_of_itself(broken: Flask, log: Lines) -> None:
    page, body = broken.test_client().get("/sign-in"), broken.test_client().get("/api/openapi.json")
    assert (page.status_code, body.status_code) == (500, 500)
    assert page.headers["X-Request-ID"] in page.text
    lint(page.text)
    assert body.json == {"detail": "Something went wrong on our side. Nothing was saved."}
    assert "12345" not in page.text + "\n".join(log.written)
    assert any("RuntimeError at " in line for line in log.written)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("DELETE", "/sign-in", 400)])
def test_a_page_that_fails_helps_on(app: Flask, method: str, path: str, status: int) -> None:
    answer = app.test_client().open(path, method=method)
    assert answer.status_code == status
    lint(answer.text)
    assert "Go to sign-in" in answer.text


def test_a_wrong_method_says_which_are_right(browser: Browser) -> None:
    answer = browser.post("/healthz")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_a_body_over_64_kib_is_refused_on_a_page_and_at_the_api(app: Flask, world: World) -> None:
    page = app.test_client().post("/sign-in", data={"email": "a" * 66_000})
    assert page.status_code == 413
    lint(page.text)
    token = world.token(world.admin(), world.project())
    answer = ApiClient(app).patch_settings(token, {"unknown": "a" * 66_000})
    assert answer.status_code == 413
    assert answer.json == {"detail": "The body is too large: at most 64 KiB are read."}


def test_ready_means_that_the_migrations_are_current(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").json == {"status": "ready", "worker": "missing"}
    with app.app_context():
        with db.engine.begin() as connection:
            [current] = connection.execute(text("SELECT version_num FROM alembic_version")).scalars()
            connection.execute(text("UPDATE alembic_version SET version_num = 'older'"))
        answer = client.get("/readyz")
        with db.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :current"), {"current": current})
    assert answer.status_code == 503
    assert "db upgrade" in answer.get_json()["detail"]
    assert client.get("/healthz").status_code == 200


def test_the_migrated_schema_is_the_models(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        assert compare_metadata(context, db.metadata) == []
