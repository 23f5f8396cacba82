"""A web server and a worker as two processes, gateways on loopback, and shops whose customers wait for codes."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import time
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from pathlib import Path
from subprocess import Popen
from typing import Any
from urllib.parse import urlsplit

import requests
from flask import Flask
from sqlalchemy import delete, insert, select, update

from notifapp.access import Permission, Principal, ProjectRef, credentials
from notifapp.database import UtcDateTime, reading, seal, table_of, writing
from notifapp.delivery.models import Delivery, WorkerHeartbeat
from notifapp.notifiers.backends.webhook import SIGNATURE_HEADER, sign
from notifapp.notifiers.models import Notifier
from notifapp.otp.models import OtpChallenge, OtpLimits
from notifapp.projects.service import set_phone_region
from notifapp.settings.service import update_notification_settings
from notifapp.timeline.verdicts import Verdict
from tests.client import Browser, page_text
from tests.delivery.outbox import Worker, environment, eventually
from tests.gateways.stand_ins.kavenegar import KavenegarStandIn
from tests.gateways.stand_ins.webhook import WebhookStandIn
from tests.world import World

PUBLIC_URL = "https://desk.example.com"  # that gateways are told; the tests put the web server's own in its place
_SENTENCE = re.compile(r"<h2>\+98•+\d\d</h2>\s*<p>(.*?)</p>", re.DOTALL)
_LEASES = {"lease_until", "next_attempt_at", "next_ask_at"}  # a worker's own times
_numbers = itertools.count(1)
_delivery = table_of(Delivery).c


@dataclass
class Site:
    """Both processes and the gateways; `redis` is there where it wakes the workers."""

    app: Flask
    url: str
    folder: Path
    kavenegar: KavenegarStandIn
    webhook: WebhookStandIn
    redis: Popen[bytes] | None
    worker: Worker = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(self.app)

    def start_worker(self) -> None:
        """Start it, and wait until it has said that it runs."""
        config = self.app.config["NOTIFAPP"]
        self.worker = Worker(self.folder / "worker.log", environment(config, NOTIFAPP_PUBLIC_URL=PUBLIC_URL))
        eventually(self._is_worker_known)

    def kill_worker(self) -> None:
        """kill -9, and what is known half a minute later: without a sign of life it counts as gone."""
        self.worker.kill()
        with self.app.app_context(), writing() as connection:
            connection.execute(delete(table_of(WorkerHeartbeat)))

    def break_queue(self) -> None:
        """Take away what wakes the worker."""
        if self.redis:
            self.redis.terminate()
            self.redis.wait()
        else:
            shutil.rmtree(self.folder / "workers")

    def heal(self) -> None:
        """Let the gateways work again."""
        for gateway in (self.kavenegar, self.webhook):
            gateway.fault = ""
        self.kavenegar.code, self.kavenegar.entry_status, self.kavenegar.key = 200, 1, KavenegarStandIn.key
        self.webhook.status = 204

    def _is_worker_known(self) -> bool:
        with self.app.app_context(), reading() as connection:
            return connection.execute(select(table_of(WorkerHeartbeat).c.id)).first() is not None


@dataclass
class Shop:
    """A project of its own, its backend, its staff and one customer; `receipt_key` is the notifier's."""

    site: Site
    project: ProjectRef
    notifier: int
    receipt_key: str
    token: str
    staff: Browser
    phone: str

    @property
    def at_gateway(self) -> list[Any]:
        """The messages to this customer that Kavenegar took."""
        national = "0" + self.phone.removeprefix("+98")
        return [message for message in self.site.kavenegar.messages if message["receptor"] == national]

    @property
    def at_receiver(self) -> list[Any]:
        """The messages to this customer that the webhook's receiver took."""
        return [message for message in self.site.webhook.messages if message["recipient"] == self.phone]

    def post(self, path: str = "", **fields: object) -> requests.Response:
        headers = {"Authorization": f"Token {self.token}"}
        return requests.post(f"{self.site.url}/api/otp/{path}", json=fields, headers=headers, timeout=20)

    def ask(self, status: int = 201) -> str:
        """Ask for a code, as the shop's backend does. Return the challenge's id, empty if it is refused."""
        answer = self.post("challenges", channel="sms", recipient=self.phone)
        assert answer.status_code == status, answer.text
        return str(answer.json().get("id", ""))

    def type(self, challenge: str, code: str, status: int = 200) -> None:
        """What the customer types."""
        answer = self.post(f"challenges/{challenge}/verify", code=code)
        assert answer.status_code == status, answer.text

    def received(self, count: int = 1) -> str:
        """The code in the newest of so many messages, once the worker has written down that they are sent."""
        eventually(lambda: len(self.at_gateway) == count and {row.status for row in self.deliveries()} == {"sent"})
        [code] = re.findall(r"\b\d{5}\b", self.at_gateway[-1]["message"])
        return str(code)

    def deliveries(self) -> list[Any]:
        columns = [column for column in _delivery if column.name != "payload"]
        with self.site.app.app_context(), reading() as connection:
            return list(connection.execute(select(*columns).where(_delivery.project_id == self.project.id)))

    def await_delivery(self, **values: object) -> None:
        """Wait until the one message has these values."""
        eventually(lambda: all(getattr(self.deliveries()[0], name) == value for name, value in values.items()))

    def change_deliveries(self, **values: object) -> None:
        """Change the rows directly."""
        self._write(update(table_of(Delivery)).where(_delivery.project_id == self.project.id).values(**values))

    def set_limits(self, **limits: int) -> None:
        self._write(insert(OtpLimits).values(project_id=self.project.id, **limits))

    def change_settings(self, **changes: object) -> None:
        fields = {f"notifications_{name}": value for name, value in changes.items()}
        with self.site.app.app_context():
            update_notification_settings(self.project, fields, principal=Principal.operator())

    def spoil_secrets(self) -> None:
        """As if another key had encrypted the notifier's secrets: they are bound to its settings."""
        self._write(update(Notifier).where(Notifier.id == self.notifier).values(settings={"sender": "1"}))

    def send_only_to(self, region: str) -> None:
        with self.site.app.app_context():
            set_phone_region(self.project.id, region, principal=Principal.operator())

    def pass_time(self, seconds: float) -> None:
        """Move what happened in this project back in time instead of waiting that long."""
        with self.site.app.app_context(), writing() as connection:
            for table in (table_of(OtpChallenge), table_of(Delivery)):
                times = [each for each in table.c if isinstance(each.type, UtcDateTime) and each.name not in _LEASES]
                for row in connection.execute(select(table.c.id, *times).where(table.c.project_id == self.project.id)):
                    moved = {each.name: getattr(row, each.name) for each in times if getattr(row, each.name)}
                    values = {name: at - timedelta(seconds=seconds) for name, at in moved.items()}
                    connection.execute(update(table).where(table.c.id == row.id).values(**values))

    def push_receipt(self, status: str, *, secret: str = WebhookStandIn.key, age: int = 0) -> None:
        """What the webhook's receiver says of its message, signed `age` seconds ago by its clock."""
        [message] = self.at_receiver
        body = json.dumps({"id": message["id"], "status": status}).encode()
        headers = {SIGNATURE_HEADER: sign(secret, body, int(time.time()) - age)}
        self._push(message["receipt_url"], data=body, headers=headers)

    def push_from_kavenegar(self, status: int, key: str = "") -> None:
        """What Kavenegar says of the one message; `key` is that of the address in the panel, if not the right one."""
        [row] = self.deliveries()
        data = {"messageid": row.provider_id, "status": status}
        self._push(f"{PUBLIC_URL}/hooks/receipts/{key or self.receipt_key}", data=data)

    def assert_named(self, verdict: Verdict) -> None:
        """Both the API and the page's first sentence come to it."""
        deadline = time.monotonic() + 15
        while (found := self.diagnosis()) != verdict and time.monotonic() < deadline:
            time.sleep(0.1)
        assert found == verdict, (found, verdict)
        assert self.first_sentence() == verdict.text

    def diagnosis(self) -> str:
        answer = self.post("timeline", recipient=self.phone)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["diagnosis"]["code"])

    def first_sentence(self) -> str:
        found = _SENTENCE.search(self._page().text)
        assert found
        return " ".join(unescape(found[1]).split())

    def page(self) -> str:
        return page_text(self._page())

    def _page(self) -> Any:
        return self.staff.post(f"/projects/{self.project.slug}/timeline", {"recipient": self.phone})

    def _push(self, address: str, **request: Any) -> None:
        answer = requests.post(self.site.url + urlsplit(address).path, timeout=20, **request)
        assert (answer.status_code, answer.text) == (200, "OK\n")

    def _write(self, statement: Any) -> None:
        with self.site.app.app_context(), writing() as connection:
            connection.execute(statement)


def open_shop(site: Site, *, backend: str = "kavenegar", **settings: object) -> Shop:
    """A shop that sends through Kavenegar or a webhook with these settings, and a customer whom nobody else has."""
    number = next(_numbers)
    project = site.world.project(f"shop-{number}", "Shop")
    secrets = {"kavenegar": {"api_key": KavenegarStandIn.key}, "webhook": {"secret": WebhookStandIn.key}}[backend]
    notifier = site.world.notifier(project, "sms", "line", backend=backend, settings=settings, secrets=secrets)
    codes = (Permission.OTP_SEND, Permission.OTP_VERIFY, Permission.OTP_RELEASE)
    member = site.world.member(project, *codes, email=f"ann-{number}@shop.example")
    key, token = credentials.new_key(), site.world.token(member, project)
    shop = Shop(site, project, notifier, key, token, Browser(site.app).sign_in(member), f"+98912{number:07}")
    with site.app.app_context(), writing() as connection:
        sealed = seal(table_of(Notifier).c.receipt_key, key, project_id=project.id, id=notifier)
        values = {"receipt_key": sealed, "receipt_key_digest": credentials.digest(key)}
        connection.execute(update(Notifier).where(Notifier.id == notifier).values(**values))
    shop.change_settings(sms_notifier=notifier)
    return shop
