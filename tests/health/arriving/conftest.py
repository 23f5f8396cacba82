"""Somebody who may read the shop's settings."""

from __future__ import annotations

import pytest
from flask import Flask

from notifapp.access import Permission
from tests.client import Browser
from tests.otp.caller import Caller
from tests.world import World


@pytest.fixture
def staff(app: Flask, world: World, caller: Caller) -> Browser:
    """A browser of somebody who may read the shop's settings, and nothing else."""
    return Browser(app).sign_in(world.member(caller.project, Permission.NOTIFICATIONS_SETTINGS_READ))
