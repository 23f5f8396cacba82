"""The page of the limits: for admins alone, all limits in one place, and the way out for a stopped recipient."""

from __future__ import annotations

import re

import pytest

from notifapp.access import Permission
from notifapp.otp.models import OtpLimits
from tests.client import Browser
from tests.otp.caller import WRONG, Caller, Clock
from tests.world import World

PATH = "/projects/shop/limits"
DEFAULTS = {
    "max_attempts": "5", "resend_seconds": "60", "sends_per_hour": "5", "sends_per_day": "10",
    "max_failures": "100",
}  # fmt: skip


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
    assert "No blocked recipients" in page.text
    assert "phone_region" not in page.text


def test_it_warns_while_codes_expire_before_another_can_be_sent(admin: Browser, caller: Caller) -> None:
    warning = "Codes expire before another one can be sent"
    caller.change_settings(otp_ttl=60)
    assert warning not in admin.get(PATH).text
    saved = admin.post(PATH, DEFAULTS | {"resend_seconds": "90"}, follow_redirects=True)
    assert warning in saved.text
    assert "valid for 1 minute, but a customer has to wait 1 minute 30 seconds" in " ".join(saved.text.split())


def test_saving_takes_effect_at_the_api_and_is_audited(admin: Browser, caller: Caller) -> None:
    answer = admin.post(PATH, DEFAULTS | {"sends_per_hour": "1"}, follow_redirects=True)
    assert "Limits saved." in answer.text
    assert caller.send().status_code == 201
    assert "last hour" in caller.send().get_json()["detail"]
    assert "Limits changed" in events(admin)
    before = events(admin).count("Limits changed")
    admin.post(PATH, DEFAULTS | {"sends_per_hour": "1"})
    assert events(admin).count("Limits changed") == before


def test_what_is_wrong_is_named_and_nothing_is_saved(admin: Browser, caller: Caller) -> None:
    wrong = {
        "max_attempts": "0",
        "resend_seconds": "x",
        "sends_per_day": "4",
        "max_failures": "101",
    }
    answer = admin.post(PATH, DEFAULTS | wrong)
    assert answer.status_code == 400
    for message in ("from 1 to 10.", "from 1 to 3600.", "from 1 to 100.", "as many codes per day"):
        assert message in answer.text
    assert 'value="101"' in answer.text
    assert caller.count(OtpLimits) == 0


def test_a_stopped_recipient_is_listed_and_released(admin: Browser, caller: Caller, time: Clock) -> None:
    caller.set_limits(max_failures=2)
    challenge, code = caller.open()
    caller.verify(challenge, WRONG)
    caller.verify(challenge, WRONG)
    assert caller.verify(challenge, code).status_code == 429
    page = admin.get(PATH).text
    assert "+98••••••••67" in page
    [digest] = re.findall(r'name="recipient" value="([0-9a-f]{64})"', page)
    form = {"channel": "sms", "recipient": digest}
    answer = admin.post(f"{PATH}/release", form, follow_redirects=True)
    assert "is unblocked and can receive codes again" in answer.text
    assert "No blocked recipients" in answer.text
    assert caller.verify(challenge, code).status_code == 200
    assert admin.post(f"{PATH}/release", form).status_code == 409
    assert admin.post(f"{PATH}/release", {"channel": "fax", "recipient": digest}).status_code == 404
    assert "Recipient unblocked" in events(admin)


def test_no_permission_code_opens_it(caller: Caller, world: World, browser: Browser) -> None:
    staff = browser.sign_in(world.member(caller.project, *Permission))
    assert staff.get(PATH).status_code == 403
    assert staff.post(PATH, DEFAULTS).status_code == 403
    assert staff.post(f"{PATH}/release", {}).status_code == 403
    assert "Limits</a>" not in staff.get("/projects/shop").text
