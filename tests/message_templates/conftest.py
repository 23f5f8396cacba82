from __future__ import annotations

import pytest
from flask import Flask

from tests.otp.shop import Shop, open_shop
from tests.world import World


@pytest.fixture
def shop(app: Flask, world: World) -> Shop:
    return open_shop(app, world)
