"""An app that may call loopback, and a receiver there whose certificate it trusts."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from flask import Flask

from notifapp.events import sending
from notifapp.notifiers.gateway.http_client import HttpClient
from tests.conftest import LOOPBACK, empty
from tests.events.receiver import Receiver
from tests.notifiers.gateway import Gateway
from tests.otp.caller import Caller, caller

__all__ = ["caller"]


@pytest.fixture
def app(shared_app: Flask, tmp_path: Path) -> Iterator[Flask]:
    """The app on an empty database, allowed to call loopback, its queue in a folder of this test."""
    empty(shared_app)
    config = shared_app.config["NOTIFAPP"]
    shared_app.config["NOTIFAPP"] = replace(config, private_destinations=LOOPBACK, instance_dir=tmp_path)
    yield shared_app
    shared_app.config["NOTIFAPP"] = config


@pytest.fixture(autouse=True)
def trust(monkeypatch: pytest.MonkeyPatch, ca: trustme.CA) -> None:
    """Let the client trust the authority that vouches for the receiver, and not wait long."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    client = HttpClient(connect_timeout=2, read_timeout=0.5, tls_context=lambda: context)
    monkeypatch.setattr(sending, "CLIENT", client)


@pytest.fixture
def gateway(ca: trustme.CA) -> Iterator[Gateway]:
    with Gateway(ca) as gateway:
        yield gateway


@pytest.fixture
def receiver(app: Flask, caller: Caller, gateway: Gateway) -> Receiver:
    """An endpoint of the caller's project that takes every event."""
    return Receiver(app, caller, gateway)
