"""A web server and a worker as two processes, and a code that goes out through an HTTP gateway on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy import select

from notifapp.access import Permission, Principal
from notifapp.database import reading, table_of
from notifapp.delivery.models import Delivery
from notifapp.settings.service import update_notification_settings
from tests.conftest import LOOPBACK
from tests.delivery.conftest import app as app_with_folder
from tests.delivery.outbox import eventually, worker
from tests.delivery.test_end_to_end import web
from tests.gateways.stand_ins.kavenegar import KavenegarStandIn
from tests.world import World

pytestmark = pytest.mark.slow

app = app_with_folder


@pytest.fixture
def kavenegar(app: Flask) -> Iterator[KavenegarStandIn]:
    """The gateway, where the operator says that it is."""
    with KavenegarStandIn() as server:
        urls = {"kavenegar": server.url}
        app.config["NOTIFAPP"] = replace(app.config["NOTIFAPP"], gateway_urls=urls, private_destinations=LOOPBACK)
        yield server


@pytest.fixture
def send(app: Flask, world: World, kavenegar: KavenegarStandIn, tmp_path: Path) -> Iterator[Any]:
    """Sends a code to a customer through both processes."""
    project = world.project("shop", "My Shop")
    settings = {"sender": "", "pattern_code": "login", "pattern_variables": "code, project=token10"}
    notifier = world.notifier(
        project, "sms", "line", backend="kavenegar", settings=settings, secrets={"api_key": kavenegar.key}
    )
    with app.app_context():
        chosen = {"notifications_sms_notifier": notifier}
        update_notification_settings(project, chosen, principal=Principal.operator())
    token = world.staff_token(project, Permission.OTP_SEND, Permission.OTP_VERIFY)
    with web(app, tmp_path) as url, worker(app, tmp_path):

        def post(path: str, **fields: object) -> requests.Response:
            headers = {"Authorization": f"Token {token}"}
            return requests.post(f"{url}/api/otp/challenges{path}", json=fields, headers=headers, timeout=20)

        yield post


def delivery(app: Flask) -> Any:
    with app.app_context(), reading() as connection:
        return connection.execute(select(table_of(Delivery))).one()


def test_a_code_goes_out_by_the_pattern_and_is_approved(app: Flask, kavenegar: KavenegarStandIn, send: Any) -> None:
    challenge = send("", channel="sms", recipient="+989121234567").json()["id"]
    [message] = eventually(lambda: kavenegar.messages)
    assert (message["template"], message["token10"]) == ("login", "My Shop")
    assert send(f"/{challenge}/verify", code=message["token"]).json()["status"] == "approved"
    eventually(lambda: delivery(app).status == "sent")
    assert delivery(app).provider_id == "8792343"


def test_a_200_with_a_blocked_recipient_is_a_failure(app: Flask, kavenegar: KavenegarStandIn, send: Any) -> None:
    kavenegar.entry_status = 14
    assert send("", channel="sms", recipient="+989121234567").status_code == 201
    eventually(lambda: delivery(app).status == "failed")
    assert (delivery(app).error_code, delivery(app).attempts) == ("14", 1)
    assert delivery(app).error_reason == "The recipient has blocked messages from this line."


def test_a_gateway_that_is_down_at_first_costs_no_code(app: Flask, kavenegar: KavenegarStandIn, send: Any) -> None:
    kavenegar.fault = "bad gateway"
    assert send("", channel="sms", recipient="+989121234567").status_code == 201
    eventually(lambda: delivery(app).status == "queued" and delivery(app).attempts == 1)
    kavenegar.fault = ""
    eventually(lambda: delivery(app).status == "sent")
    assert len(kavenegar.messages) == 1
