"""A new encryption key is listed first, the secrets are sealed again, the old key goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import select

from notifapp.access import Principal, ProjectRef, held_secrets
from notifapp.channels import Channel
from notifapp.database import Unreadable, Vault, reading, table_of, unseal
from notifapp.delivery.models import Delivery
from notifapp.errors import Conflict
from notifapp.notifiers import encryption, service
from notifapp.notifiers.backends import BACKENDS
from notifapp.notifiers.encryption import reencrypt_secrets
from notifapp.notifiers.gateway.base import Message
from tests.audit.trail import events
from tests.delivery.outbox import SECRET_TEXT, make_outbox
from tests.world import World, stored_secrets

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def keys(app: Flask) -> Iterator[Flask]:
    """The app under the old key; its own comes back afterwards."""
    own = app.extensions["vault"]
    app.extensions["vault"] = Vault([OLD])
    yield app
    app.extensions["vault"] = own


def fill(app: Flask, world: World, count: int) -> ProjectRef:
    project = world.project("shop")
    for number in range(count):
        world.notifier(project, "sms", f"n{number}", secrets={"token": f"secret {number}"})
    console = BACKENDS["console"]
    with app.app_context():
        message = Message(project_id=project.id, channel=Channel.SMS, recipient="+98912", body="Your code: 01234")
        console.send(console.load({}), replace(message, subject="01234 is your code"))
    return project


def hold(app: Flask, world: World) -> int:
    """A session that holds a secret."""
    session_id = world.session(world.user("holder@example.org"))
    with app.app_context():
        held_secrets.hold(session_id, "token 1", "ntf_secret")
    return session_id


def test_every_secret_is_readable_with_the_new_key_alone(
    keys: Flask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = fill(keys, world, 7)
    outbox = make_outbox(keys, world, 25, slug="mail")
    delivery = outbox.queue()
    session_id = hold(keys, world)
    monkeypatch.setattr(encryption, "BATCH", 3)
    keys.extensions["vault"] = Vault([NEW, OLD])
    with keys.app_context():
        assert reencrypt_secrets(principal=Principal.operator()) == 7 + 1 + 2 + 1 + 1
        keys.extensions["vault"] = Vault([NEW])
        assert stored_secrets(keys)[:7] == [{"token": f"secret {number}"} for number in range(7)]
        _part, [entry] = service.list_outbox(project, list(Channel), None)
        assert (entry.subject, entry.body) == ("01234 is your code", "Your code: 01234")
        with reading() as connection:
            [row] = connection.execute(select(table_of(Delivery)).where(table_of(Delivery).c.id == delivery))
        assert unseal(table_of(Delivery).c.payload, row)["body"] == SECRET_TEXT
        assert held_secrets.take(session_id, "token 1") == "ntf_secret"
    assert {event.action for event in events(keys)} == {"secrets_reencrypted"}
    assert sum(event.detail["rows"] for event in events(keys)) == 12


def test_before_it_the_new_key_alone_reads_nothing(keys: Flask, world: World) -> None:
    fill(keys, world, 1)
    keys.extensions["vault"] = Vault([NEW])
    with pytest.raises(Unreadable):
        stored_secrets(keys)


def test_a_missing_key_is_said_clearly(keys: Flask, world: World) -> None:
    fill(keys, world, 1)
    keys.extensions["vault"] = Vault([NEW])
    with keys.app_context(), pytest.raises(Conflict, match="can't be read with any of the listed keys"):
        reencrypt_secrets(principal=Principal.operator())


def test_without_secrets_there_is_nothing_to_do(keys: Flask) -> None:
    with keys.app_context():
        assert reencrypt_secrets(principal=Principal.operator()) == 0


def test_what_is_older_than_the_newest_key_stays_readable_while_its_key_is_listed(keys: Flask, world: World) -> None:
    fill(keys, world, 1)
    keys.extensions["vault"] = Vault([NEW, Fernet.generate_key().decode(), OLD])
    assert stored_secrets(keys) == [{"token": "secret 0"}]
