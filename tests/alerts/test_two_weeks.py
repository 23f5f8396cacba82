"""Two weeks of a shop in some minutes: the alerts are the right ones, each once, and there is no false one."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import pytest

from notifapp.delivery.models import Delivery
from notifapp.notifiers.gateway.base import Accepted, Fault, SendFailed
from notifapp.otp.slowness import service as slowness
from tests.alerts.desk import BROKEN, GATEWAY, MAIL, OWNER, WORKS, Desk
from tests.clock import Clock
from tests.traffic.caller import iranian
from tests.traffic.test_breaker import RHYTHM

pytestmark = pytest.mark.slow

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CODES_A_DAY = 140
PRICE = 100.0  # of a message
NO_CREDIT = SendFailed("The account has no credit left.", code="402", retryable=False)
NOBODY = SendFailed("The recipient's number was not accepted.", code="21211", retryable=False, fault=Fault.RECIPIENT)

ORDINARY: list[Accepted | SendFailed] = [WORKS, NOBODY, BROKEN]


@dataclass(frozen=True)
class Span:
    """From one time to another, in days and hours after the beginning."""

    start: timedelta
    end: timedelta

    def has(self, at: timedelta) -> bool:
        return self.start <= at < self.end


OUTAGE = Span(3 * DAY + 7 * HOUR, 3 * DAY + 7.7 * HOUR)  # Thursday evening
HOLIDAY = Span(5 * DAY, 6 * DAY)  # hardly anybody comes
SALES = [Span(day * DAY + 6 * HOUR, day * DAY + 9 * HOUR) for day in (6, 9)]  # ten times as many as usual
SLOW = Span(9 * DAY + 7 * HOUR, 9 * DAY + 9 * HOUR)  # messages are taken, and come when most codes' lives are over
PAID_IN = 13 * DAY  # some hours after the account has run empty


@dataclass
class Shop:
    """Its customers, its gateway and its worker, event by event."""

    desk: Desk
    time: Clock
    random: Random = field(default_factory=lambda: Random(10))
    balance: float = 0.0
    coming: list[tuple[timedelta, int, Callable[[], None]]] = field(default_factory=list)
    count: int = 0
    emptied: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        self.began = self.time.time

    @property
    def at(self) -> timedelta:
        return self.time.time - self.began

    def then(self, wait: timedelta, act: Callable[[], None]) -> None:
        """Let this happen after a while."""
        self.count += 1
        heapq.heappush(self.coming, (self.at + wait, self.count, act))

    def run(self, days: int) -> None:
        """Let so many days pass."""
        for hour in range(days * 24):
            self.then(hour * HOUR, self.have_customers)
            self.then(hour * HOUR, self.read_balance)
        for minute in range(0, days * 24 * 60, 10):
            self.then(timedelta(minutes=minute), self.look)
        while self.coming and self.coming[0][0] < days * DAY:
            at, _place, act = heapq.heappop(self.coming)
            self.time.time = self.began + at
            act()

    def look(self) -> None:
        """What the worker does beside the sending."""
        with self.desk.caller.app.app_context():
            slowness.judge()
        self.desk.look()

    def have_customers(self) -> None:
        """Spread this hour's customers over it: more in the evening and at the weekend, each day a bit differently."""
        usual = CODES_A_DAY * RHYTHM[self.time.time.hour] / sum(RHYTHM)
        weekend = 1.5 if self.time.time.weekday() >= 4 else 1
        rush = 10 if any(sale.has(self.at) for sale in SALES) else 0.1 if HOLIDAY.has(self.at) else 1
        number = usual * weekend * rush * self.random.gauss(1, 0.2)
        for _ in range(round(number + self.random.random() - 0.5)):
            self.count += 1
            to = iranian(self.random.randrange(100_000))
            self.then(HOUR * self.random.random(), lambda to=to: self.ask(to))  # type: ignore[misc]

    def ask(self, to: str, *, again: bool = False) -> None:
        """A customer asks for a code."""
        answer = self.desk.caller.send(to)
        if answer.status_code == 429:  # one came a minute ago
            return
        challenge, code = answer.get_json()["id"], self.desk.caller.last_message()["variables"]["code"]
        for wait in (0, 2, 7, 17, 37, 77):
            self.then(timedelta(seconds=wait), self.attempt)
        took = self.random.uniform(70, 115) if SLOW.has(self.at) else self.random.uniform(5, 50)
        self.then(timedelta(seconds=took), lambda: self.enter(to, challenge, code, again=again))

    def enter(self, to: str, challenge: str, code: str, *, again: bool) -> None:
        """Enter the code if it came, as most do, and otherwise mostly ask once more."""
        came = self.desk.caller.count(Delivery, challenge_id=challenge, status="sent")
        if came and self.random.random() < 0.92:
            assert self.desk.caller.verify(challenge, code).status_code == 200
        elif not again and self.random.random() < 0.7:
            self.then(timedelta(seconds=65), lambda: self.ask(to, again=True))

    def attempt(self) -> None:
        """Let the worker try what is due."""
        if self.balance <= 0:
            result: Accepted | SendFailed = NO_CREDIT
        elif OUTAGE.has(self.at):
            result = BROKEN
        else:
            result = self.random.choices(ORDINARY, [97, 2, 1])[0]
        self.desk.results[GATEWAY] = result
        self.balance -= PRICE * self.desk.work().count(GATEWAY)
        if self.balance <= 0 and not self.emptied:
            self.emptied = self.at

    def read_balance(self) -> None:
        """Read the balance, as the worker does every hour, and pay in when it is time."""
        if self.at == PAID_IN:
            self.balance += 400_000
        self.desk.read_balances(max(self.balance, 0.0))


def test_the_alerts_of_two_weeks_are_the_right_ones_each_once(desk: Desk, time: Clock) -> None:
    desk.tell(OWNER)
    shop = Shop(desk, time, balance=268_000)
    shop.run(days=14)
    alerts = [(alert.kind, alert.began_at - shop.began, alert.ended_at - shop.began) for alert in desk.alerts()]
    alerts.sort(key=lambda alert: alert[1])
    assert [kind for kind, _began, _ended in alerts] == ["failing", "balance", "slow", "failing"]
    outage, balance, slow, empty = ((began, ended) for _kind, began, ended in alerts)
    assert OUTAGE.start < outage[0] < OUTAGE.start + HOUR / 2
    assert OUTAGE.end < outage[1] < OUTAGE.end + HOUR
    assert shop.emptied - 4 * DAY < balance[0] < shop.emptied - 2 * DAY
    assert PAID_IN <= balance[1] < PAID_IN + HOUR
    assert SLOW.start < slow[0] < SLOW.end
    assert SLOW.end < slow[1] < SLOW.end + 4 * HOUR
    assert shop.emptied < empty[0] < PAID_IN < empty[1] < PAID_IN + 2 * HOUR
    carried = desk.caller.count(Delivery, purpose="alert", status="sent", notifier_id=MAIL)
    assert carried == desk.caller.count(Delivery, purpose="alert") == 2 * len(alerts)
