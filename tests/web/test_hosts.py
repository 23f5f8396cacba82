"""By which names the site may be reached, and what it tells browsers about its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from notifapp import create_app
from notifapp.config import Config, ConfigError
from notifapp.extensions import db
from tests.conftest import Databases, config_for
from tests.page_lint import lint


@pytest.fixture(scope="module")
def desk(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The app behind a proxy, reached by two names."""
    config = config_for(databases.make("sqlite"), tmp_path_factory.mktemp("hosts"))
    hosts = ("desk.example.com", "10.1.2.3", "2001:db8::1")
    app = create_app(replace(config, trusted_hosts=hosts, trusted_proxy_hops=1, hsts_include_subdomains=True))
    yield app
    with app.app_context():
        db.engine.dispose()


def get(app: Flask, path: str, host: str, **headers: str) -> TestResponse:
    return app.test_client().get(path, headers={"Host": host, **headers})


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "desk.example.com.evil.example",
        "evil-desk.example.com",
        "desk.example.com@evil.example",
        "evil.example:80@desk.example.com",
        "x.desk.example.com",
        "desk.example.com.",
        "[",
        "[::1",
        "",
        "localhost",
    ],
)
def test_a_host_header_that_is_not_trusted_is_refused(desk: Flask, host: str) -> None:
    page = get(desk, "/sign-in", host)
    assert page.status_code == 400
    assert "This site can&#39;t be reached by that name." in page.text
    assert "evil" not in page.text
    lint(page.text)
    body = get(desk, "/api/settings/notifications", host)
    assert (body.status_code, body.json) == (400, {"detail": "This site can't be reached by that name."})
    for path in ("/nowhere", "/static/app.css", "/api/openapi.json", "/password/x"):
        assert get(desk, path, host).status_code == 400


@pytest.mark.parametrize(
    "host",
    ["desk.example.com", "DESK.example.com", "desk.example.com:8443", "10.1.2.3", "10.1.2.3:8000", "[2001:db8::1]"],
)
def test_a_host_that_is_trusted_is_served_on_every_port(desk: Flask, host: str) -> None:
    assert get(desk, "/sign-in", host).status_code == 200
    assert get(desk, "/api/settings/notifications", host).status_code == 401


def test_a_host_that_a_proxy_passes_on_counts_like_one_sent_straight(desk: Flask) -> None:
    assert get(desk, "/sign-in", "127.0.0.1", **{"X-Forwarded-Host": "desk.example.com"}).status_code == 200
    assert get(desk, "/sign-in", "desk.example.com", **{"X-Forwarded-Host": "evil.example"}).status_code == 400


def test_a_load_balancer_that_knows_only_the_machines_address_sees_its_health(desk: Flask) -> None:
    assert get(desk, "/healthz", "192.0.2.7:8000").status_code == 200
    assert get(desk, "/readyz", "192.0.2.7:8000").status_code == 200


def test_without_a_list_every_host_is_served(app: Flask) -> None:
    assert get(app, "/sign-in", "anything.example").status_code == 200


def test_https_can_be_made_binding_for_subdomains_too(desk: Flask) -> None:
    secured = get(desk, "/healthz", "desk.example.com", **{"X-Forwarded-Proto": "https"})
    assert secured.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert "Strict-Transport-Security" not in get(desk, "/healthz", "desk.example.com").headers


def configured(folder: Path, **more: str) -> Config:
    return Config.from_environment({"NOTIFAPP_DEBUG": "1", "NOTIFAPP_INSTANCE_DIR": str(folder), **more})


def test_the_hosts_are_listed_in_a_variable(tmp_path: Path) -> None:
    assert configured(tmp_path).trusted_hosts == ()
    listed = configured(tmp_path, NOTIFAPP_TRUSTED_HOSTS=" Desk.Example.com, 10.1.2.3,2001:db8::1,")
    assert listed.trusted_hosts == ("desk.example.com", "10.1.2.3", "2001:db8::1")
    assert configured(tmp_path, NOTIFAPP_HSTS_INCLUDE_SUBDOMAINS="1").hsts_include_subdomains


@pytest.mark.parametrize(
    "text", ["https://desk.example.com", "desk.example.com:8000", "*", "a b", ".example.com", "a/b"]
)
def test_a_host_that_could_never_match_stops_the_start(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="NOTIFAPP_TRUSTED_HOSTS must list host names"):
        configured(tmp_path, NOTIFAPP_TRUSTED_HOSTS=text)
