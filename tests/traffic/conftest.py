"""A backend whose codes are counted, and a clock to set."""

import pytest
from flask import Flask

from tests.clock import stop_first, time
from tests.traffic.caller import CountedCaller, make_counted_caller
from tests.world import World

__all__ = ["caller", "time"]


@pytest.fixture
def caller(request: pytest.FixtureRequest, app: Flask, world: World) -> CountedCaller:
    """A project's backend."""
    stop_first(request)
    return make_counted_caller(app, world)
