"""Receipts that gateways push: genuine ones count once, whatever else changes nothing and is answered alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from notifapp import clock
from notifapp.database import table_of, writing
from notifapp.delivery.models import Delivery
from notifapp.notifiers.backends.kavenegar import Kavenegar
from notifapp.receipts import service
from tests.receipts.shop import Shop, make_shop
from tests.statements import sent
from tests.world import World

DELIVERED = {"kavenegar": "10", "twilio": "delivered", "webhook": "delivered"}
UNDELIVERED = {"kavenegar": "11", "twilio": "undelivered", "webhook": "undelivered"}
ON_ITS_WAY = {"kavenegar": "4", "twilio": "sent", "webhook": "queued"}


@pytest.fixture(params=list(DELIVERED))
def shop(app: Flask, world: World, request: pytest.FixtureRequest) -> Shop:
    return make_shop(app, world, request.param)


def test_the_carriers_word_counts_once_and_is_never_taken_back(shop: Shop) -> None:
    lucky, lost = shop.add("m-1", next_ask_at=clock.now()), shop.add("m-2")
    assert shop.push("m-1", ON_ITS_WAY[shop.backend]).status_code == 200
    assert shop.status(lucky) == "sent"
    shop.push("m-1", DELIVERED[shop.backend])
    shop.push("m-2", UNDELIVERED[shop.backend])
    row = shop.look(lucky)
    assert (row.status, row.error_reason, row.next_ask_at) == ("delivered", None, None)
    assert row.reported_at >= row.finished_at
    shop.push("m-1", UNDELIVERED[shop.backend])
    shop.push("m-2", DELIVERED[shop.backend])
    assert (shop.look(lucky), shop.status(lost)) == (row, "undelivered")


def test_forged_replayed_late_and_unknown_ones_change_nothing_and_are_answered_alike(
    shop: Shop, world: World, app: Flask
) -> None:
    done, waiting = shop.add("done"), shop.add("waiting")
    late = shop.add("late", age=service.REPORTED_WITHIN.total_seconds() + 1)
    theirs = make_shop(app, world, shop.backend, slug="other").add("theirs")
    good = DELIVERED[shop.backend]
    answers = [shop.push("done", good), shop.push("done", good), shop.push("late", good), shop.push("nobody", good)]
    answers += [
        shop.push("theirs", good),
        shop.push("waiting", good, key="x" * 43),
        shop.push("waiting", good, key="%00"),
    ]
    if shop.backend != "kavenegar":
        answers += [shop.push("waiting", good, signature=forged) for forged in ("", "x", "t=1,v1=x", "é")]
        answers.append(shop.push("waiting", good, secret="another secret of others"))
    assert len({(answer.status_code, answer.data, str(answer.headers.get("Set-Cookie"))) for answer in answers}) == 1
    assert shop.status(done) == "delivered"
    assert {shop.status(each) for each in (waiting, late, theirs)} == {"sent"}


def test_a_refused_one_writes_nothing_to_the_database(shop: Shop) -> None:
    shop.add("done", status="delivered")
    with sent() as statements:
        for provider_id, key in (("done", None), ("nobody", None), ("done", "unknown")):
            assert shop.push(provider_id, DELIVERED[shop.backend], key=key).status_code == 200
    assert {statement.split()[0] for statement, _ in statements} == {"SELECT"}


def test_what_is_no_receipt_is_answered_like_one(shop: Shop) -> None:
    client = shop.app.test_client()
    for body in (b"", b"{}", b"[1]", b"\xff\x00", b"messageid=&status=10"):
        assert client.post(f"/hooks/receipts/{shop.key}", data=body).data == b"OK\n"
    assert client.post(f"/hooks/receipts/{shop.key}", data=b"x" * 20_000).status_code == 413


def test_one_that_comes_before_its_message_is_written_down_is_kept_for_it(shop: Shop) -> None:
    sending = shop.add(None, status="sending", payload="x", payload_id="1", lease_until=clock.now(), finished_at=None)
    for _ in range(2):
        shop.push("m-1", DELIVERED[shop.backend])
    with shop.app.app_context():
        assert service.settle_early() == 0
        finish(shop, sending, "m-1")
        assert service.settle_early() == 1
        assert service.settle_early() == 0
    assert shop.status(sending) == "delivered"


def test_one_that_comes_just_as_its_message_is_written_down_counts(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    sending = shop.add(None, status="sending", payload="x", payload_id="1", lease_until=clock.now(), finished_at=None)

    class WrittenDownBeforeTheSecondLook:
        def first(self, *_: object, **__: object) -> None:
            finish(shop, sending, "m-1")

    monkeypatch.setattr(service, "_ANY_UNFINISHED", WrittenDownBeforeTheSecondLook())
    shop.push("m-1", DELIVERED[shop.backend])
    assert shop.status(sending) == "delivered"


def test_one_whose_message_never_comes_is_forgotten(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    sending = shop.add(None, status="sending", payload="x", payload_id="1", lease_until=clock.now(), finished_at=None)
    shop.push("m-1", DELIVERED[shop.backend])
    later = clock.now() + service.EARLY_KEPT + timedelta(seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    with shop.app.app_context():
        service.settle_early()
        finish(shop, sending, "m-1")
        assert service.settle_early() == 0
    assert shop.status(sending) == "sent"


def finish(shop: Shop, delivery_id: int, provider_id: str) -> None:
    with writing() as connection:
        table = table_of(Delivery)
        values = {"status": "sent", "payload": None, "lease_until": None, "provider_id": provider_id}
        connection.execute(update(table).where(table.c.id == delivery_id).values(finished_at=clock.now(), **values))


def test_of_many_at_once_none_is_lost(shop: Shop) -> None:
    deliveries = [shop.add(f"m-{number}") for number in range(60)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda n: shop.push(f"m-{n}", DELIVERED[shop.backend]).status_code, range(60)))
    assert set(answers) == {200}
    assert {shop.status(delivery) for delivery in deliveries} == {"delivered"}


@pytest.mark.slow
def test_none_of_a_burst_of_thousands_is_lost_or_counted_twice(app: Flask, world: World) -> None:
    shop, count = make_shop(app, world, "twilio"), 3000
    deliveries = [shop.add(f"m-{number}") for number in range(count)]
    with ThreadPoolExecutor(16) as pool:
        twice = [*range(count), *range(count)]
        assert set(pool.map(lambda n: shop.push(f"m-{n}", "delivered").status_code, twice)) == {200}
    assert {shop.status(delivery) for delivery in deliveries} == {"delivered"}


def test_kavenegar_may_use_the_address_instead_of_a_form(app: Flask, world: World) -> None:
    shop = make_shop(app, world, "kavenegar")
    delivery = shop.add("m-1")
    shop.push("m-1", "14", method="GET")
    row = shop.look(delivery)
    assert (row.status, row.error_code) == ("undelivered", "14")
    assert row.error_reason == "The recipient has blocked messages from this line."
    assert Kavenegar.ids_at_once == 500


def test_twilios_reason_is_told_in_words(app: Flask, world: World) -> None:
    shop = make_shop(app, world, "twilio")
    delivery = shop.add("SM1")
    shop.push("SM1", "undelivered", code=30005)
    row = shop.look(delivery)
    assert (row.error_code, row.error_reason) == ("30005", "The recipient's number is unknown or no longer in use.")


def test_a_webhooks_reason_may_hold_no_code_and_its_time_counts(app: Flask, world: World) -> None:
    shop = make_shop(app, world, "webhook")
    delivery = shop.add("m-1")
    shop.push("m-1", "undelivered", reason="no phone for ۷۳۵۱۹", age=301)
    assert shop.status(delivery) == "sent"
    shop.push("m-1", "undelivered", reason="no phone for 73519 or ۷۳۵۱۹", age=200)
    assert shop.look(delivery).error_reason == "no phone for … or …"


def test_a_webhooks_reason_may_name_nobody(app: Flask, world: World) -> None:
    shop = make_shop(app, world, "webhook")
    delivery = shop.add("m-1")
    shop.push("m-1", "undelivered", reason="<Sam.O'Neil@example.com> or +98 912-123 (45) 67: 123-456, state 3 of 12")
    assert shop.look(delivery).error_reason == "<…> or +…: …, state 3 of 12"


def test_the_key_is_in_no_log(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    shop.add("m-1")
    shop.push("m-1", DELIVERED[shop.backend])
    shop.push("m-1", DELIVERED[shop.backend], signature="x")
    log = capfd.readouterr().err
    assert "/hooks/receipts/<key>" in log
    assert shop.key not in log
