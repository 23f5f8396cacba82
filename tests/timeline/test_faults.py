"""Faults put into a web server and a worker as two processes, and the name that "Not arrived?" has for each.

Codes live for two minutes, workers count as gone after half a minute without a sign of life: the tests move the rows'
times back instead of waiting so long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from notifapp import clock
from notifapp.access import credentials
from notifapp.timeline.verdicts import Verdict
from tests.conftest import LOOPBACK, empty
from tests.delivery.outbox import eventually, free_port, redis_server
from tests.delivery.test_end_to_end import web
from tests.gateways.stand_ins.kavenegar import KavenegarStandIn
from tests.gateways.stand_ins.webhook import WebhookStandIn
from tests.timeline.site import Shop, Site, open_shop

pytestmark = pytest.mark.slow
LIFE = 120  # seconds, of a code by the default settings


@pytest.fixture(scope="module")
def both(shared_app: Flask, database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One pair of processes for all faults: woken by a pipe on SQLite, by Redis on PostgreSQL."""
    empty(shared_app)
    before, folder = shared_app.config["NOTIFAPP"], tmp_path_factory.mktemp("faults")
    with ExitStack() as stack:
        kavenegar, webhook = stack.enter_context(KavenegarStandIn()), stack.enter_context(WebhookStandIn())
        url, redis = stack.enter_context(redis_server(folder)) if database == "postgresql" else (None, None)
        shared_app.config["NOTIFAPP"] = replace(
            before,
            instance_dir=folder,
            redis_url=url,
            private_destinations=LOOPBACK,
            gateway_urls={"kavenegar": kavenegar.url},
        )
        site = Site(shared_app, stack.enter_context(web(shared_app, folder)), folder, kavenegar, webhook, redis)
        site.start_worker()
        yield site
        site.worker.kill()
    shared_app.config["NOTIFAPP"] = before


@pytest.fixture
def site(both: Site) -> Iterator[Site]:
    """Both processes, without a fault."""
    yield both
    both.heal()


@pytest.fixture
def shop(site: Site) -> Shop:
    """A shop that sends through Kavenegar."""
    return open_shop(site)


@pytest.fixture
def relaying(site: Site) -> Shop:
    """A shop that sends through its own receiver, which signs what it says."""
    return open_shop(site, backend="webhook", url=site.webhook.url)


# The gateway


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        ({"fault": "bad gateway"}, Verdict.GATEWAY_DOWN),
        ({"fault": "hang up"}, Verdict.GATEWAY_DOWN),
        ({"fault": "garbage"}, Verdict.GATEWAY_DOWN),
        ({"fault": "proxy 403"}, Verdict.ADDRESS_REFUSED),
        ({"key": "another key"}, Verdict.KEY_REFUSED),
        ({"code": 401}, Verdict.ACCOUNT_CLOSED),
        ({"code": 407}, Verdict.ADDRESS_REFUSED),
        ({"code": 411}, Verdict.NUMBER_REJECTED),
        ({"code": 412}, Verdict.SENDER_REFUSED),
        ({"code": 418}, Verdict.CREDIT_OUT),
        ({"code": 420}, Verdict.TEXT_REFUSED),
        ({"code": 451}, Verdict.GATEWAY_LIMIT),
        ({"code": 501}, Verdict.ACCOUNT_CLOSED),
        ({"entry_status": 6}, Verdict.UNDELIVERED),
        ({"entry_status": 11}, Verdict.UNDELIVERED),
        ({"entry_status": 14}, Verdict.BLACKLISTED),
    ],
    ids=str,
)
def test_what_the_gateway_answers(site: Site, shop: Shop, fault: dict[str, Any], verdict: Verdict) -> None:
    for name, value in fault.items():
        setattr(site.kavenegar, name, value)
    shop.ask()
    shop.assert_named(verdict)


def test_a_pattern_that_the_gateway_does_not_know(site: Site) -> None:
    shop = open_shop(site, pattern_code="login", pattern_variables="code")
    site.kavenegar.code = 424
    shop.ask()
    shop.assert_named(Verdict.PATTERN_WRONG)


def test_nobody_listens_at_the_gateways_address(site: Site) -> None:
    shop = open_shop(site, backend="webhook", url=f"http://127.0.0.1:{free_port()}/")
    shop.ask()
    shop.assert_named(Verdict.GATEWAY_DOWN)


def test_a_gateway_that_stays_down_until_the_code_has_expired(site: Site, shop: Shop) -> None:
    site.kavenegar.fault = "bad gateway"
    shop.ask()
    shop.await_delivery(status="queued", attempts=1)
    shop.pass_time(LIFE)
    shop.await_delivery(status="failed")
    shop.assert_named(Verdict.GATEWAY_DOWN)


def test_a_gateway_that_takes_the_message_and_answers_slower_than_the_code_lives(site: Site, shop: Shop) -> None:
    site.kavenegar.fault = "slow"
    shop.ask()
    eventually(lambda: shop.at_gateway)
    shop.assert_named(Verdict.SENDING)
    shop.pass_time(LIFE)
    site.kavenegar.fault = ""
    shop.await_delivery(status="sent")
    shop.assert_named(Verdict.ACCEPTED_LATE)


# Receipts


def test_a_receipt_that_is_lost(shop: Shop) -> None:
    shop.ask()
    shop.received()
    shop.assert_named(Verdict.NO_RECEIPT)


def test_a_receipt_that_is_forged(relaying: Shop) -> None:
    relaying.ask()
    relaying.await_delivery(status="sent")
    relaying.push_receipt("undelivered", secret="a guess")
    relaying.assert_named(Verdict.NO_RECEIPT)


def test_a_receipt_at_an_address_that_is_guessed(shop: Shop) -> None:
    shop.ask()
    shop.received()
    shop.push_from_kavenegar(11, key=credentials.new_key())
    shop.assert_named(Verdict.NO_RECEIPT)


@pytest.mark.parametrize("age", [3600, -3600])
def test_a_receipt_of_a_gateway_whose_clock_is_wrong(relaying: Shop, age: int) -> None:
    relaying.ask()
    relaying.await_delivery(status="sent")
    relaying.push_receipt("delivered", age=age)
    relaying.assert_named(Verdict.NO_RECEIPT)
    relaying.push_receipt("delivered")
    relaying.assert_named(Verdict.DELIVERED)


def test_a_message_that_arrived_and_whose_code_was_never_entered(relaying: Shop) -> None:
    relaying.ask()
    relaying.await_delivery(status="sent")
    relaying.push_receipt("delivered")
    relaying.pass_time(LIFE)
    relaying.assert_named(Verdict.EXPIRED)


def test_a_message_that_arrived_too_late(relaying: Shop) -> None:
    relaying.ask()
    relaying.await_delivery(status="sent")
    relaying.pass_time(LIFE)
    relaying.push_receipt("delivered")
    relaying.assert_named(Verdict.DELIVERED_LATE)


def test_a_message_that_did_not_reach_the_phone(shop: Shop) -> None:
    shop.ask()
    shop.received()
    shop.push_from_kavenegar(11)
    shop.assert_named(Verdict.UNDELIVERED)


def test_a_recipient_who_has_blocked_the_line_as_a_receipt_says(shop: Shop) -> None:
    shop.ask()
    shop.received()
    shop.push_from_kavenegar(14)
    shop.assert_named(Verdict.BLACKLISTED)


# Our own side


def test_a_dead_worker(site: Site, shop: Shop) -> None:
    site.kill_worker()
    try:
        shop.ask()
        shop.assert_named(Verdict.WORKER_MISSING)
    finally:
        site.start_worker()
    shop.assert_named(Verdict.NO_RECEIPT)


def test_a_worker_that_came_back_too_late(site: Site, shop: Shop) -> None:
    site.kill_worker()
    try:
        shop.ask()
        shop.pass_time(LIFE)
        shop.assert_named(Verdict.WORKER_MISSING)
    finally:
        site.start_worker()
    shop.assert_named(Verdict.NOT_SENT_IN_TIME)
    assert shop.at_gateway == []


def test_secrets_that_this_server_cannot_decrypt(shop: Shop) -> None:
    shop.spoil_secrets()
    shop.ask()
    shop.assert_named(Verdict.OWN_KEY_MISSING)


def test_a_notifier_that_is_disabled_while_its_message_waits(site: Site, shop: Shop) -> None:
    site.kavenegar.fault = "bad gateway"
    shop.ask()
    shop.await_delivery(status="queued", attempts=1)
    site.world.set_enabled(shop.notifier, False)
    shop.assert_named(Verdict.STOPPED)


def test_a_notifier_that_is_disabled(site: Site, shop: Shop) -> None:
    site.world.set_enabled(shop.notifier, False)
    shop.ask(409)
    shop.assert_named(Verdict.NOTIFIER_DISABLED)


def test_a_channel_without_a_notifier(shop: Shop) -> None:
    shop.change_settings(sms_notifier=None)
    shop.ask(409)
    shop.assert_named(Verdict.NO_NOTIFIER)


# What was asked for


def test_a_code_that_nobody_asked_for(shop: Shop) -> None:
    shop.assert_named(Verdict.NEVER_ASKED)


def test_a_limit_that_is_reached(shop: Shop) -> None:
    shop.set_limits(sends_per_hour=1)
    shop.ask()
    shop.received()
    shop.pass_time(LIFE)
    shop.ask(429)
    shop.assert_named(Verdict.REFUSED_RECIPIENT_LIMIT)


def test_a_country_to_which_nothing_is_sent(shop: Shop) -> None:
    shop.send_only_to("DE")
    shop.ask(400)
    shop.assert_named(Verdict.REFUSED_DESTINATION)


# What was typed


def test_a_wrong_code(shop: Shop) -> None:
    challenge, code = shop.ask(), shop.received()
    shop.type(challenge, other_than(code), 400)
    shop.assert_named(Verdict.MISTYPED)


def test_wrong_codes_until_none_is_taken_any_more(shop: Shop) -> None:
    shop.set_limits(max_attempts=2)
    challenge, code = shop.ask(), shop.received()
    for _ in range(2):
        shop.type(challenge, other_than(code), 400)
    shop.assert_named(Verdict.TOO_MANY_WRONG)


def test_so_many_wrong_codes_that_the_recipient_is_blocked(shop: Shop) -> None:
    shop.set_limits(max_failures=1)
    challenge, code = shop.ask(), shop.received()
    shop.type(challenge, other_than(code), 400)
    shop.pass_time(LIFE)
    shop.ask(429)
    shop.assert_named(Verdict.REFUSED_BLOCKED)


def test_the_right_code_after_its_time(shop: Shop) -> None:
    challenge, code = shop.ask(), shop.received()
    shop.pass_time(LIFE)
    shop.type(challenge, code, 400)
    shop.assert_named(Verdict.TYPED_LATE)


def test_the_code_of_an_older_message(shop: Shop) -> None:
    older, code = shop.ask(), shop.received()
    shop.pass_time(LIFE / 2)
    shop.ask()
    shop.received(2)
    shop.type(older, code, 400)
    shop.assert_named(Verdict.TYPED_OLDER)


def test_no_fault_at_all(shop: Shop) -> None:
    challenge, code = shop.ask(), shop.received()
    shop.type(challenge, code)
    shop.assert_named(Verdict.APPROVED)


# A worker that is killed between the gateway and the database


@pytest.mark.parametrize(
    ("settings", "most"),
    [({}, 1), ({"pattern_code": "login", "pattern_variables": "code"}, 2)],
    ids=["a gateway that knows messages by their id", "one that does not"],
)
def test_a_worker_killed_before_it_wrote_down_what_the_gateway_took(
    site: Site, settings: dict[str, Any], most: int
) -> None:
    shop = open_shop(site, **settings)
    site.kavenegar.fault = "slow"
    challenge = shop.ask()
    eventually(lambda: shop.at_gateway)
    site.kill_worker()
    site.kavenegar.fault = ""
    assert shop.deliveries()[0].status == "sending"
    shop.change_deliveries(lease_until=clock.now() - timedelta(seconds=1))  # 45 seconds later
    site.start_worker()
    shop.await_delivery(status="sent", attempts=2)
    assert len(shop.at_gateway) == most
    shop.assert_named(Verdict.NO_RECEIPT)
    assert "ended without a word, so the message may arrive twice" in shop.page()
    codes = {message.get("token") or re.findall(r"\b\d{5}\b", message["message"])[0] for message in shop.at_gateway}
    [code] = codes
    shop.type(challenge, code)
    shop.assert_named(Verdict.APPROVED)


# The last, because it stays so: workers find what they weren't told of


def test_a_queue_that_is_gone(site: Site, shop: Shop) -> None:
    site.break_queue()
    shop.ask()
    shop.received()
    shop.assert_named(Verdict.NO_RECEIPT)


def other_than(code: str) -> str:
    """A code of the same length."""
    return code[:-1] + str((int(code[-1]) + 1) % 10)
