"""The page of the limits: for admins alone, all limits in one place, and the way out for a stopped recipient."""

from __future__ import annotations

import re

import pytest

from notifapp.access import Permission
from notifapp.otp.models import OtpLimits
from tests.client import Browser
from tests.otp.caller import Caller
from tests.world import World

PATH = "/projects/shop/limits"
DEFAULTS = {
    "max_attempts": "5", "resend_seconds": "60", "sends_per_hour": "5", "sends_per_day": "10",
    "max_failures": "100",
}  # fmt: skip
STOP = {"stop_hours": "24"}


@pytest.fixture
def admin(caller: Caller, world: World, browser: Browser) -> Browser:
    return browser.sign_in(world.admin())


def events(admin: Browser) -> str:
    return admin.get("/audit").text


def test_it_shows_the_limits_in_force(admin: Browser) -> None:
    page = admin.get(PATH)
    assert page.status_code == 200
    for name, value in DEFAULTS.items():
        assert re.search(rf'name="{name}"[^>]* value="{value}"', page.text), name
    assert re.search(r'<option selected value="24">After 24 hours', page.text)
    assert "No blocked recipients" in page.text
    assert "phone_region" not in page.text


def test_it_warns_while_codes_expire_before_another_can_be_sent(admin: Browser, caller: Caller) -> None:
    warning = "Codes expire before another one can be sent"
    caller.change_settings(otp_ttl=60)
    assert warning not in admin.get(PATH).text
    saved = admin.post(PATH, DEFAULTS | STOP | {"resend_seconds": "90"}, follow_redirects=True)
    assert warning in saved.text
    assert "valid for 1 minute, but a customer has to wait 1 minute 30 seconds" in " ".join(saved.text.split())


def test_saving_takes_effect_at_the_api_and_is_audited(admin: Browser, caller: Caller) -> None:
    answer = admin.post(PATH, DEFAULTS | STOP | {"sends_per_hour": "1"}, follow_redirects=True)
    assert "Limits saved." in answer.text
    assert caller.send().status_code == 201
    assert "last hour" in caller.send().get_json()["detail"]
    assert "Limits changed" in events(admin)
    before = events(admin).count("Limits changed")
    admin.post(PATH, DEFAULTS | STOP | {"sends_per_hour": "1"})
    assert events(admin).count("Limits changed") == before


def test_a_project_may_say_that_a_block_never_ends_by_itself(admin: Browser, caller: Caller) -> None:
    assert admin.post(PATH, DEFAULTS | {"stop_hours": "never"}).status_code == 303
    assert re.search(r'<option selected value="never">Never', admin.get(PATH).text)
    assert "End of a block" in events(admin)
    assert caller.count(OtpLimits, stop_hours=None) == 1


def test_what_is_wrong_is_named_and_nothing_is_saved(admin: Browser, caller: Caller) -> None:
    wrong = {
        "max_attempts": "0",
        "resend_seconds": "x",
        "sends_per_day": "4",
        "max_failures": "101",
    }
    answer = admin.post(PATH, DEFAULTS | wrong | {"stop_hours": "x"})
    assert answer.status_code == 400
    for message in (
        "from 1 to 10.",
        "from 1 to 3600.",
        "from 1 to 100.",
        "as many codes per day",
        "Choose one from the list.",
    ):
        assert message in answer.text
    assert 'value="101"' in answer.text
    assert caller.count(OtpLimits) == 0


def test_no_permission_code_opens_it(caller: Caller, world: World, browser: Browser) -> None:
    staff = browser.sign_in(world.member(caller.project, *Permission))
    assert staff.get(PATH).status_code == 403
    assert staff.post(PATH, DEFAULTS | STOP).status_code == 403
    assert staff.post(f"{PATH}/release", {}).status_code == 403
    assert "Limits</a>" not in staff.get("/projects/shop").text
