"""Try it: staff send a code to themselves and verify it in the browser."""

from __future__ import annotations

import pytest

from notifapp.access import Permission
from tests.client import Browser
from tests.otp.shop import PHONE, Clock, Shop
from tests.world import World

PATH = "/projects/shop/try"


@pytest.fixture
def staff(shop: Shop, world: World, browser: Browser, time: Clock) -> Browser:
    return browser.sign_in(world.member(shop.project, Permission.OTP_SEND, Permission.OTP_VERIFY))


def send(staff: Browser, channel: str = "sms", recipient: str = PHONE) -> str:
    answer = staff.post(PATH, {"channel": channel, "recipient": recipient})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"])


def test_ones_own_address_is_proposed(staff: Browser) -> None:
    page = staff.get(PATH).text
    assert 'value="staff@example.org"' in page
    assert "Try it</a>" in page


def test_a_code_is_sent_and_verified(staff: Browser, shop: Shop) -> None:
    place = send(staff)
    page = staff.get(place)
    assert 'autocomplete="one-time-code"' in page.text
    assert 'inputmode="numeric"' in page.text
    assert "+98••••••••67" in page.text
    code = shop.last_message()["variables"]["code"]
    assert code not in page.text
    answer = staff.post(place, {"code": code}, follow_redirects=True)
    assert "Approved: the code is right." in answer.text
    assert "used again" in answer.text


def test_a_wrong_code_says_how_many_tries_are_left(staff: Browser, shop: Shop) -> None:
    place = send(staff, "email", "staff@example.org")
    answer = staff.post(place, {"code": "1"})
    assert answer.status_code == 400
    assert "Invalid code. 4 tries left." in answer.text
    assert "Fill in this field." in staff.post(place, {"code": ""}).text
    for _ in range(4):
        answer = staff.post(place, {"code": "1"})
    assert "Too many wrong codes were tried." in answer.text
    assert staff.post(place, {"code": "1"}).status_code == 429


def test_limits_and_missing_notifiers_are_told(staff: Browser, shop: Shop) -> None:
    send(staff)
    answer = staff.post(PATH, {"channel": "sms", "recipient": PHONE})
    assert (answer.status_code, "A code was sent just now." in answer.text) == (429, True)
    shop.change_settings(email_notifier=None)
    answer = staff.post(PATH, {"channel": "email", "recipient": "staff@example.org"})
    assert (answer.status_code, "No Email notifier is chosen" in answer.text) == (409, True)
    answer = staff.post(PATH, {"channel": "sms", "recipient": "x"})
    assert (answer.status_code, "Enter a valid phone number" in answer.text) == (400, True)
    assert staff.post(PATH, {"recipient": PHONE}).status_code == 400


def test_it_takes_both_permissions(shop: Shop, world: World, browser: Browser) -> None:
    challenge, _ = shop.open()
    for code in (Permission.OTP_SEND, Permission.OTP_VERIFY, Permission.NOTIFICATIONS_SETTINGS_UPDATE):
        browser.sign_in(world.member(shop.project, code, email=f"{code}@example.org"))
        assert browser.get(PATH).status_code == 403
        assert browser.post(PATH, {}).status_code == 403
        assert browser.get(f"{PATH}/{challenge}").status_code == 403
        assert browser.post(f"{PATH}/{challenge}", {"code": "1"}).status_code == 403
    assert shop.state(challenge)["attempts_left"] == 5


def test_no_such_challenge_is_404(staff: Browser) -> None:
    assert staff.get(f"{PATH}/{'0' * 32}").status_code == 404
