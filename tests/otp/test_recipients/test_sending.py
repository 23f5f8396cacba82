"""Codes for test recipients: fixed, with a fixed outcome, never sent, and counted nowhere."""

from __future__ import annotations

import threading
import time as real_time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, func, insert, select, update

from notifapp import clock
from notifapp.access import Principal
from notifapp.database import close_connection, reading, writing
from notifapp.delivery.models import Delivery
from notifapp.notifiers.models import OutboxMessage
from notifapp.otp.models import OtpChallenge, OtpRecipient
from notifapp.otp.test_recipients.lookup import SENDS_PER_HOUR
from notifapp.otp.test_recipients.models import OtpTestRecipient
from notifapp.otp.test_recipients.service import add_test_recipient
from notifapp.traffic.models import OtpTraffic, OtpTrafficLimits, Scope
from tests.clock import Clock
from tests.delivery.outbox import eventually, worker
from tests.otp.caller import EMAIL, PHONE, Caller, make_caller
from tests.otp.test_key_rotation import NEW, OLD, Keys
from tests.otp.test_recipients.conftest import CODE, Desk
from tests.statements import sent
from tests.world import World

WRONG = "27182818"  # of the same length
ABROAD = "+14155552671"
AN_HOUR, A_MONTH = 3600, 31 * 86400


@pytest.fixture
def keys(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Keys:
    return Keys(desk.caller, monkeypatch)


def allow(caller: Caller, **limits: object) -> None:
    with caller.app.app_context(), writing() as connection:
        connection.execute(insert(OtpTrafficLimits).values(project_id=caller.project.id, **limits))


def opened(caller: Caller, recipient: str = PHONE, channel: str = "sms") -> str:
    answer = caller.send(recipient, channel)
    assert answer.status_code == 201, answer.text
    return str(answer.get_json()["id"])


def is_fixed(caller: Caller) -> bool:
    """Whether the message queued last is one to a test recipient."""
    return bool(caller.last_message() == {"outcome": "delivered"})


def counts(caller: Caller) -> tuple[int, ...]:
    """How many codes the project has sent, verified and tried in vain."""
    columns = [func.coalesce(func.sum(it), 0) for it in (OtpTraffic.sent, OtpTraffic.verified, OtpTraffic.wrong)]
    with caller.app.app_context(), reading() as connection:
        return tuple(connection.execute(select(*columns).where(OtpTraffic.scope == Scope.PROJECT.value)).one())


@pytest.mark.parametrize(("recipient", "channel"), [(PHONE, "sms"), (EMAIL, "email")])
def test_the_fixed_code_is_right_once_and_has_a_length_of_its_own(desk: Desk, recipient: str, channel: str) -> None:
    desk.add(recipient)
    answer = desk.caller.send(recipient, channel)
    assert answer.status_code == 201
    assert answer.get_json()["code_length"] == len(CODE)
    challenge = answer.get_json()["id"]
    assert desk.caller.verify(challenge, WRONG).get_json()["attempts_left"] == 4
    assert desk.caller.verify(challenge, CODE).get_json()["status"] == "approved"
    assert desk.caller.verify(challenge, CODE).get_json()["error_code"] == "used_code"
    assert desk.caller.verify(opened(desk.caller, recipient, channel), CODE).status_code == 200


def test_nothing_leaves_the_house_and_neither_code_nor_address_waits_to(desk: Desk) -> None:
    desk.add()
    opened(desk.caller)
    assert desk.caller.last_message() == {"outcome": "delivered"}
    desk.work()
    assert desk.caller.count(OutboxMessage) == 0
    opened(desk.caller, "+989351234599")
    desk.work()
    assert desk.caller.count(OutboxMessage) == 1, "others are sent as ever"


@pytest.mark.parametrize(
    ("outcome", "status", "reason"),
    [
        ("delivered", "delivered", None),
        ("undelivered", "undelivered", "This test recipient is set to be undelivered."),
        ("refused", "failed", "This test recipient is set to be refused."),
    ],
)
def test_the_outcome_is_the_fixed_one(desk: Desk, outcome: str, status: str, reason: str | None) -> None:
    desk.add(outcome=outcome)
    challenge = opened(desk.caller)
    desk.work()
    [delivery] = desk.caller.state(challenge)["deliveries"]
    assert (delivery["notifier"], delivery["status"], delivery["reason"]) == ("Test recipient", status, reason)
    assert desk.caller.verify(challenge, CODE).status_code == 200, "the code is right whatever became of its message"


def test_a_slow_message_takes_half_of_the_codes_life(desk: Desk, time: Clock) -> None:
    desk.caller.change_settings(otp_ttl=120)
    desk.add(outcome="slow")
    challenge = opened(desk.caller)
    for seconds, status in ((0, "queued"), (59, "queued"), (1, "delivered")):
        time.advance(seconds)
        desk.work()
        assert desk.caller.state(challenge)["deliveries"][0]["status"] == status


def test_another_spelling_of_the_mailbox_is_no_test_recipient(desk: Desk) -> None:
    desk.add("reviewer@example.com")
    opened(desk.caller, "reviewer+1@example.com", "email")
    assert not is_fixed(desk.caller)
    opened(desk.caller, "REVIEWER@example.com", "email")
    assert is_fixed(desk.caller)


def test_the_same_number_is_a_customer_of_another_project(desk: Desk, world: World) -> None:
    desk.add()
    other = make_caller(desk.caller.app, world, "other")
    opened(other)
    assert not is_fixed(other)


def test_no_limit_of_sending_holds_a_test_up_but_one_of_its_own(desk: Desk, time: Clock) -> None:
    desk.caller.set_limits(sends_per_hour=1, sends_per_day=1)
    desk.add()
    for _ in range(SENDS_PER_HOUR):
        time.advance(1)
        answer = desk.caller.send()
        assert answer.status_code == 201
    assert answer.get_json()["resend_at"] == "2026-11-23T13:00:01.000000Z"
    assert "too_soon" not in answer.headers["RateLimit"]
    refused = desk.caller.send()
    assert (refused.status_code, refused.get_json()["code"]) == (429, "hourly_limit")
    time.advance(AN_HOUR)
    assert desk.caller.send().status_code == 201


def test_a_country_that_gets_no_codes_may_have_test_recipients(desk: Desk) -> None:
    allow(desk.caller, countries="IR")
    assert desk.caller.send(ABROAD).status_code == 400
    desk.add(ABROAD)
    challenge = opened(desk.caller, ABROAD)
    assert desk.caller.resend(challenge).status_code == 200
    assert desk.caller.verify(challenge, CODE).status_code == 200


def test_tests_use_up_nothing_and_are_stopped_by_no_cap(desk: Desk) -> None:
    allow(desk.caller, codes_per_hour=1)
    desk.add()
    challenge = opened(desk.caller)
    desk.caller.verify(challenge, WRONG)
    desk.caller.verify(challenge, CODE)
    assert counts(desk.caller) == (0, 0, 0)
    assert desk.caller.send(ABROAD).status_code == 201
    assert desk.caller.send("+14155552672").status_code == 429
    assert opened(desk.caller)
    assert counts(desk.caller) == (1, 0, 0)


def test_who_guesses_at_a_test_recipients_code_is_blocked_and_stops_nobody_else(desk: Desk) -> None:
    allow(desk.caller, wrong_least=1, wrong_percent=1)
    desk.caller.set_limits(max_failures=3)
    desk.add()
    challenge = opened(desk.caller)
    for _ in range(3):
        assert desk.caller.verify(challenge, WRONG).status_code == 400
    blocked = desk.caller.send()
    assert (blocked.status_code, blocked.get_json()["code"]) == (429, "recipient_blocked")
    assert desk.caller.send(ABROAD).status_code == 201


def test_codes_are_sent_again_as_ever_and_are_the_same(desk: Desk) -> None:
    desk.add()
    challenge = opened(desk.caller)
    for alive in (2, 3):
        assert desk.caller.resend(challenge).get_json()["codes_alive"] == alive
    assert desk.caller.resend(challenge).get_json()["code"] == "too_many_codes"
    assert desk.caller.verify(challenge, CODE).status_code == 200


def test_after_its_last_day_it_is_a_recipient_like_any_other_and_starts_anew(desk: Desk, time: Clock) -> None:
    desk.caller.set_limits(sends_per_day=2)
    desk.add(ends_on="2026-11-23")
    for _ in range(3):
        assert opened(desk.caller)
    time.advance(12 * AN_HOUR - 1)
    opened(desk.caller)
    assert is_fixed(desk.caller)
    time.advance(1)
    challenge, code = desk.caller.open()
    assert len(code) == 5
    assert desk.caller.verify(challenge, code).status_code == 200
    assert counts(desk.caller) == (1, 1, 0), "the tests before it were never unsettled"


def test_without_a_notifier_it_is_refused_as_everybody_is(desk: Desk) -> None:
    desk.add()
    desk.caller.change_settings(sms_notifier=None)
    answer = desk.caller.send()
    assert (answer.status_code, answer.get_json()["code"]) == (409, "no_notifier")


def test_a_new_key_for_codes_leaves_it_a_test_recipient(desk: Desk, keys: Keys) -> None:
    desk.add()
    keys.list(NEW, OLD)
    assert desk.caller.verify(opened(desk.caller), CODE).status_code == 200
    keys.list(NEW)
    assert desk.caller.verify(opened(desk.caller), CODE).status_code == 200


def test_under_an_older_key_no_country_holds_it_up_either(desk: Desk, keys: Keys) -> None:
    allow(desk.caller, countries="IR")
    desk.add(ABROAD)
    keys.list(NEW, OLD)
    assert opened(desk.caller, ABROAD)


def test_a_code_that_can_not_be_decrypted_sends_nothing_to_the_recipient(desk: Desk) -> None:
    desk.add()
    with desk.caller.app.app_context(), writing() as connection:
        connection.execute(update(OtpTestRecipient).values(code="g1.none.none"))
    answer = desk.caller.send()
    assert (answer.status_code, answer.get_json()["code"]) == (409, "conflict")
    assert desk.caller.count(Delivery) == 0


def test_one_removed_in_the_moment_of_asking_is_refused_as_everybody_is(desk: Desk) -> None:
    caller = desk.caller
    desk.add(ABROAD)
    opened(caller, ABROAD)
    allow(caller, countries="IR")
    answers: list[int] = []

    def ask() -> None:
        answers.append(caller.send(ABROAD).status_code)
        with caller.app.app_context():
            close_connection()

    asking = threading.Thread(target=ask)
    with caller.app.app_context(), writing() as connection:
        connection.execute(select(OtpRecipient.digest).with_for_update())  # where the other one waits
        asking.start()
        real_time.sleep(0.5)
        connection.execute(delete(OtpTestRecipient))
    asking.join()
    assert answers == [400]
    assert caller.count(OtpChallenge) == 1


@pytest.mark.slow
def test_a_worker_finishes_what_was_asked_for_within_a_second_or_two(caller: Caller, tmp_path: Path) -> None:
    with caller.app.app_context():
        last_day = (clock.now() + timedelta(days=1)).date().isoformat()
        fields = {"recipient": PHONE, "code": CODE, "outcome": "refused", "ends_on": last_day}
        add_test_recipient(caller.project, fields, zone=clock.UTC_ZONE, principal=Principal.operator())
    challenge = opened(caller)
    with worker(caller.app, tmp_path) as running:
        eventually(lambda: caller.state(challenge)["deliveries"][0]["status"] == "failed")
    assert CODE not in running.log.read_text()
    assert caller.verify(challenge, CODE).status_code == 200


def test_it_takes_no_statement_more_than_any_other_recipient(desk: Desk) -> None:
    desk.add()
    with sent() as for_a_customer:
        opened(desk.caller, "+989351234599")
    with sent() as for_a_test:
        opened(desk.caller)
    assert len(for_a_test) < len(for_a_customer)
