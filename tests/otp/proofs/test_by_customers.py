"""A customer's verified code proves the notifier that delivered it, a few seconds later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection

from notifapp.database import reading, table_of, writing
from notifapp.delivery.models import Delivery
from notifapp.delivery.service import exchange, send
from notifapp.notifiers.models import Notifier
from notifapp.notifiers.proving.service import fill_digests
from notifapp.otp.models import OtpChallenge
from notifapp.otp.proofs.service import LOOK_BACK, prove_by_codes
from tests import statements
from tests.clock import Clock, time
from tests.otp.caller import EMAIL, PHONE, Caller, caller
from tests.world import World

__all__ = ["caller", "time"]

MANY = 3000


@dataclass
class Site:
    """A project that sends codes through notifiers that nobody has proven yet."""

    caller: Caller

    def verified(self, recipient: str = PHONE, channel: str = "sms") -> str:
        """A customer's code, delivered and verified. Return the challenge's id."""
        challenge, code = self.caller.open(recipient, channel)
        self.deliver()
        assert self.caller.verify(challenge, code).status_code == 200
        return challenge

    def deliver(self) -> None:
        with self.caller.app.app_context():
            exchange([send(claim) for claim in exchange([], 100)], 0)

    def look(self) -> int:
        with self.caller.app.app_context():
            return prove_by_codes()

    def change(self, model: type[Any], **values: object) -> None:
        with self.caller.app.app_context(), writing() as connection:
            connection.execute(update(model).values(**values))

    def proven_at(self) -> list[Any]:
        """When the SMS notifier and the email notifier were proven."""
        with self.caller.app.app_context(), reading() as connection:
            return list(connection.execute(select(Notifier.proven_at).order_by(Notifier.id)).scalars())


@pytest.fixture
def site(caller: Caller) -> Site:
    with caller.app.app_context():
        fill_digests()
    return Site(caller)


def test_a_verified_code_proves_the_notifier_that_delivered_it(site: Site, time: Clock) -> None:
    time.advance(1)
    site.verified()
    verified_at = time.time
    time.advance(5)
    assert site.look() == 1
    assert site.proven_at() == [verified_at, None]
    site.verified(EMAIL, "email")
    assert site.look() == 1
    assert site.proven_at() == [verified_at, time.time]


def test_a_proven_notifier_is_left_alone(site: Site, time: Clock) -> None:
    site.verified()
    assert site.look() == 1
    before = site.proven_at()
    time.advance(61)
    site.verified()
    assert site.look() == 0
    assert site.proven_at() == before


def test_a_code_that_nobody_typed_back_proves_nothing(site: Site, time: Clock) -> None:
    challenge, _code = site.caller.open()
    site.deliver()
    site.caller.verify(challenge, "00000")
    assert site.look() == 0


def test_a_code_sent_before_the_last_change_proves_nothing(site: Site, time: Clock) -> None:
    challenge, code = site.caller.open()
    site.deliver()
    site.change(Notifier, configured_at=time.advance(1))
    site.caller.verify(challenge, code)
    assert site.look() == 0


def test_a_lapsed_notifier_is_proven_anew(site: Site, world: World, time: Clock) -> None:
    site.change(Notifier, proven_digest="of before", proven_at=time.time)
    time.advance(1)
    site.verified()
    assert site.look() == 1
    assert site.proven_at()[0] == time.time


def test_of_several_messages_nobody_knows_which_arrived(site: Site, time: Clock) -> None:
    site.caller.set_limits(resend_seconds=1)
    challenge, _code = site.caller.open()
    time.advance(2)
    code = site.caller.resent(challenge)
    site.deliver()
    assert site.caller.verify(challenge, code).status_code == 200
    assert site.look() == 0


def test_nor_of_several_attempts(site: Site, time: Clock) -> None:
    site.verified()
    site.change(Delivery, attempts=2)
    assert site.look() == 0


@pytest.mark.parametrize("late", [timedelta(seconds=-1), timedelta(0)])
def test_only_what_was_verified_just_now_is_looked_at(site: Site, time: Clock, late: timedelta) -> None:
    site.verified()
    time.time += LOOK_BACK + late
    assert site.look() == (1 if late else 0)


def test_notifiers_without_a_digest_get_one_first(caller: Caller, time: Clock) -> None:
    site = Site(caller)
    assert site.look() == 0
    site.verified()
    assert site.look() == 1


def copy_many(connection: Connection, model: type[Any], **values: object) -> None:
    """Fill a table with copies of its only row, of nine days before and of other challenges."""
    [row] = [row._asdict() for row in connection.execute(select(table_of(model)))]
    days = {name: at - timedelta(days=9) for name, at in row.items() if isinstance(at, datetime)}
    whose = "id" if model is OtpChallenge else "challenge_id"
    rows = [row | days | values | {whose: f"{number:032x}"} for number in range(MANY)]
    if model is Delivery:
        rows = [each | {"id": row["id"] + number} for number, each in enumerate(rows, start=1)]
    connection.execute(insert(table_of(model)), rows)


def test_looking_reads_no_table_from_end_to_end(app: Flask, site: Site, time: Clock) -> None:
    site.verified()
    site.change(Delivery, notifier_id=None)
    with app.app_context():
        with writing() as connection:
            copy_many(connection, Delivery)
            copy_many(connection, OtpChallenge, delivery_id=None)
        statements.analyze()
        with statements.sent() as sent:
            prove_by_codes()
        large = {"delivery", "other", "otp_challenge"}
        for statement, plan in statements.plans(sent):
            assert not statements.read_row_by_row(plan) & large, (statement, plan)
