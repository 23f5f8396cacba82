"""The worker asks gateways for what was not pushed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from notifapp import clock
from notifapp.channels import Channel
from notifapp.database import writing
from notifapp.delivery import service as delivery_service
from notifapp.delivery.models import Purpose
from notifapp.delivery.service import Outgoing, enqueue
from notifapp.notifiers.backends import BACKENDS
from notifapp.notifiers.gateway.http_client import HttpClient
from notifapp.receipts import asking
from tests.clock import Clock
from tests.notifiers.conftest import authorities, gateway, http
from tests.notifiers.gateway import Gateway
from tests.receipts.shop import ACCOUNT, SECRET, Shop, make_shop
from tests.statements import sent
from tests.world import World

__all__ = ["authorities", "gateway", "http"]

MESSAGE = f"/Accounts/{ACCOUNT}/Messages/7.json"


@pytest.fixture
def asked(app: Flask, world: World, gateway: Gateway, http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a shop whose backend talks to the gateway of this test."""

    def make(backend: str) -> Shop:
        kind: Any = type(BACKENDS[backend])
        monkeypatch.setitem(BACKENDS, backend, kind(http, gateway.url))
        return make_shop(app, world, backend)

    return make


def ask(shop: Shop) -> int:
    with shop.app.app_context():
        return asking.ask_due()


def kavenegar(*entries: tuple[int, int]) -> dict[str, Any]:
    return {"return": {"status": 200}, "entries": [{"messageid": id_, "status": status} for id_, status in entries]}


def test_many_are_asked_for_in_one_request(asked: Any, gateway: Gateway) -> None:
    shop = asked("kavenegar")
    ids = [shop.add(str(number), next_ask_at=clock.now()) for number in (1, 2, 3, 4)]
    gateway.answer = kavenegar((1, 10), (2, 11), (3, 5), (99, 10))
    assert ask(shop) == 4
    assert [shop.status(each) for each in ids] == ["delivered", "undelivered", "sent", "sent"]
    [request] = gateway.requests
    assert request.path == f"/{SECRET.replace(' ', '%20')}/sms/status.json?messageid=1%2C2%2C3%2C4"
    assert ask(shop) == 0


def test_it_asks_at_growing_intervals_and_once_after_the_codes_end(asked: Any, gateway: Gateway, time: Clock) -> None:
    shop = asked("kavenegar")
    delivery = shop.add("1", lives=200, next_ask_at=clock.now() + timedelta(seconds=15))
    gateway.answer = kavenegar((1, 1))
    waits, began = [], clock.now()
    while (due := shop.look(delivery).next_ask_at) is not None:
        time.advance((due - clock.now()).total_seconds() - 1)
        assert ask(shop) == 0
        time.advance(1)
        assert ask(shop) == 1
        waits.append((clock.now() - began).total_seconds())
    assert waits == [15, 45, 105, 200 + asking.AFTERWARDS.total_seconds()]
    assert len(gateway.requests) == shop.look(delivery).asks == 4


def test_the_last_answer_may_fail_and_is_asked_for_again_for_an_hour(asked: Any, gateway: Gateway, time: Clock) -> None:
    shop = asked("kavenegar")
    delivery = shop.add("1", lives=10, age=20, next_ask_at=clock.now())
    gateway.status = 500
    asks = 0
    while ask(shop):
        asks += 1
        time.advance(asking.AFTERWARDS.total_seconds())
    assert 20 < asks < 40
    assert shop.status(delivery) == "sent"


@pytest.mark.parametrize(
    ("backend", "answer", "path", "status", "code"),
    [
        ("twilio", {"status": "delivered", "error_code": None}, MESSAGE, "delivered", None),
        ("twilio", {"status": "failed", "error_code": 30003}, MESSAGE, "undelivered", "30003"),
        ("twilio", {"status": "sent"}, MESSAGE, "sent", None),
        ("melipayamak", {"resultsAsCode": [1], "status": ""}, "/receive/status/", "delivered", None),
        ("melipayamak", {"resultsAsCode": [35], "status": ""}, "/receive/status/", "undelivered", "35"),
        ("melipayamak", {"resultsAsCode": [], "status": ""}, "/receive/status/", "sent", None),
        ("ippanel", {"meta": {"status": True}, "data": [{"message_status": 2}]}, "/api/report/", "delivered", None),
        ("ippanel", {"meta": {"status": True}, "data": [{"message_status": 4}]}, "/api/report/", "undelivered", "4"),
        ("ippanel", {"meta": {"status": True}, "data": {"state_id": 8}}, "/api/report/", "undelivered", "8"),
        ("ippanel", {"meta": {"status": False}}, "/api/report/", "sent", None),
        ("kavenegar", b"<html>", "/", "sent", None),
    ],
)  # fmt: skip
def test_each_gateway_is_understood(
    asked: Any, gateway: Gateway, backend: str, answer: Any, path: str, status: str, code: str | None
) -> None:
    shop = asked(backend)
    delivery = shop.add("7", next_ask_at=clock.now())
    gateway.answer = answer
    ask(shop)
    assert gateway.requests[0].path.startswith(path)
    row = shop.look(delivery)
    assert (row.status, row.error_code, bool(row.error_reason)) == (status, code, status == "undelivered")


def test_a_message_that_twilio_knows_no_more_holds_up_no_other(asked: Any, gateway: Gateway) -> None:
    shop = asked("twilio")
    for number in (1, 2):
        shop.add(str(number), next_ask_at=clock.now())
    gateway.status, gateway.answer = 404, {"code": 20404, "status": 404}
    assert ask(shop) == 2
    assert len(gateway.requests) == 2


def test_a_deleted_notifier_or_an_archived_project_is_not_asked(asked: Any, gateway: Gateway, world: World) -> None:
    shop = asked("kavenegar")
    orphan = shop.add("1", next_ask_at=clock.now(), notifier_id=None)
    archived = shop.add("2", next_ask_at=clock.now())
    world.archive(shop.project)
    ask(shop)
    assert gateway.requests == []
    assert shop.look(orphan).next_ask_at is None
    assert shop.status(archived) == "sent"


def test_a_worker_that_dies_after_the_gateways_answer_leaves_the_question_to_the_next(
    asked: Any, gateway: Gateway, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = asked("kavenegar")
    delivery = shop.add("1", lives=5, age=10, next_ask_at=clock.now())
    gateway.answer = kavenegar((1, 10))
    with monkeypatch.context() as dying:
        dying.setattr(asking, "_write", lambda *_: exit(9))
        with pytest.raises(SystemExit):
            ask(shop)
    assert shop.status(delivery) == "sent"
    time.advance(asking.AFTERWARDS.total_seconds())
    assert ask(shop) == 1
    assert shop.status(delivery) == "delivered"


def test_what_can_be_asked_for_is_due_once_it_is_sent(asked: Any, gateway: Gateway, time: Clock) -> None:
    shop = asked("kavenegar")
    with shop.app.app_context():
        with writing() as connection:
            queued = enqueue(connection, outgoing(shop))
        gateway.answer = kavenegar((1, 1))
        [claim] = delivery_service.exchange([], room=1)
        with sent() as statements:
            delivery_service.exchange([delivery_service.send(claim)], room=0)
        assert len([statement for statement, _ in statements if statement.startswith("UPDATE delivery")]) == 1
    row = shop.look(queued)
    assert (row.status, row.next_ask_at) == ("sent", clock.now() + delivery_service.FIRST_ASK)


def outgoing(shop: Shop) -> Outgoing:
    return Outgoing(
        project_id=shop.project.id, notifier_id=shop.notifier_id, notifier_name="one", backend=shop.backend,
        channel=Channel.SMS, recipient="+989121234567", masked="+98••1", subject="", body="12345", variables={},
        purpose=Purpose.OTP, expires_at=clock.now() + timedelta(seconds=60),
    )  # fmt: skip


def test_a_slow_gateway_gets_its_time_and_no_more(
    asked: Any, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = asked("twilio")
    ids = [shop.add(str(number), next_ask_at=clock.now()) for number in range(12)]
    gateway.answer, gateway.delay = {"status": "delivered"}, 0.2
    monkeypatch.setattr(asking, "NOTIFIER_SECONDS", 0.7)
    assert ask(shop) == 12
    statuses = [shop.status(each) for each in ids]
    assert 1 <= statuses.count("delivered") <= len(gateway.requests) <= 5
    assert statuses.count("sent") == 12 - statuses.count("delivered")
    assert all(shop.look(each).next_ask_at > clock.now() for each in ids if shop.status(each) == "sent")
