"""Which notifier sends a message, and when: as the worker claims it and writes down what came of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from notifapp import clock
from notifapp.access import Principal
from notifapp.breakers.models import BreakerState
from notifapp.breakers.service import SHORTEST_WAIT
from notifapp.channels import Channel
from notifapp.database import writing
from notifapp.delivery import service as deliveries
from notifapp.delivery.models import DeliveryStatus
from notifapp.delivery.stopping import delete_notifier
from notifapp.errors import Conflict
from notifapp.notifiers.gateway.base import SendFailed
from notifapp.notifiers.gateway.receipts import Report, ReportOutcome
from notifapp.receipts.service import apply
from notifapp.settings.service import set_requires_proof
from tests.client import Browser, page_text
from tests.clock import Clock
from tests.otp.caller import PHONE
from tests.standby.shop import BAD_KEY, BARRED, BROKEN, OK, SILENT, Shop


@pytest.mark.parametrize("failed", [BROKEN, BAD_KEY], ids=["busy", "bad key"])
def test_what_fails_goes_to_the_next_at_once(shop: Shop, failed: SendFailed) -> None:
    shop.stand_by("second", "third")
    shop.caller.open()
    first = shop.claim()
    assert [claim.notifier_name for claim in first] == ["gateway"]
    shop.settle(first, failed)
    second = shop.claim()
    assert [claim.notifier_id for claim in second] == [shop.ids["second"]]
    shop.settle(second, failed)
    third = shop.claim()
    shop.settle(third, OK)
    row = shop.message()
    assert (row.notifier_id, row.notifier_name, row.backend) == (shop.ids["third"], "third", "console")
    assert (row.instead_of, row.status, row.attempts, row.provider_id) == ("gateway", "sent", 3, "1")


def test_after_the_last_one_it_begins_again_later(shop: Shop, time: Clock) -> None:
    shop.stand_by("second")
    shop.caller.open()
    shop.settle(shop.claim(), BROKEN)
    shop.settle(shop.claim(), BROKEN)
    assert shop.claim() == []
    time.advance(deliveries.BACKOFF[1])
    assert [claim.attempt for claim in shop.claim()] == [3]


def test_what_the_last_one_refuses_for_good_has_failed(shop: Shop) -> None:
    shop.stand_by("second")
    shop.caller.open()
    shop.settle(shop.claim(), BROKEN)
    shop.settle(shop.claim(), BAD_KEY)
    row = shop.message()
    assert (row.status, row.notifier_name, row.error_reason) == ("failed", "second", BAD_KEY.reason)


def test_what_is_the_recipients_fault_goes_to_nobody_else(shop: Shop) -> None:
    shop.stand_by("second")
    shop.caller.open()
    shop.settle(shop.claim(), BARRED)
    row = shop.message()
    assert (row.status, row.notifier_name, row.instead_of) == ("failed", "gateway", None)


def test_what_may_be_out_waits_before_it_is_sent_twice(shop: Shop, time: Clock) -> None:
    shop.stand_by("second")
    shop.caller.open()
    claims = shop.claim()
    time.advance(3)
    shop.settle(claims, SILENT)
    assert shop.claim() == []
    time.advance(1.9)
    assert shop.claim() == []
    time.advance(0.1)  # five seconds of a code that lives for two minutes
    assert [claim.notifier_name for claim in shop.claim()] == ["second"]


def test_nothing_is_sent_after_the_code_has_ended(shop: Shop, time: Clock) -> None:
    shop.stand_by("second")
    shop.caller.change_settings(otp_ttl=30)
    shop.caller.open()
    claims = shop.claim()
    time.advance(29)
    shop.settle(claims, SILENT)
    time.advance(1)
    assert shop.claim() == []


def test_without_a_standby_everything_is_as_before(shop: Shop, time: Clock) -> None:
    shop.caller.open()
    shop.settle(shop.claim(), BROKEN)
    assert shop.claim() == []
    time.advance(deliveries.BACKOFF[0])
    shop.settle(shop.claim(), BAD_KEY)
    row = shop.message()
    assert (row.status, row.notifier_name, row.instead_of) == ("failed", "gateway", None)


def test_an_open_breaker_sends_messages_past_its_notifier(shop: Shop) -> None:
    shop.stand_by("second", "third")
    shop.fail("gateway")
    shop.fail("second")
    shop.caller.open()
    shop.settle(shop.claim(), OK)
    assert (shop.message().notifier_name, shop.message().instead_of) == ("third", "gateway")


def test_where_none_works_the_notifier_in_force_is_tried(shop: Shop) -> None:
    shop.stand_by("second")
    shop.fail("gateway")
    shop.fail("second")
    shop.caller.open()
    assert [claim.notifier_name for claim in shop.claim()] == ["gateway"]


def test_after_a_while_one_message_tries_whether_it_works_again(shop: Shop, time: Clock) -> None:
    shop.stand_by("second")
    shop.fail("gateway")
    time.advance(seconds=SHORTEST_WAIT.total_seconds())
    for number in range(3):
        shop.caller.open(f"+98912123450{number}")
    claims = shop.claim()
    assert [claim.notifier_name for claim in claims] == ["gateway", "second", "second"]
    assert shop.breaker("gateway").state is BreakerState.HALF_OPEN
    shop.settle(claims[:1], OK)
    assert shop.breaker("gateway").is_closed
    shop.caller.open()
    assert [claim.notifier_name for claim in shop.claim()] == ["gateway"]


def test_a_message_that_tried_in_vain_goes_to_the_standby(shop: Shop, time: Clock) -> None:
    shop.stand_by("second")
    shop.fail("gateway")
    time.advance(seconds=SHORTEST_WAIT.total_seconds())
    shop.caller.open()
    shop.settle(shop.claim(), BROKEN)
    assert shop.breaker("gateway").state is BreakerState.OPEN
    assert [claim.notifier_name for claim in shop.claim()] == ["second"]


def test_a_disabled_notifier_does_not_stand_by(shop: Shop) -> None:
    shop.stand_by("second", "third")
    shop.world.set_enabled(shop.ids["second"], False)
    shop.fail("gateway")
    shop.caller.open()
    assert [claim.notifier_name for claim in shop.claim()] == ["third"]


def test_an_unproven_notifier_does_not_stand_by_where_proof_is_required(shop: Shop) -> None:
    shop.stand_by("second")
    with shop.caller.app.app_context():
        set_requires_proof(shop.caller.project, True, principal=Principal.operator())
    shop.fail("gateway")
    shop.caller.open()
    assert [claim.notifier_name for claim in shop.claim()] == ["gateway"]


def test_a_claim_that_has_waited_is_given_back_if_its_notifier_stopped_working(shop: Shop, time: Clock) -> None:
    shop.stand_by("second")
    shop.caller.open()
    claims = shop.claim()
    shop.fail("gateway")
    time.advance(2)
    with shop.caller.app.app_context():
        outcomes = [deliveries.send(claim) for claim in claims]
    assert [outcome.result for outcome in outcomes] == [None]
    shop.settle(claims, None)
    assert [(claim.notifier_name, claim.attempt) for claim in shop.claim()] == [("second", 1)]


def test_a_message_of_a_notifier_that_was_in_force_stays_with_it(shop: Shop) -> None:
    shop.stand_by("third")
    shop.caller.open()
    shop.caller.change_settings(sms_notifier=shop.ids["second"])
    assert [claim.notifier_name for claim in shop.claim()] == ["gateway"]


def test_the_pages_say_which_notifier_sent_it_and_for_whom(shop: Shop, browser: Browser) -> None:
    shop.stand_by("second")
    shop.caller.open()
    shop.settle(shop.claim(), BROKEN)
    shop.settle(shop.claim(), OK)
    staff, project = browser.sign_in(shop.staff), f"/projects/{shop.caller.project.slug}"
    assert "second SMS, in place of gateway" in page_text(staff.get(f"{project}/deliveries"))
    timeline = page_text(staff.post(f"{project}/timeline", {"recipient": PHONE}))
    assert "second accepted the message in place of gateway." in timeline
    attempts = [trace.notifier for trace in shop.traces()]
    assert attempts == ["gateway", "second"]


def test_the_timeline_says_that_the_notifier_in_force_was_not_working(shop: Shop, browser: Browser) -> None:
    shop.stand_by("second")
    shop.fail("gateway")
    shop.caller.open()
    shop.settle(shop.claim(), OK)
    staff, project = browser.sign_in(shop.staff), f"/projects/{shop.caller.project.slug}"
    timeline = page_text(staff.post(f"{project}/timeline", {"recipient": PHONE}))
    assert "gateway is not working. The message goes through second, which stands by." in timeline


def test_a_receipt_is_about_the_notifier_that_sent_it(shop: Shop) -> None:
    shop.stand_by("second")
    shop.fail("gateway")
    shop.caller.open()
    shop.settle(shop.claim(), OK)
    report = Report("1", ReportOutcome.DELIVERED)
    with shop.caller.app.app_context(), writing() as connection:
        assert not apply(connection, shop.ids["gateway"], report, clock.now())
        assert apply(connection, shop.ids["second"], report, clock.now())
    assert shop.message().status == DeliveryStatus.DELIVERED


def test_a_notifier_that_stands_by_cannot_be_deleted(shop: Shop) -> None:
    shop.stand_by("second")
    with shop.caller.app.app_context(), pytest.raises(Conflict, match="stands by"):
        delete_notifier(shop.caller.project, Channel.SMS, shop.ids["second"], principal=Principal.operator())


def test_a_gateway_may_take_only_as_long_as_its_code_can_wait_where_others_stand_by(shop: Shop) -> None:
    shop.caller.open()
    [alone] = shop.claim()
    assert deliveries.patience(alone) == deliveries.LONGEST_SEND
    shop.stand_by("second")
    shop.caller.open("+989121234500")
    [claim] = shop.claim()
    assert deliveries.patience(claim) == timedelta(seconds=3)
