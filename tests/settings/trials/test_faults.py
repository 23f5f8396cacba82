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
from tests.conftest import Databases
from tests.delivery.outbox import eventually
from tests.gateways.stand_ins.kavenegar import KavenegarStandIn
from tests.settings.trials.desk import SMS, TRIAL
from tests.world import World

pytestmark = pytest.mark.slow

SHOPS, CODES = 20, 10
LATEST = timedelta(seconds=5)  # after the deadline
FIRST, SPREAD = (
    6.0,
    0.5,
)  # seconds until the first deadline, and from each to the next: kills fall between and upon them
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
    starts: int = 0

    def start(self) -> None:
        """Start both, and wait until they are at work."""
        begun, self.starts = clock.now(), self.starts + 1
        more = {
            "NOTIFAPP_PRIVATE_DESTINATIONS": "127.0.0.0/8",
            "NOTIFAPP_GATEWAY_URLS": f"kavenegar={self.gateway.url}",
        }
        named = {"NOTIFAPP_DATABASE_URL": self.url, "NOTIFAPP_INSTANCE_DIR": str(self.folder)}
        named["NOTIFAPP_CONSOLE_BACKEND"] = "1"
        command = [sys.executable, "-m", "flask", "--app", "app", "worker"]
        log = self.folder / f"worker-{self.starts}.log"
        self.worker = self.stack.enter_context(run(command, log, **named, **more))
        self.web = self.stack.enter_context(serve("app:app", self.url, self.folder, workers=1, threads=4, **more))
        eventually(lambda: self.rows(select(WorkerHeartbeat.id).where(WorkerHeartbeat.started_at >= begun)))

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

    def try_it(self, shop: Shop) -> None:
        """Try the black hole, and ask for codes through it."""
        trial = self.post(TRIAL, shop, {SMS: shop.black_hole, "minutes": 15})
        assert (trial["version"], trial["reverts_to"]) == (2, 1)
        for _ in range(CODES):
            self.post("/api/otp/challenges", shop, {"channel": "sms", "recipient": f"+98{next(_phones)}"})

    def set_deadlines(self, shops: list[Shop]) -> dict[int, datetime]:
        """Let the trials' time be up soon, one after the other."""
        now = clock.now()
        deadlines = {
            shop.project.id: now + timedelta(seconds=FIRST + SPREAD * number) for number, shop in enumerate(shops)
        }
        for project_id, deadline in deadlines.items():
            self.write(update(SettingsTrial).where(SettingsTrial.project_id == project_id).values(reverts_at=deadline))
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


def open_shop(site: Site, number: int) -> Shop:
    world = World(site.app)
    project = world.project(f"shop-{number}")
    token = world.staff_token(project, *_CODES, email=f"staff-{number}@shop.example")
    former = world.notifier(project, "sms", "former")
    secrets = {"api_key": KavenegarStandIn.key}
    black_hole = world.notifier(project, "sms", "black hole", backend="kavenegar", secrets=secrets)
    return Shop(project, token, former, black_hole)


def test_every_trial_goes_back_in_time_and_once_though_both_processes_are_killed(site: Site) -> None:
    shops = [open_shop(site, number) for number in range(SHOPS)]
    site.start()
    for shop in shops:
        headers = {"Authorization": f"Token {shop.token}"}
        settings = f"http://127.0.0.1:{site.web.port}/api/settings/notifications"
        assert requests.patch(settings, json={SMS: shop.former}, headers=headers, timeout=30).status_code == 200
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(site.try_it, shops))
    through = select(_delivery.id).where(_delivery.notifier_name == "black hole", _delivery.status == "sent")
    eventually(lambda: len(site.rows(through)) == SHOPS * CODES, 30)

    deadlines = site.set_deadlines(shops)
    while clock.now() < max(deadlines.values()):
        site.kill()
        site.start()
        time.sleep(random.uniform(1, 2))
    eventually(lambda: not site.rows(select(_trial.project_id)))

    time.sleep(2)  # for a worker that would end one again
    for shop in shops:
        revisions = site.rows(
            select(table_of(SettingsRevision))
            .where(_revision.project_id == shop.project.id)
            .order_by(_revision.version)
        )
        assert [row.source for row in revisions] == ["api", "api", "automatic"]
        assert [row.sms_notifier_id for row in revisions] == [shop.former, shop.black_hole, shop.former]
        assert revisions[-1].reason == f"Not kept. By SMS 0 of {CODES} codes came back."
        late = revisions[-1].created_at - deadlines[shop.project.id]
        assert timedelta() <= late < LATEST, late
    assert len(site.gateway.messages) >= SHOPS * CODES
    assert site.starts > 3
