"""A shop that sends codes, and a clock to set."""

from __future__ import annotations

import pytest
from flask import Flask

from notifapp import clock
from tests.otp.shop import Clock, Shop, open_shop
from tests.world import World


@pytest.fixture
def shop(app: Flask, world: World) -> Shop:
    return open_shop(app, world)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The one clock of the application, stopped; `time.advance(seconds)` moves it."""
    stopped = Clock()
    monkeypatch.setattr(clock, "now", stopped.now)
    return stopped
