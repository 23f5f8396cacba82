"""An admin who makes test recipients of a project whose codes are counted."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from werkzeug.test import TestResponse

from notifapp.delivery.service import exchange
from notifapp.delivery.service import send as deliver
from tests.client import Browser
from tests.otp.caller import PHONE, Caller
from tests.world import World

PATH = "/projects/shop/limits/test-recipients"
CODE = "31415926"


@dataclass
class Desk:
    """The admin's browser, and the project's backend."""

    admin: Browser
    admin_id: int
    caller: Caller

    def sign_in(self) -> Browser:
        """A browser of the admin's, who has just signed in."""
        return Browser(self.caller.app).sign_in(self.admin_id)

    def post(self, recipient: str = PHONE, **fields: str) -> TestResponse:
        """Send the form, with a last day that is always within the year."""
        usual = {"code": CODE, "outcome": "delivered", "ends_on": "2026-12-24"}
        return self.admin.post(f"{PATH}/new", {"recipient": recipient, **usual, **fields})

    def add(self, recipient: str = PHONE, **fields: str) -> None:
        """Make one."""
        answer = self.post(recipient, **fields)
        assert answer.status_code == 303, answer.text

    def work(self) -> None:
        """Do what a worker does with what is due."""
        with self.caller.app.app_context():
            exchange([deliver(claim) for claim in exchange([], 100)], 0)


@pytest.fixture
def desk(caller: Caller, world: World, browser: Browser, time: object) -> Desk:
    """The desk, at a certain noon."""
    admin_id = world.admin()
    return Desk(browser.sign_in(admin_id), admin_id, caller)
