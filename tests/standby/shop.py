"""A shop with a notifier in force and two more, what becomes of its messages, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from notifapp.access import Permission, Principal
from notifapp.breakers import service as breakers
from notifapp.breakers.service import Breaker
from notifapp.database import reading, table_of, writing
from notifapp.delivery import service as deliveries
from notifapp.delivery.models import Delivery
from notifapp.delivery.service import Claim
from notifapp.notifiers.gateway.base import Accepted, Fault, SendFailed
from notifapp.notifiers.models import Notifier
from notifapp.standby.service import set_standby
from notifapp.traces.models import Trace
from tests.otp.caller import Caller, make_caller
from tests.world import World

BROKEN = SendFailed("The gateway is busy or out of order.", code="503", retryable=True)
BAD_KEY = SendFailed("The API key was not accepted.", code="403", retryable=False)
SILENT = SendFailed("The gateway did not answer in time.", code="timeout", retryable=True, may_have_gone=True)
BARRED = SendFailed("The recipient's number was not accepted.", code="411", retryable=False, fault=Fault.RECIPIENT)
OK = Accepted("1")
_delivery, _notifier = table_of(Delivery).c, table_of(Notifier).c


@dataclass
class Shop:
    """The shop: "gateway" is in force for SMS, and "second" and "third" may stand by."""

    caller: Caller
    world: World
    ids: dict[str, int]
    token: str
    staff: int

    @property
    def path(self) -> str:
        return f"/projects/{self.caller.project.slug}/settings/standby"

    def stand_by(self, *names: str) -> None:
        with self.caller.app.app_context():
            ids = [self.ids[name] for name in names]
            set_standby(self.caller.project, {"sms": ids}, principal=Principal.operator())

    def claim(self) -> list[Claim]:
        """What a worker takes now."""
        with self.caller.app.app_context():
            return deliveries.exchange([], 100)

    def settle(self, claims: list[Claim], result: Accepted | SendFailed | None) -> None:
        """What came of these claims."""
        with self.caller.app.app_context():
            deliveries.exchange([deliveries.Outcome(claim, result) for claim in claims], 0)

    def fail(self, name: str) -> None:
        """Open this notifier's breaker."""
        with self.caller.app.app_context(), writing() as connection:
            breakers.note(connection, [(self.ids[name], BROKEN)] * breakers.OPENS_AFTER)

    def breaker(self, name: str) -> Breaker:
        with self.caller.app.app_context():
            return breakers.states([self.ids[name]])[self.ids[name]]

    def message(self) -> Any:
        """The newest message's row."""
        columns = [column for column in _delivery if column.name != "payload"]
        with self.caller.app.app_context(), reading() as connection:
            return connection.execute(select(*columns).order_by(_delivery.id.desc()).limit(1)).one()

    def traces(self) -> list[Any]:
        with self.caller.app.app_context(), reading() as connection:
            return list(connection.execute(select(table_of(Trace)).order_by(table_of(Trace).c.id)))


@pytest.fixture
def shop(app: Flask, world: World, time: object) -> Shop:
    caller = make_caller(app, world)
    ids = {name: world.notifier(caller.project, "sms", name) for name in ("second", "third")}
    with app.app_context(), reading() as connection:
        named = connection.execute(select(_notifier.name, _notifier.id).where(_notifier.name.in_(["gateway", "mail"])))
        ids |= {row.name: row.id for row in named}
    codes = (
        Permission.NOTIFICATIONS_SETTINGS_READ,
        Permission.NOTIFICATIONS_SETTINGS_UPDATE,
        Permission.OTP_RELEASE,
        Permission.SMS_NOTIFIERS_READ,
    )
    staff = world.member(caller.project, *codes)
    return Shop(caller, world, ids, world.token(staff, caller.project), staff)
