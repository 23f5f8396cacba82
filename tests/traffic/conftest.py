"""A project's backend and a clock, as in tests/otp."""

from __future__ import annotations

import pytest
from flask import Flask

from notifapp import clock
from tests.otp.caller import Clock
from tests.traffic.shop import Shop, make_shop
from tests.world import World


@pytest.fixture
def shop(app: Flask, world: World) -> Shop:
    return make_shop(app, world)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The one clock of the application, stopped; `time.advance(seconds)` moves it."""
    stopped = Clock()
    monkeypatch.setattr(clock, "now", stopped.now)
    return stopped
