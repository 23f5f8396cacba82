"""The page of the limits: for admins alone, all limits in one place, and the way out for a stopped recipient."""

from __future__ import annotations

import re

import pytest

from notifapp.access import Permission
from notifapp.otp.models import OtpLimits
from tests.client import Browser
from tests.otp.shop import Clock, Shop
from tests.world import World

PATH = "/projects/shop/limits"
DEFAULTS = {
    "max_attempts": "5", "resend_seconds": "60", "sends_per_hour": "5", "sends_per_day": "10",
    "max_failures": "100", "phone_region": "",
}  # fmt: skip


@pytest.fixture
def admin(shop: Shop, world: World, browser: Browser) -> Browser:
    return browser.sign_in(world.admin())


def events(admin: Browser) -> str:
    return admin.get("/audit").text


def test_it_shows_the_limits_in_force(admin: Browser) -> None:
    page = admin.get(PATH)
    assert page.status_code == 200
    for name, value in DEFAULTS.items():
        assert re.search(rf'name="{name}"[^>]* value="{value}"', page.text), name
    assert "Nobody is stopped" in page.text


def test_saving_takes_effect_at_the_api_and_is_audited(admin: Browser, shop: Shop) -> None:
    answer = admin.post(PATH, DEFAULTS | {"sends_per_hour": "1", "phone_region": "ir"}, follow_redirects=True)
    assert "Limits saved." in answer.text
    assert shop.send("09121234567").status_code == 201
    assert "last hour" in shop.send("+989121234567").json["detail"]
    assert "Limits changed" in events(admin)
    before = events(admin).count("Limits changed")
    admin.post(PATH, DEFAULTS | {"sends_per_hour": "1", "phone_region": "IR"})
    assert events(admin).count("Limits changed") == before


def test_what_is_wrong_is_named_and_nothing_is_saved(admin: Browser, shop: Shop) -> None:
    wrong = {
        "max_attempts": "0",
        "resend_seconds": "x",
        "sends_per_day": "4",
        "max_failures": "101",
        "phone_region": "XX",
    }
    answer = admin.post(PATH, DEFAULTS | wrong)
    assert answer.status_code == 400
    for message in ("from 1 to 10.", "from 1 to 3600.", "from 1 to 100.", "as many codes a day", "two letters"):
        assert message in answer.text
    assert 'value="101"' in answer.text
    assert shop.count(OtpLimits) == 0


def test_a_stopped_recipient_is_listed_and_released(admin: Browser, shop: Shop, time: Clock) -> None:
    shop.set_limits(max_failures=2)
    challenge, code = shop.open()
    shop.verify(challenge, "1")
    shop.verify(challenge, "1")
    assert shop.verify(challenge, code).status_code == 429
    page = admin.get(PATH).text
    assert "+98••••••••67" in page
    [digest] = re.findall(r'name="recipient" value="([0-9a-f]{64})"', page)
    form = {"channel": "sms", "recipient": digest}
    answer = admin.post(f"{PATH}/release", form, follow_redirects=True)
    assert "can receive and try codes again" in answer.text
    assert "Nobody is stopped" in answer.text
    assert shop.verify(challenge, code).status_code == 200
    assert admin.post(f"{PATH}/release", form).status_code == 409
    assert admin.post(f"{PATH}/release", {"channel": "fax", "recipient": digest}).status_code == 404
    assert "Recipient unblocked" in events(admin)


def test_no_permission_code_opens_it(shop: Shop, world: World, browser: Browser) -> None:
    staff = browser.sign_in(world.member(shop.project, *Permission))
    assert staff.get(PATH).status_code == 403
    assert staff.post(PATH, DEFAULTS).status_code == 403
    assert staff.post(f"{PATH}/release", {}).status_code == 403
    assert "Limits</a>" not in staff.get("/projects/shop").text
