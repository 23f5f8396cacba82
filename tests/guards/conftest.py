"""A shop whose codes are sent, and somebody who may change its settings and its notifiers."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import insert
from werkzeug.test import TestResponse

from notifapp import clock
from notifapp.database import writing
from notifapp.otp.models import OtpChallenge
from tests.client import Browser
from tests.clock import time
from tests.otp.caller import Caller, caller
from tests.otp.preview.rows import verified
from tests.world import World

__all__ = ["caller", "time"]
CODES = (1036, 1037, 2811, 2812, 2813, 2831, 2832, 2833)
Entered = Callable[..., None]


@pytest.fixture
def staff(app: Flask, world: World, caller: Caller) -> Browser:
    return Browser(app).sign_in(world.member(caller.project, *CODES))


@pytest.fixture
def entered(app: Flask, caller: Caller) -> Entered:
    """Codes that customers entered so many seconds after they were sent."""

    def enter(*seconds: float) -> None:
        now = clock.now()
        rows = [
            verified(caller.project.id, number, now - timedelta(seconds=number), each)
            for number, each in enumerate(seconds)
        ]
        with app.app_context(), writing() as connection:
            connection.execute(insert(OtpChallenge), rows)

    return enter


def hidden(answer: TestResponse) -> dict[str, list[str]]:
    """What the page that asks posts if it is confirmed."""
    form = re.search(r'<form method="post">(.*?)</form>', answer.text, re.DOTALL)
    assert form, "the page doesn't ask"
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form[1]):
        fields.setdefault(unescape(name), []).append(unescape(value))
    return fields
