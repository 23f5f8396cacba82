"""A shop whose alerts are told, and a clock to set."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.alerts.desk import Desk
from tests.clock import stop_first, time
from tests.delivery.conftest import app, mailbox
from tests.traffic.caller import make_counted_caller
from tests.world import World

__all__ = ["app", "mailbox", "time"]


@pytest.fixture
def desk(request: pytest.FixtureRequest, app: Flask, world: World) -> Desk:
    """The shop sends by the notifiers `gateway` (SMS) and `mail`, and has a second email notifier, `backup`."""
    stop_first(request)
    caller = make_counted_caller(app, world)
    world.notifier(caller.project, "email", "backup")
    return Desk(caller)
