from __future__ import annotations

import pytest
from flask import Flask

from tests.cast import Cast, gather
from tests.world import World


@pytest.fixture
def cast(app: Flask, world: World) -> Cast:
    """The people and their project."""
    return gather(app, world)
