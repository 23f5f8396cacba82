"""A backend that has codes sent, and a clock to set."""

from __future__ import annotations

import pytest
from flask import Flask

from notifapp import clock
from tests.otp.caller import Caller, Clock, make_caller
from tests.world import World


@pytest.fixture
def caller(app: Flask, world: World) -> Caller:
    return make_caller(app, world)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The one clock of the application, stopped; `time.advance(seconds)` moves it."""
    stopped = Clock()
    monkeypatch.setattr(clock, "now", stopped.now)
    return stopped
