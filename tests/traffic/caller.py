"""A project whose codes are counted: what it allows, what was counted, and codes sent without HTTP in between."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flask import Flask
from sqlalchemy import delete, func, insert, select

from notifapp import clock
from notifapp.access import Principal
from notifapp.audit.models import AuditEvent
from notifapp.channels import Channel
from notifapp.database import reading, table_of, writing
from notifapp.otp.limits.service import Recipient
from notifapp.otp.models import OtpChallenge
from notifapp.otp.refusals.service import sends_noted
from notifapp.traffic import service
from notifapp.traffic.counts import HOURS_A_DAY
from notifapp.traffic.destinations import destination_of
from notifapp.traffic.models import OtpTraffic, OtpTrafficLimits, Scope
from notifapp.traffic.service import TrafficRefused
from tests.otp.caller import Caller, make_caller
from tests.world import World


def iranian(number: int) -> str:
    """A mobile number in Iran; the first hundred thousand begin with the same six digits."""
    return f"+98912{1_000_000 + number:07d}"


@dataclass
class CountedCaller(Caller):
    """The project, its backend's token, and a look at its counts."""

    def allow(self, **limits: object) -> None:
        """Set what the project allows directly."""
        with self.app.app_context(), writing() as connection:
            connection.execute(delete(OtpTrafficLimits).where(OtpTrafficLimits.project_id == self.project.id))
            connection.execute(insert(OtpTrafficLimits).values(project_id=self.project.id, **limits))

    def have_habits(self, verified: int, days: int = 14, *, country: str = "IR", prefix: str = "989121") -> None:
        """Let so many codes have been sent and verified there at noon of each of the days before."""
        today = service.hour_of(clock.now()) // HOURS_A_DAY
        keys = [("project", ""), ("country", country), ("prefix", prefix)]
        rows = [
            {"project_id": self.project.id, "scope": scope, "key": key, "hour": day * HOURS_A_DAY + 9}
            | {"sent": verified, "verified": verified}
            for day in range(today - days, today)
            for scope, key in keys
        ]
        with self.app.app_context(), writing() as connection:
            connection.execute(insert(OtpTraffic), rows)

    def order(self, number: str) -> bool:
        """Have a code counted for this number, as issuing does. Return whether it may be sent."""
        principal = replace(Principal.operator(), token_id=1)
        wanted = service.order(self.project, Channel.SMS, number, principal=principal, client=None)
        whom = Recipient(self.project.id, "sms", "0" * 64, "+98•••", "0" * 64)
        with self.app.app_context():
            try:
                with sends_noted(wanted, whom):
                    cleared = service.check(wanted)
                    with writing() as connection:
                        service.charge(connection, cleared)
            except TrafficRefused:
                return False
        return True

    def approve(self, number: str, settled: int = 1) -> None:
        """Count a right code of this number, as verifying does."""
        country, prefix = destination_of(number).country, number[1:7]
        with self.app.app_context(), writing() as connection:
            service.count_approval(connection, self.project.id, (country, prefix), settled)

    def total(self, scope: Scope, column: str = "sent", **values: object) -> int:
        """The sum of a column over the rows of a scope."""
        traffic = table_of(OtpTraffic).c
        statement = select(func.coalesce(func.sum(traffic[column]), 0)).filter_by(scope=scope.value, **values)
        with self.app.app_context(), reading() as connection:
            return int(connection.execute(statement).scalar_one())

    def challenges(self) -> int:
        """How many codes were issued."""
        return self.count(OtpChallenge)

    def events(self, action: str) -> list[Any]:
        """The subjects of the audit events of this kind."""
        event = table_of(AuditEvent).c
        with self.app.app_context(), reading() as connection:
            return list(connection.execute(select(event.subject).where(event.action == action)).scalars())


def make_counted_caller(app: Flask, world: World) -> CountedCaller:
    """A project that sends by the console on both channels."""
    caller = make_caller(app, world)
    return CountedCaller(app, caller.project, caller.token)
