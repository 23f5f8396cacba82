from __future__ import annotations

import pytest
from flask import Flask

from tests.otp.caller import Caller, make_caller
from tests.world import World


@pytest.fixture
def caller(app: Flask, world: World) -> Caller:
    return make_caller(app, world)
