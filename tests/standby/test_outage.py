"""Twenty codes a second while the gateway in force dies, or hangs: two workers, and gateways as processes."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from notifapp import clock
from notifapp.access import Principal
from notifapp.breakers import service as breakers
from notifapp.breakers.models import Cause
from notifapp.breakers.service import Breaker
from notifapp.database import reading, table_of
from notifapp.delivery.models import Delivery
from notifapp.standby.service import set_standby
from tests.conftest import LOOPBACK, empty
from tests.delivery.outbox import eventually, worker
from tests.otp.caller import make_caller
from tests.standby.gateway import Gateway
from tests.traffic.caller import CountedCaller
from tests.world import World

pytestmark = pytest.mark.slow

SECRETS = {"secret": "a secret of the shop"}
A_SECOND = 20  # codes
BEFORE, OUTAGE = 2.0, 12.0  # seconds
_delivery = table_of(Delivery).c


@dataclass
class Outage:
    """A shop with a gateway in force and one that stands by, and codes that are asked for without a break."""

    app: Flask
    caller: CountedCaller
    in_force: Gateway
    standby: Gateway
    ids: dict[str, int]
    refused: list[Any] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        """Ask for codes at an even pace."""
        began = time.monotonic()
        for number in itertools.count():
            if self.is_over.wait(max(0, began + number / A_SECOND - time.monotonic())):
                return
            answer = self.caller.send(f"customer-{number}@example.com", "email")
            if answer.status_code != 201:
                self.refused.append(answer.json)

    def breaker(self) -> Breaker:
        with self.app.app_context():
            return breakers.states([self.ids["in force"]])[self.ids["in force"]]

    def deliveries(self, since: datetime, until: datetime) -> list[Any]:
        columns = [column for column in _delivery if column.name != "payload"]
        statement = select(*columns).where(_delivery.created_at.between(since, until)).order_by(_delivery.id)
        with self.app.app_context(), reading() as connection:
            return list(connection.execute(statement))


@pytest.fixture
def outage(shared_app: Flask, tmp_path: Path) -> Iterator[Outage]:
    empty(shared_app)
    before = shared_app.config["NOTIFAPP"]
    shared_app.config["NOTIFAPP"] = replace(before, instance_dir=tmp_path, private_destinations=LOOPBACK)
    gateways = {name: Gateway(tmp_path / f"{name}.log") for name in ("in force", "standby")}
    world = World(shared_app)
    made = make_caller(shared_app, world)
    caller = CountedCaller(shared_app, made.project, made.token)
    ids = {
        name: world.notifier(
            caller.project,
            "email",
            name,
            backend="webhook",
            settings={"url": gateway.url},
            secrets={"secret": "x" * 16},
        )
        for name, gateway in gateways.items()
    }
    caller.change_settings(email_notifier=ids["in force"])
    caller.allow(token_codes_per_hour=100_000, codes_per_hour=100_000)
    with shared_app.app_context():
        set_standby(caller.project, {"email": [ids["standby"]]}, principal=Principal.operator())
    for gateway in gateways.values():
        gateway.start()
    with ExitStack() as stack:
        for number in (1, 2):
            folder = tmp_path / f"worker-{number}"
            folder.mkdir()
            stack.enter_context(worker(shared_app, folder))
        outage = Outage(shared_app, caller, gateways["in force"], gateways["standby"], ids)
        yield outage
        outage.is_over.set()
    for gateway in gateways.values():
        gateway.kill()
    shared_app.config["NOTIFAPP"] = before


@pytest.mark.parametrize("fault", ["killed", "halted"])
def test_the_standby_takes_over_at_once_and_hands_back(outage: Outage, fault: str) -> None:
    in_force = outage.in_force
    begin, end = {"killed": (in_force.kill, in_force.start), "halted": (in_force.halt, in_force.go_on)}[fault]
    asking = threading.Thread(target=outage.ask, daemon=True)
    assert outage.caller.send("first@example.com", "email").status_code == 201
    eventually(lambda: in_force.taken, seconds=60)  # the workers are there
    asking.start()
    time.sleep(BEFORE)
    begin()
    began = clock.now()
    opened = eventually(lambda: not outage.breaker().is_closed and outage.breaker())
    time.sleep(OUTAGE - (clock.now() - began).total_seconds())
    end()
    ended = clock.now()
    eventually(lambda: outage.breaker().is_closed, seconds=30)
    time.sleep(1)
    outage.is_over.set()
    asking.join()
    stopped = clock.now()
    eventually(lambda: all(row.finished_at for row in outage.deliveries(began, stopped)))

    assert outage.refused == []
    assert opened.cause is Cause.FAILING
    assert opened.since - began < timedelta(seconds=5)
    rows = outage.deliveries(began, ended - timedelta(seconds=10))
    assert len(rows) > 0.9 * A_SECOND * (OUTAGE - 10)
    in_time = [row for row in rows if row.status == "sent" and row.finished_at - row.created_at < timedelta(seconds=10)]
    assert len(in_time) >= 0.999 * len(rows), sorted(row.finished_at - row.created_at for row in rows)[-5:]
    assert {(row.notifier_id, row.notifier_name, row.instead_of) for row in rows} == {
        (outage.ids["standby"], "standby", "in force")
    }
    assert max(Counter(in_force.taken + outage.standby.taken).values()) <= 2
    last = outage.deliveries(stopped - timedelta(seconds=0.5), stopped)
    assert {row.notifier_name for row in last} == {"in force"}
