"""A gateway on loopback, and a client that trusts its certificate."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from flask import Flask

from notifapp.notifiers.backends import BACKENDS
from notifapp.notifiers.backends.kavenegar import Kavenegar
from notifapp.notifiers.backends.webhook import Webhook
from notifapp.notifiers.gateway.http_client import HttpClient
from tests.conftest import LOOPBACK, config_for
from tests.notifiers.gateway import Gateway, Trust

TAKEN = {"return": {"status": 200, "message": "…"}, "entries": [{"messageid": 8792343}]}


@pytest.fixture
def gateway(ca: trustme.CA) -> Iterator[Gateway]:
    with Gateway(ca) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def authorities(ca: trustme.CA) -> Trust:
    """Trusts the authority that vouches for the servers of these tests."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return lambda: context


@pytest.fixture
def http(authorities: Trust) -> HttpClient:
    return HttpClient(connect_timeout=2, read_timeout=0.5, tls_context=authorities)


@pytest.fixture
def loopback_allowed(tmp_path: Path) -> Iterator[None]:
    """The operator lists loopback, as the servers of these tests are on loopback."""
    app = Flask(__name__)
    app.config["NOTIFAPP"] = replace(config_for("sqlite:///unused", tmp_path), private_destinations=LOOPBACK)
    with app.app_context():
        yield


@pytest.fixture
def private_allowed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator lists loopback."""
    monkeypatch.setitem(app.config, "NOTIFAPP", replace(app.config["NOTIFAPP"], private_destinations=LOOPBACK))


@pytest.fixture
def kavenegar(gateway: Gateway, http: HttpClient, private_allowed: None, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """Kavenegar, at an address on loopback; and a webhook that trusts the same certificate."""
    monkeypatch.setitem(BACKENDS, "kavenegar", Kavenegar(http, gateway.url))
    monkeypatch.setitem(BACKENDS, "webhook", Webhook(http))
    gateway.answer = TAKEN
    return gateway
