"""Try it: staff send a code to themselves and verify it in the browser."""

from __future__ import annotations

import pytest

from notifapp.access import Permission
from notifapp.delivery.heartbeat import Heartbeat
from notifapp.delivery.service import Outcome, exchange
from notifapp.delivery.service import send as deliver
from notifapp.notifiers.gateway.base import SendFailed
from tests.client import Browser, page_text
from tests.clock import Clock
from tests.otp.caller import PHONE, WRONG, Caller
from tests.world import World

PATH = "/projects/shop/try"


@pytest.fixture
def staff(caller: Caller, world: World, browser: Browser, time: Clock) -> Browser:
    return browser.sign_in(world.member(caller.project, Permission.OTP_SEND, Permission.OTP_VERIFY))


def send(staff: Browser, channel: str = "sms", recipient: str = PHONE) -> str:
    answer = staff.post(PATH, {"channel": channel, "recipient": recipient})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"])


def test_ones_own_address_is_proposed(staff: Browser) -> None:
    page = staff.get(PATH).text
    assert 'value="staff@example.org"' in page
    assert "Try it</a>" in page


def test_only_channels_with_a_notifier_are_offered(staff: Browser, caller: Caller) -> None:
    caller.change_settings(sms_notifier=None)
    page = staff.get(PATH).text
    assert '<option value="sms"' not in page
    assert 'value="email"' in page
    caller.change_settings(email_notifier=None)
    answer = staff.get(PATH)
    assert "The settings of this project name no enabled notifier." in page_text(answer)
    assert "Open the settings" not in answer.text


def test_without_a_notifier_there_is_a_way_to_the_settings(caller: Caller, world: World, browser: Browser) -> None:
    caller.change_settings(sms_notifier=None, email_notifier=None)
    browser.sign_in(world.admin())
    assert f'href="/projects/{caller.project.slug}/settings">Open the settings</a>' in browser.get(PATH).text


def test_a_code_is_sent_and_verified(staff: Browser, caller: Caller) -> None:
    place = send(staff)
    page = staff.get(place)
    assert 'autocomplete="one-time-code"' in page.text
    assert 'inputmode="numeric"' in page.text
    assert "+98••••••••67" in page.text
    code = caller.last_message()["variables"]["code"]
    assert code not in page.text
    answer = staff.post(place, {"code": code}, follow_redirects=True)
    assert page_text(answer).count("Code verified The code was right.") == 1
    assert "No worker is running" not in answer.text


def test_a_wrong_code_says_how_many_attempts_are_left(staff: Browser, caller: Caller) -> None:
    place = send(staff, "email", "staff@example.org")
    answer = staff.post(place, {"code": WRONG})
    assert answer.status_code == 400
    assert "That code is wrong. 4 attempts left." in answer.text
    for _ in range(3):
        answer = staff.post(place, {"code": WRONG})
    assert "That code is wrong. 1 attempt left." in answer.text


@pytest.mark.parametrize("typed", ["", " ", "1", "123456"])
def test_a_code_that_is_not_all_there_costs_no_attempt(staff: Browser, typed: str) -> None:
    place = send(staff)
    answer = staff.post(place, {"code": typed})
    assert answer.status_code == 400
    assert "Enter the 5 digits of the code." in answer.text
    assert "5 attempts left" in answer.text


def test_after_too_many_wrong_codes_the_page_says_so_and_how_long_to_wait(staff: Browser, caller: Caller) -> None:
    place = send(staff)
    for _ in range(5):
        answer = staff.post(place, {"code": WRONG})
    text = page_text(answer)
    assert "Too many wrong codes were entered, so this code no longer works." in text
    assert "no further code can be sent to +98••••••••67 until 2026-11-23 12:00:30" in text
    assert "on its way" not in text
    assert staff.post(place, {"code": WRONG}).status_code == 400
    assert "no further code" not in page_text(staff.get(send(staff, recipient="+989121234568")))


def test_who_tries_a_blocked_recipient_is_told_until_when_and_to_ask_an_admin(staff: Browser, caller: Caller) -> None:
    caller.set_limits(max_failures=1)
    place = send(staff)
    staff.post(place, {"code": WRONG})
    assert (
        "No codes are sent to +98••••••••67 after too many wrong ones in a row, until 2026-11-24 12:00:00. "
        "An admin can unblock them."
    ) in page_text(staff.get(place))


def test_the_page_says_what_became_of_the_message(staff: Browser, caller: Caller, time: Clock) -> None:
    place = send(staff)
    assert "No worker is running" in page_text(staff.get(place))
    with caller.app.app_context():
        Heartbeat().beat()
        waiting = staff.get(place)
        assert "Sending…" in page_text(waiting)
        assert "data-live" in waiting.text
        assert "Check again</a>" in waiting.text
        [claim] = exchange([], room=1)
        exchange([Outcome(claim, SendFailed("The gateway is down.", code="500", retryable=True))], room=0)
    failing = page_text(staff.get(place))
    assert "Attempt 1 failed gateway: The gateway is down. Retrying at 12:00:02" in failing
    with caller.app.app_context():
        time.advance(2)
        [claim] = exchange([], room=1)
        exchange([Outcome(claim, SendFailed("The number is barred.", code="400", retryable=False))], room=0)
    failed = staff.get(place)
    assert "Message not sent gateway: The number is barred." in page_text(failed)
    assert "data-live" not in failed.text


def test_a_message_in_the_outbox_is_linked_for_those_who_may_see_it(
    staff: Browser, caller: Caller, world: World, time: Clock
) -> None:
    place = send(staff)
    with caller.app.app_context():
        [claim] = exchange([], room=1)
        exchange([deliver(claim)], room=0)
    page = staff.get(place)
    assert "Development only: nothing was sent" in page_text(page)
    assert "/notifiers/outbox" not in page.text
    staff.sign_in(world.admin())
    assert 'href="/projects/shop/notifiers/outbox"' in staff.get(place).text


def test_limits_and_missing_notifiers_are_told(staff: Browser, caller: Caller) -> None:
    send(staff)
    answer = staff.post(PATH, {"channel": "sms", "recipient": PHONE})
    assert (answer.status_code, "A code was sent just now." in answer.text) == (429, True)
    caller.change_settings(email_notifier=None)
    answer = staff.post(PATH, {"channel": "email", "recipient": "staff@example.org"})
    assert (answer.status_code, "No email notifier is chosen" in answer.text) == (409, True)
    answer = staff.post(PATH, {"channel": "sms", "recipient": "x"})
    assert (answer.status_code, "Enter a valid phone number" in answer.text) == (400, True)
    assert staff.post(PATH, {"recipient": PHONE}).status_code == 400
    answer = staff.post(PATH, {"channel": "sms", "recipient": " "})
    assert "Enter a phone number or an email address." in answer.text


def test_it_takes_both_permissions(caller: Caller, world: World, browser: Browser) -> None:
    challenge, _ = caller.open()
    for code in (Permission.OTP_SEND, Permission.OTP_VERIFY, Permission.NOTIFICATIONS_SETTINGS_UPDATE):
        browser.sign_in(world.member(caller.project, code, email=f"{code}@example.org"))
        assert browser.get(PATH).status_code == 403
        assert browser.post(PATH, {}).status_code == 403
        assert browser.get(f"{PATH}/{challenge}").status_code == 403
        assert browser.post(f"{PATH}/{challenge}", {"code": "1"}).status_code == 403
    assert caller.state(challenge)["attempts_left"] == 5


def test_no_such_challenge_is_404(staff: Browser) -> None:
    assert staff.get(f"{PATH}/{'0' * 32}").status_code == 404


def test_another_code_is_sent_and_the_one_before_stays_good(staff: Browser, caller: Caller, time: Clock) -> None:
    place = send(staff)
    code = caller.last_message()["variables"]["code"]
    assert f'formaction="{place}/resend"' in staff.get(place).text
    answer = staff.post(f"{place}/resend")
    assert (answer.status_code, "A code was sent just now." in answer.text) == (429, True)
    time.advance(60)
    page = page_text(staff.post(f"{place}/resend", follow_redirects=True))
    assert "Another code is on its way. The ones before it stay good until they expire." in page
    assert "5 attempts left, for 2 codes that are valid" in page
    assert "Code verified" in page_text(staff.post(place, {"code": code}, follow_redirects=True))
    answer = staff.post(f"{place}/resend")
    assert (answer.status_code, "This challenge is over" in page_text(answer)) == (409, True)


def test_sending_another_takes_both_permissions(caller: Caller, world: World, browser: Browser) -> None:
    challenge, _ = caller.open()
    for code in (Permission.OTP_SEND, Permission.OTP_VERIFY):
        browser.sign_in(world.member(caller.project, code, email=f"{code}@example.org"))
        assert browser.post(f"{PATH}/{challenge}/resend").status_code == 403
    assert caller.state(challenge)["codes_alive"] == 1
