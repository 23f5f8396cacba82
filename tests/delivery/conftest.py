"""An app that may send to loopback, with a queue of its own, and a clock to set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from flask import Flask

from tests.clock import time
from tests.conftest import LOOPBACK, empty
from tests.delivery.outbox import redis_server
from tests.notifiers.mail import Mailbox, server

__all__ = ["app", "mail_port", "mailbox", "redis", "time"]


@pytest.fixture
def app(shared_app: Flask, tmp_path: Path) -> Iterator[Flask]:
    """The app on an empty database, allowed to send to loopback, its queue in a folder of this test."""
    empty(shared_app)
    config = shared_app.config["NOTIFAPP"]
    shared_app.config["NOTIFAPP"] = replace(config, private_destinations=LOOPBACK, instance_dir=tmp_path)
    yield shared_app
    shared_app.config["NOTIFAPP"] = config
    if redis := shared_app.extensions.pop("redis", None):
        redis.close()


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def mail_port(mailbox: Mailbox, ca: trustme.CA) -> Iterator[int]:
    with server(mailbox, ca, starttls=False) as port:
        yield port


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Redis of this test run."""
    with redis_server(tmp_path_factory.mktemp("redis")) as (url, _process):
        yield url
