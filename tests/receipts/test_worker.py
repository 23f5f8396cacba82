"""The worker as a process of its own: it asks beside the sending, and may be killed between gateway and database."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from notifapp import clock
from tests.delivery.outbox import eventually, make_outbox, silent_server, worker
from tests.receipts.shop import Shop, make_shop
from tests.world import World

pytestmark = pytest.mark.slow


@pytest.fixture
def shop(app: Flask, world: World) -> Shop:
    return make_shop(app, world, "webhook")


def test_a_receipt_that_overtakes_a_killed_worker_counts_once_its_message_is_sent_again(
    app: Flask, world: World, shop: Shop, tmp_path: Path
) -> None:
    """As with a gateway that gives the same message the same id, however often it is sent."""
    with silent_server() as silent:
        outbox = make_outbox(app, world, silent.getsockname()[1], slug="mail")
        delivery = outbox.queue()
        with worker(app, tmp_path) as running:
            connection, _ = silent.accept()
            running.kill()
            connection.close()
        outbox.change(delivery, notifier_id=shop.notifier_id)
        assert outbox.look(delivery).status == "sending"
        shop.push("m-1", "delivered")
        assert outbox.look(delivery).status == "sending"
        # What the next worker writes down once it has sent the message again.
        outbox.change(
            delivery, status="sent", payload=None, lease_until=None, provider_id="m-1", finished_at=clock.now()
        )
        with worker(app, tmp_path):
            eventually(lambda: outbox.look(delivery).status == "delivered")
