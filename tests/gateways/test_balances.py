"""Balances: read once an hour by a worker, kept, and charted on the notifier's page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from flask import Flask
from sqlalchemy import insert, select, update

from notifapp import clock
from notifapp.access import ProjectRef
from notifapp.access.models import Project
from notifapp.database import reading, table_of, writing
from notifapp.notifiers.asking import balances
from notifapp.notifiers.backends import BACKENDS
from notifapp.notifiers.gateway.http_client import HttpClient
from notifapp.notifiers.models import Notifier, NotifierBalance
from notifapp.retention.service import purge
from tests.client import Browser, page_text
from tests.conftest import LOOPBACK
from tests.delivery.conftest import app as app_with_folder
from tests.delivery.outbox import eventually, worker
from tests.gateways.kinds import KINDS
from tests.gateways.stand_ins.kavenegar import KavenegarStandIn
from tests.world import World

NOON = datetime(2026, 11, 24, 12, 34, tzinfo=UTC)

app = app_with_folder


@pytest.fixture(autouse=True)
def in_real_use(app: Flask) -> None:
    """Without the console."""
    app.config["NOTIFAPP"] = replace(app.config["NOTIFAPP"], console_backend=False)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the clock."""
    times = [NOON]
    monkeypatch.setattr(clock, "now", lambda: times[-1])
    return times.append


@pytest.fixture
def gateway(
    app: Flask, http: HttpClient, ca: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KavenegarStandIn]:
    with KavenegarStandIn(ca) as server:
        monkeypatch.setitem(BACKENDS, "kavenegar", KINDS["kavenegar"].backend(http, server))
        yield server


@pytest.fixture
def project(world: World) -> ProjectRef:
    return world.project("shop")


@pytest.fixture
def notifier(world: World, project: ProjectRef) -> int:
    secrets = {"api_key": KavenegarStandIn.key}
    return world.notifier(project, "sms", "line", backend="kavenegar", secrets=secrets)


def kept(app: Flask) -> list[tuple[Any, ...]]:
    with app.app_context(), reading() as connection:
        columns = table_of(NotifierBalance).c
        rows = connection.execute(select(columns.hour, columns.amount, columns.currency).order_by(columns.hour))
        return [tuple(row) for row in rows]


def read(app: Flask) -> int:
    with app.app_context():
        return balances.read_due()


def test_a_balance_is_read_once_an_hour(app: Flask, gateway: KavenegarStandIn, notifier: int, now: Any) -> None:
    assert (read(app), read(app), len(gateway.requests)) == (1, 0, 1)
    now(NOON + timedelta(minutes=26))
    gateway.credit = 400_000
    assert read(app) == 1
    noon = NOON.replace(minute=0)
    assert kept(app) == [(noon, 450_000.0, "IRR"), (noon + timedelta(hours=1), 400_000.0, "IRR")]


def test_one_that_cant_be_read_is_tried_again_in_the_next_hour(
    app: Flask, gateway: KavenegarStandIn, notifier: int, now: Any
) -> None:
    gateway.fault = "broken"
    assert (read(app), read(app), len(gateway.requests)) == (0, 0, 1)
    gateway.fault = ""
    now(NOON + timedelta(hours=1))
    assert read(app) == 1
    assert [amount for _hour, amount, _currency in kept(app)] == [None, 450_000.0]


def test_none_is_read_where_the_console_is_offered_as_by_the_demo(
    app: Flask, gateway: KavenegarStandIn, notifier: int, now: Any
) -> None:
    app.config["NOTIFAPP"] = replace(app.config["NOTIFAPP"], console_backend=True)
    assert (read(app), gateway.requests, kept(app)) == (0, [], [])


def test_only_those_that_may_send_and_have_a_balance_are_read(
    app: Flask, gateway: KavenegarStandIn, world: World, project: ProjectRef, now: Any
) -> None:
    secrets = {"api_key": gateway.key}
    world.notifier(project, "sms", "console")
    world.notifier(project, "sms", "off", backend="kavenegar", secrets=secrets, enabled=False)
    archived = world.project("archived")
    world.notifier(archived, "sms", "line", backend="kavenegar", secrets=secrets)
    with app.app_context(), writing() as connection:
        connection.execute(update(Project).where(Project.id == archived.id).values(archived_at=NOON))
    assert (read(app), gateway.requests, kept(app)) == (0, [], [])


def test_secrets_that_cant_be_read_stop_no_other(
    app: Flask, gateway: KavenegarStandIn, world: World, project: ProjectRef, notifier: int, now: Any
) -> None:
    with app.app_context(), writing() as connection:
        connection.execute(update(Notifier).where(Notifier.id == notifier).values(settings={"sender": "1"}))
    world.notifier(project, "sms", "second", backend="kavenegar", secrets={"api_key": gateway.key})
    assert read(app) == 1


def test_the_notifiers_page_shows_the_chart(
    app: Flask, browser: Browser, world: World, project: ProjectRef, notifier: int, now: Any
) -> None:
    noon = NOON.replace(minute=0)
    rows = [(noon - timedelta(days=8), 9e9), (noon - timedelta(hours=30), 500_000), (noon, 1234.5), (noon, None)]
    with app.app_context(), writing() as connection:
        for hour, amount in rows[:3]:
            connection.execute(
                insert(NotifierBalance).values(notifier_id=notifier, hour=hour, amount=amount, currency="IRR")
            )
    for codes in ((2812,), (2812, 2813)):
        browser.sign_in(world.member(project, *codes, email=f"u{len(codes)}@example.com"))
        page = page_text(browser.get(f"/projects/shop/notifiers/sms/{notifier}"))
        assert "1,234.50 IRR" in page
        assert "2026-11-23 500,000 IRR" in page
        assert "9,000,000,000" not in page


def test_balances_go_with_their_notifier_and_after_90_days(app: Flask, notifier: int, now: Any) -> None:
    with app.app_context(), writing() as connection:
        for days in (91, 1):
            values = {"notifier_id": notifier, "hour": NOON - timedelta(days=days), "amount": 1.0, "currency": "IRR"}
            connection.execute(insert(NotifierBalance).values(**values))
    with app.app_context():
        purge()
    assert [hour for hour, _amount, _currency in kept(app)] == [NOON - timedelta(days=1)]
    with app.app_context(), writing() as connection:
        connection.execute(table_of(Notifier).delete())
    assert kept(app) == []


@pytest.mark.slow
def test_the_worker_reads_them(app: Flask, world: World, project: ProjectRef, notifier: int, tmp_path: Path) -> None:
    with KavenegarStandIn() as server:
        urls = {"kavenegar": server.url}
        app.config["NOTIFAPP"] = replace(app.config["NOTIFAPP"], gateway_urls=urls, private_destinations=LOOPBACK)
        with worker(app, tmp_path) as running:
            eventually(lambda: [amount for _hour, amount, _currency in kept(app)] == [450_000.0])
            running.stop()
        assert server.key not in (tmp_path / "worker.log").read_text()
