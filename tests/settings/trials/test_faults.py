"""A gateway that accepts everything and delivers nothing, tried in twenty shops while both processes are killed."""

from __future__ import annotations

import itertools
import random
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy import select, update

from bench.servers import Process, Server, make_app, run, serve
from notifapp import clock
from notifapp.access import Permission, ProjectRef
from notifapp.database import reading, table_of, writing
from notifapp.delivery.models import Delivery, WorkerHeartbeat
from notifapp.extensions import db
from notifapp.settings.models import SettingsRevision
from notifapp.settings.trials.models import SettingsTrial
from tests.client import ApiClient
from tests.conftest import Databases
from tests.delivery.outbox import eventually
from tests.gateways.stand_ins.kavenegar import KavenegarStandIn
from tests.settings.trials.desk import SMS, TRIAL
from tests.world import World

pytestmark = pytest.mark.slow

SHOPS, CODES = 20, 10
LATEST = timedelta(seconds=5)  # after the deadline
START = timedelta(seconds=15)  # that a worker takes at most to start on a busy machine
_CODES = (Permission.NOTIFICATIONS_SETTINGS_READ, Permission.NOTIFICATIONS_SETTINGS_UPDATE, Permission.OTP_SEND)
_revision, _trial, _delivery = table_of(SettingsRevision).c, table_of(SettingsTrial).c, table_of(Delivery).c
_phones = itertools.count(9121000000)


@dataclass
class Shop:
    """A project that sends through `former` and tries `black_hole`."""

    project: ProjectRef
    token: str
    former: int
    black_hole: int


@dataclass
class Site:
    """Both processes, on one database, which can be killed and started again."""

    app: Flask
    url: str
    folder: Path
    gateway: KavenegarStandIn
    stack: ExitStack
    web: Server = field(init=False)
    worker: Process = field(init=False)
    begun_at: list[datetime] = field(default_factory=list)

    def start(self) -> None:
        """Start both, and wait until they are at work."""
        self.begun_at.append(clock.now())
        more = {
            "NOTIFAPP_PRIVATE_DESTINATIONS": "127.0.0.0/8",
            "NOTIFAPP_GATEWAY_URLS": f"kavenegar={self.gateway.url}",
        }
        named = {"NOTIFAPP_DATABASE_URL": self.url, "NOTIFAPP_INSTANCE_DIR": str(self.folder)}
        named["NOTIFAPP_CONSOLE_BACKEND"] = "1"
        command = [sys.executable, "-m", "flask", "--app", "app", "worker"]
        log = self.folder / f"worker-{len(self.begun_at)}.log"
        self.worker = self.stack.enter_context(run(command, log, **named, **more))
        self.web = self.stack.enter_context(serve("app:app", self.url, self.folder, workers=1, threads=4, **more))
        eventually(lambda: self.rows(select(WorkerHeartbeat.id).where(WorkerHeartbeat.started_at >= self.begun_at[-1])))

    def kill(self) -> None:
        """kill -9 of both."""
        for process in (self.worker, self.web):
            process.end(signal.SIGKILL)

    def post(self, path: str, shop: Shop, fields: object) -> Any:
        headers = {"Authorization": f"Token {shop.token}"}
        answer = requests.post(f"http://127.0.0.1:{self.web.port}{path}", json=fields, headers=headers, timeout=30)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def rows(self, statement: Any) -> list[Any]:
        with self.app.app_context(), reading() as connection:
            return list(connection.execute(statement))

    def write(self, statement: Any) -> None:
        with self.app.app_context(), writing() as connection:
            connection.execute(statement)

    def revisions(self, shop: Shop) -> list[Any]:
        of_shop = select(table_of(SettingsRevision)).where(_revision.project_id == shop.project.id)
        return self.rows(of_shop.order_by(_revision.version))

    def try_it(self, shop: Shop) -> None:
        """Try the black hole."""
        trial = self.post(TRIAL, shop, {SMS: shop.black_hole, "minutes": 15})
        assert (trial["version"], trial["reverts_to"]) == (2, 1)

    def ask_for_codes(self, shop: Shop) -> None:
        for _ in range(CODES):
            self.post("/api/otp/challenges", shop, {"channel": "sms", "recipient": f"+98{next(_phones)}"})

    def set_deadlines(self, shops: list[Shop], *, first: float, apart: float) -> dict[int, datetime]:
        """Let the trials' time be up soon, one after the other, so many seconds apart."""
        now = clock.now()
        deadlines = {
            shop.project.id: now + timedelta(seconds=first + apart * number) for number, shop in enumerate(shops)
        }
        for project_id, deadline in deadlines.items():
            is_its = SettingsTrial.project_id == project_id
            self.write(
                update(SettingsTrial).where(is_its).values(started_at=now - timedelta(minutes=5), reverts_at=deadline)
            )
        return deadlines


@pytest.fixture
def site(database: str, databases: Databases, tmp_path: Path) -> Iterator[Site]:
    url = databases.make(database)
    app = make_app(url, tmp_path)
    with ExitStack() as stack:
        gateway = stack.enter_context(KavenegarStandIn())
        yield Site(app, url, tmp_path, gateway, stack)
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def shops(site: Site) -> list[Shop]:
    """Shops whose notifier was chosen through the API; both processes run."""
    opened = [open_shop(site, number) for number in range(SHOPS)]
    site.start()
    for shop in opened:
        headers = {"Authorization": f"Token {shop.token}"}
        settings = f"http://127.0.0.1:{site.web.port}{ApiClient.PATH}"
        assert requests.patch(settings, json={SMS: shop.former}, headers=headers, timeout=30).status_code == 200
    return opened


def open_shop(site: Site, number: int) -> Shop:
    world = World(site.app)
    project = world.project(f"shop-{number}")
    token = world.staff_token(project, *_CODES, email=f"staff-{number}@shop.example")
    former = world.notifier(project, "sms", "former")
    secrets = {"api_key": KavenegarStandIn.key}
    black_hole = world.notifier(project, "sms", "black hole", backend="kavenegar", secrets=secrets)
    return Shop(project, token, former, black_hole)


def test_every_trial_goes_back_in_time_though_both_processes_were_killed_in_between(
    site: Site, shops: list[Shop]
) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(site.try_it, shops))
        list(threads.map(site.ask_for_codes, shops))
    through = select(_delivery.id).where(_delivery.notifier_name == "black hole", _delivery.status == "sent")
    eventually(lambda: len(site.rows(through)) == SHOPS * CODES, 30)
    for _ in range(2):
        site.kill()
        site.start()

    deadlines = site.set_deadlines(shops, first=2, apart=0.1)
    eventually(lambda: not site.rows(select(_trial.project_id)))
    time.sleep(2)  # for a worker that would end one again
    for shop in shops:
        first, tried, last = site.revisions(shop)
        assert [first.source, tried.source, last.source] == ["api", "api", "automatic"]
        assert [first.sms_notifier_id, tried.sms_notifier_id, last.sms_notifier_id] == [
            shop.former,
            shop.black_hole,
            shop.former,
        ]
        assert last.reason == f"Not kept. By SMS 0 of {CODES} codes came back."
        assert timedelta() <= last.created_at - deadlines[shop.project.id] < LATEST
    assert len(site.gateway.messages) == SHOPS * CODES


def test_no_trial_lives_twice_though_both_processes_are_killed_as_its_time_is_up(site: Site, shops: list[Shop]) -> None:
    for shop in shops:
        site.try_it(shop)
    deadlines = site.set_deadlines(shops, first=0.5, apart=0.4)
    while clock.now() < max(deadlines.values()):
        time.sleep(random.uniform(0.5, 2))
        site.kill()
        site.start()
    eventually(lambda: not site.rows(select(_trial.project_id)))
    time.sleep(2)
    for shop in shops:
        revisions = site.revisions(shop)
        assert [row.sms_notifier_id for row in revisions] == [shop.former, shop.black_hole, shop.former]
        ended_at = revisions[-1].created_at
        since = max(deadlines[shop.project.id], *(at for at in site.begun_at if at <= ended_at))
        assert ended_at - since < LATEST + START, "of what was due while nothing ran, the next worker takes care"
