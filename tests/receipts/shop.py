"""Notifiers whose messages are on their way, and what gateways push of them."""

from __future__ import annotations

import json
import time as real_time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import insert, select, update
from werkzeug.test import TestResponse

from notifapp import clock
from notifapp.access import ProjectRef, credentials
from notifapp.database import reading, seal, table_of, writing
from notifapp.delivery.models import Delivery
from notifapp.notifiers.backends.twilio import signature
from notifapp.notifiers.backends.webhook import SIGNATURE_HEADER, sign
from notifapp.notifiers.models import Notifier
from tests.world import World

PUBLIC_URL = "https://desk.example.com"
SECRET = "a secret of sixteen or more"
ACCOUNT = "AC" + "0" * 32
_BACKENDS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "kavenegar": ({}, {"api_key": SECRET}),
    "twilio": ({"account_sid": ACCOUNT, "from_number": "+15005550006"}, {"auth_token": SECRET}),
    "webhook": ({"url": "https://relay.example.com/"}, {"secret": SECRET}),
    "ippanel": ({"from_number": "+983000505"}, {"token": SECRET}),
    "melipayamak": ({"number": "5000"}, {"token": SECRET}),
}
_delivery, _notifier = table_of(Delivery).c, table_of(Notifier).c


@dataclass
class Shop:
    """A project with one notifier, and the key of its address for receipts."""

    app: Flask
    project: ProjectRef
    backend: str
    notifier_id: int
    key: str

    def add(self, provider_id: str | None, *, age: float = 0, lives: float = 120, **values: object) -> int:
        """A delivery that was sent `age` seconds ago, unless said otherwise."""
        at = clock.now() - timedelta(seconds=age)
        row = {
            "project_id": self.project.id, "notifier_id": self.notifier_id, "notifier_name": "one",
            "backend": self.backend, "channel": "sms", "recipient": "+98••1", "purpose": "otp", "status": "sent",
            "attempts": 1, "provider_id": provider_id, "next_attempt_at": at, "created_at": at, "started_at": at,
            "finished_at": at, "expires_at": at + timedelta(seconds=lives),
        }  # fmt: skip
        with self.app.app_context(), writing() as connection:
            inserted = insert(table_of(Delivery)).values(**row | values).returning(_delivery.id)
            return int(connection.execute(inserted).scalar_one())

    def look(self, delivery_id: int) -> Any:
        with self.app.app_context(), reading() as connection:
            return connection.execute(select(table_of(Delivery)).where(_delivery.id == delivery_id)).one()

    def status(self, delivery_id: int) -> str:
        return str(self.look(delivery_id).status)

    def push(self, provider_id: str, status: str, *, key: str | None = None, **more: Any) -> TestResponse:
        """What this gateway posts, genuine unless `more` says otherwise."""
        path = f"/hooks/receipts/{self.key if key is None else key}"
        client = self.app.test_client(use_cookies=False)
        if self.backend == "kavenegar":
            return client.open(path, method=more.get("method", "POST"), **_kavenegar(provider_id, status, more))
        if self.backend == "twilio":
            fields = {"MessageSid": provider_id, "MessageStatus": status, "ErrorCode": str(more.get("code", ""))}
            signed = signature(more.get("secret", SECRET), PUBLIC_URL + path, list(fields.items()))
            return client.post(path, data=fields, headers={"X-Twilio-Signature": more.get("signature", signed)})
        body = json.dumps({"id": provider_id, "status": status, "reason": more.get("reason")}).encode()
        signed = sign(more.get("secret", SECRET), body, int(real_time.time() - more.get("age", 0)))
        return client.post(path, data=body, headers={SIGNATURE_HEADER: more.get("signature", signed)})


def make_shop(app: Flask, world: World, backend: str, *, slug: str = "shop", url: str = "") -> Shop:
    """A project that sends through this backend, a webhook to `url`."""
    project = world.project(slug)
    settings, secrets = _BACKENDS[backend]
    if url and "url" in settings:
        settings = {"url": url}
    notifier_id = world.notifier(project, "sms", "one", backend=backend, settings=settings, secrets=secrets)
    key = credentials.new_key()
    with app.app_context(), writing() as connection:
        sealed = seal(_notifier.receipt_key, key, project_id=project.id, id=notifier_id)
        values = {"receipt_key": sealed, "receipt_key_digest": credentials.digest(key)}
        connection.execute(update(Notifier).where(_notifier.id == notifier_id).values(**values))
    return Shop(app, project, backend, notifier_id, key)


def _kavenegar(provider_id: str, status: str, more: dict[str, Any]) -> dict[str, Any]:
    fields = {"messageid": provider_id, "status": status}
    return {"query_string": fields} if more.get("method") == "GET" else {"data": fields}
