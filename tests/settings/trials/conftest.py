"""A desk at a stopped clock."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.clock import Clock, time
from tests.settings.trials.desk import Desk, make_desk
from tests.world import World

__all__ = ["time"]


@pytest.fixture
def desk(app: Flask, world: World, time: Clock) -> Desk:
    return make_desk(app, world)
