"""A shop with alerts: what makes them begin and end, and what was told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select

from notifapp import clock
from notifapp.access import Principal
from notifapp.alerts import evaluation
from notifapp.alerts.models import Alert
from notifapp.alerts.service import set_told
from notifapp.database import reading, table_of, unseal, writing
from notifapp.delivery import service as deliveries
from notifapp.delivery.models import Delivery
from notifapp.notifiers.gateway.base import Accepted, SendFailed
from notifapp.notifiers.models import NotifierBalance
from notifapp.standby.service import set_standby
from tests.traffic.caller import CountedCaller, iranian

BROKEN = SendFailed("The gateway is busy or out of order.", code="503", retryable=True)
WORKS = Accepted("1")
GATEWAY, MAIL, BACKUP = 1, 2, 3  # the notifiers' ids
OWNER, PARTNER = "owner@shop.example", "partner@shop.example"
_alert, _delivery = table_of(Alert).c, table_of(Delivery).c


@dataclass
class Desk:
    """The shop."""

    caller: CountedCaller
    numbers: int = 0
    results: dict[int, Accepted | SendFailed] = field(default_factory=dict)

    def tell(self, *emails: str, days: int = 3) -> None:
        """Choose who is told."""
        posted = {"emails": "\n".join(emails), "balance_days": str(days)}
        with self.caller.app.app_context():
            set_told(self.caller.project, posted, principal=Principal.operator())

    def stand_by(self, channel: str, *notifiers: int) -> None:
        """Let these notifiers stand by."""
        with self.caller.app.app_context():
            set_standby(self.caller.project, {channel: list(notifiers)}, principal=Principal.operator())

    def send(self, number: int = 1, channel: str = "sms") -> None:
        """Have so many codes asked for, each by another customer, and let a worker try them."""
        for _ in range(number):
            self.numbers += 1
            to = iranian(self.numbers) if channel == "sms" else f"customer{self.numbers}@example.com"
            assert self.caller.send(to, channel).status_code == 201
        self.work()

    def work(self) -> list[int | None]:
        """Let a worker try what is due; each notifier answers as `results` says, or takes it. Return who took some."""
        with self.caller.app.app_context():
            claims = deliveries.exchange([], 1000) if deliveries.is_any_due() else []
            if not claims:
                return []
            outcomes = [deliveries.Outcome(claim, self.results.get(claim.notifier_id or 0, WORKS)) for claim in claims]
            deliveries.exchange(outcomes, 0)
        return [each.claim.notifier_id for each in outcomes if isinstance(each.result, Accepted)]

    def look(self) -> None:
        """Evaluate all signs, as a worker does."""
        with self.caller.app.app_context():
            evaluation.evaluate_quick()
            evaluation.evaluate_slow()

    def alerts(self) -> list[Any]:
        """All alerts, oldest first."""
        with self.caller.app.app_context(), reading() as connection:
            return list(connection.execute(select(table_of(Alert)).order_by(_alert.id)).all())

    def emails(self) -> list[tuple[int | None, str, str, str]]:
        """The emails about alerts that wait: by which notifier, to whom, their subject and text."""
        waiting = select(table_of(Delivery)).where(_delivery.purpose == "alert", _delivery.payload.is_not(None))
        with self.caller.app.app_context(), reading() as connection:
            rows = connection.execute(waiting.order_by(_delivery.id)).all()
            found = [(row.notifier_id, unseal(_delivery.payload, row)) for row in rows]
        return [(notifier, it["recipient"], it["subject"], it["body"]) for notifier, it in found]

    def read_balances(self, *amounts: float | None, notifier: int = GATEWAY, hours_ago: int = 0) -> None:
        """As if a worker had read these amounts, an hour apart, the last one this hour or some hours ago."""
        this_hour = clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours_ago)
        rows = [
            {"notifier_id": notifier, "hour": this_hour - timedelta(hours=place), "amount": amount, "currency": "IRR"}
            for place, amount in enumerate(reversed(amounts))
        ]
        with self.caller.app.app_context(), writing() as connection:
            connection.execute(insert(NotifierBalance), rows)
