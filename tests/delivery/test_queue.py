"""The queue: ids on their way to a worker, in a file or in Redis, as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from flask import Flask

from notifapp.delivery.queue import queue
from tests.delivery.stage import Stage, set_stage
from tests.notifiers.mail import Mailbox
from tests.world import World

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")


@pytest.fixture(params=["file", "redis"])
def stage(app: Flask, world: World, mail_port: int, request: pytest.FixtureRequest) -> Stage:
    if request.param == "redis":
        app.config["NOTIFAPP"] = replace(app.config["NOTIFAPP"], redis_url=request.getfixturevalue("redis"))
    return set_stage(app, world, mail_port)


def test_a_job_holds_an_id_as_json_and_sends_its_delivery(stage: Stage, mailbox: Mailbox) -> None:
    delivery = stage.queue()
    with stage.app.app_context():
        jobs = queue().huey
        jobs.flush()
        queue().push(delivery)
        [job] = jobs.storage.enqueued_items()
        assert json.loads(bytes(job)).keys() == {"id", "name", "args"}
        assert json.loads(bytes(job))["args"] == [delivery]
        jobs.execute(jobs.dequeue())
        assert jobs.pending_count() == 0
    assert stage.look(delivery).status == "sent"
    assert len(mailbox.envelopes) == 1


def test_a_job_of_a_delivery_that_is_gone_does_nothing(stage: Stage, mailbox: Mailbox) -> None:
    with stage.app.app_context():
        queue().huey.flush()
        queue().push(4711)
        queue().huey.execute(queue().huey.dequeue())
    assert mailbox.envelopes == []
