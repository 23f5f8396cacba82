"""A public address and a gateway on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask

from tests.conftest import LOOPBACK
from tests.otp.caller import Clock
from tests.receipts.shop import PUBLIC_URL


@pytest.fixture(autouse=True)
def public(app: Flask) -> Iterator[None]:
    before = app.config["NOTIFAPP"]
    app.config["NOTIFAPP"] = replace(before, public_url=PUBLIC_URL, private_destinations=LOOPBACK)
    yield
    app.config["NOTIFAPP"] = before


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    monkeypatch.setattr("notifapp.clock.now", stopped.now)
    return stopped
