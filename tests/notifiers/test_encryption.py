"""A new encryption key is listed first, the secrets are encrypted again, the old key goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import Flask
from sqlalchemy import select

from notifapp.access import Principal
from notifapp.channels import Channel
from notifapp.errors import Conflict
from notifapp.extensions import db
from notifapp.notifiers import encryption
from notifapp.notifiers.backends import BACKENDS
from notifapp.notifiers.encryption import reencrypt_secrets
from notifapp.notifiers.gateway.base import Message
from notifapp.notifiers.models import Notifier, OutboxMessage
from tests.audit.trail import events
from tests.world import World

OLD, NEW = Fernet(Fernet.generate_key()), Fernet(Fernet.generate_key())


@pytest.fixture
def keys(app: Flask) -> Iterator[Flask]:
    """The app under the old key; its own comes back afterwards."""
    own = app.extensions["vault"]
    app.extensions["vault"] = OLD
    yield app
    app.extensions["vault"] = own


def fill(app: Flask, world: World, count: int) -> None:
    project = world.project("shop")
    for number in range(count):
        world.notifier(project, "sms", f"n{number}", secrets={"token": f"secret {number}"})
    console = BACKENDS["console"]
    with app.app_context():
        message = Message(project_id=project.id, channel=Channel.SMS, recipient="+98912", body="Your code: 01234")
        console.send(console.load({}), replace(message, subject="01234 is your code"))


def test_every_secret_is_readable_with_the_new_key_alone(
    keys: Flask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(keys, world, 7)
    monkeypatch.setattr(encryption, "BATCH", 3)
    keys.extensions["vault"] = MultiFernet([NEW, OLD])
    with keys.app_context():
        assert reencrypt_secrets(principal=Principal.operator()) == 9
        keys.extensions["vault"] = NEW
        secrets = list(db.session.scalars(select(Notifier.secrets).order_by(Notifier.id)))
        assert secrets == [{"token": f"secret {number}"} for number in range(7)]
        assert db.session.scalars(select(OutboxMessage.body)).one() == "Your code: 01234"
        assert db.session.scalars(select(OutboxMessage.subject)).one() == "01234 is your code"
    assert {event.action for event in events(keys)} == {"secrets_reencrypted"}
    assert sum(event.detail["rows"] for event in events(keys)) == 9


def test_before_it_the_new_key_alone_reads_nothing(keys: Flask, world: World) -> None:
    fill(keys, world, 1)
    keys.extensions["vault"] = NEW
    with keys.app_context(), pytest.raises(InvalidToken):
        db.session.scalars(select(Notifier.secrets)).all()


def test_a_missing_key_is_said_clearly(keys: Flask, world: World) -> None:
    fill(keys, world, 1)
    keys.extensions["vault"] = NEW
    with keys.app_context(), pytest.raises(Conflict, match="can't be read with any of the listed keys"):
        reencrypt_secrets(principal=Principal.operator())


def test_without_secrets_there_is_nothing_to_do(keys: Flask) -> None:
    with keys.app_context():
        assert reencrypt_secrets(principal=Principal.operator()) == 0
