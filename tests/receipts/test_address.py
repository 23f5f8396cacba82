"""The address for receipts on a notifier's page, and the one that Twilio and webhooks are told."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select

from notifapp.access import Permission
from notifapp.channels import Channel
from notifapp.database import reading, table_of
from notifapp.notifiers.backends import BACKENDS
from notifapp.notifiers.backends.twilio import Twilio
from notifapp.notifiers.backends.webhook import Webhook
from notifapp.notifiers.gateway.base import Message
from notifapp.notifiers.gateway.http_client import HttpClient
from notifapp.notifiers.models import Notifier
from notifapp.notifiers.sending import send_through
from tests.client import Browser
from tests.notifiers.conftest import authorities, gateway, http
from tests.notifiers.gateway import Gateway
from tests.receipts.shop import PUBLIC_URL, make_shop
from tests.world import World

__all__ = ["authorities", "gateway", "http"]


def address_on(page: str) -> str:
    found = re.search(r"https?://[^\s<]*/hooks/receipts/[\w-]+", page)
    return found[0] if found else ""


def test_who_may_change_the_notifier_sees_it_and_renews_it(app: Flask, world: World, browser: Browser) -> None:
    shop = make_shop(app, world, "twilio")
    waiting = shop.add("SM1")
    path = f"/projects/shop/notifiers/sms/{shop.notifier_id}"
    browser.sign_in(world.member(shop.project, Permission.SMS_NOTIFIERS_READ, Permission.SMS_NOTIFIERS_UPDATE))
    assert address_on(browser.get(path).text) == f"{PUBLIC_URL}/hooks/receipts/{shop.key}"
    assert browser.post(f"{path}/receipts").status_code == 303
    renewed = address_on(browser.get(path).text).rpartition("/")[2]
    assert len(renewed) == 43
    assert renewed != shop.key
    shop.push("SM1", "delivered")
    assert shop.status(waiting) == "sent"
    shop.push("SM1", "delivered", key=renewed)
    assert shop.status(waiting) == "delivered"
    reader = world.member(shop.project, Permission.SMS_NOTIFIERS_READ, email="reader@example.org")
    assert address_on(browser.sign_in(reader).get(path).text) == ""


def test_a_new_notifier_has_one_which_is_stored_sealed(app: Flask, world: World, browser: Browser) -> None:
    project = world.project()
    browser.sign_in(world.admin())
    fields = {"name": "relay", "url": "https://relay.example.com/", "secret": "a secret of sixteen or more"}
    assert browser.post("/projects/shop/notifiers/sms/new/webhook", data=fields).status_code == 303
    with app.app_context(), reading() as connection:
        row = connection.execute(select(table_of(Notifier)).where(table_of(Notifier).c.project_id == project.id)).one()
    key = address_on(browser.get(f"/projects/shop/notifiers/sms/{row.id}").text).rpartition("/")[2]
    assert len(key) == 43
    assert key not in str(row)
    assert row.receipt_key_digest


def test_a_gateway_that_never_tells_has_none(app: Flask, world: World, browser: Browser) -> None:
    shop = make_shop(app, world, "ippanel")
    page = browser.sign_in(world.admin()).get(f"/projects/shop/notifiers/sms/{shop.notifier_id}").text
    assert address_on(page) == ""


@pytest.mark.parametrize("is_public", [True, False])
def test_twilio_and_webhooks_are_told_it_with_each_message(
    app: Flask, world: World, gateway: Gateway, http: HttpClient, monkeypatch: pytest.MonkeyPatch, is_public: bool
) -> None:
    if not is_public:
        monkeypatch.setitem(app.config, "NOTIFAPP", replace(app.config["NOTIFAPP"], public_url=None))
    gateway.answer = {"sid": "SM1", "status": "queued"}
    monkeypatch.setitem(BACKENDS, "twilio", Twilio(http, gateway.url))
    monkeypatch.setitem(BACKENDS, "webhook", Webhook(http))
    told = []
    for backend in ("twilio", "webhook"):
        shop = make_shop(app, world, backend, slug=backend, url=f"{gateway.url}/")
        with app.app_context():
            send_through(shop.notifier_id, Message(project_id=1, channel=Channel.SMS, recipient="+1", body="x"))
        request = gateway.requests[-1]
        found = request.form.get("StatusCallback") if backend == "twilio" else request.json.get("receipt_url")
        told.append((found, f"{PUBLIC_URL}/hooks/receipts/{shop.key}"))
    assert [found for found, _ in told] == [address if is_public else None for _, address in told]
