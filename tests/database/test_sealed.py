"""What somebody gains who may write to the database, but has none of the keys: nothing."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import UniqueConstraint, select, text
from sqlalchemy.exc import IntegrityError

from notifapp.access import Principal, held_secrets
from notifapp.channels import Channel
from notifapp.database import Base, Sealed, Unreadable, Vault, reading, table_of, unseal
from notifapp.delivery import service as deliveries
from notifapp.extensions import db
from notifapp.notifiers import service as notifiers
from notifapp.notifiers.backends import BACKENDS
from notifapp.notifiers.gateway.base import Message, SendFailed
from notifapp.notifiers.models import Notifier
from notifapp.notifiers.sending import send_through
from tests.client import Browser
from tests.delivery.outbox import Outbox, make_outbox
from tests.world import World, stored_secrets

SECRET = {"password": "t0p-s3cret"}
MESSAGE = Message(project_id=1, channel=Channel.EMAIL, recipient="a@example.com", body="Your code: 01234")


def execute(app: Flask, statement: str, **values: object) -> None:
    """Change the database directly, as somebody who got hold of it would."""
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text(statement), values)


def secrets_of(app: Flask, notifier_id: int) -> Any:
    table = table_of(Notifier)
    with app.app_context(), reading() as connection:
        return unseal(table.c.secrets, connection.execute(select(table).where(table.c.id == notifier_id)).one())


def copy_secrets(app: Flask, source: int, target: int) -> None:
    statement = "UPDATE notifier SET secrets = (SELECT secrets FROM notifier WHERE id = :source) WHERE id = :target"
    execute(app, statement, source=source, target=target)


# Copying


def test_a_secret_copied_onto_another_notifier_does_not_decrypt(app: Flask, world: World) -> None:
    project = world.project()
    source, target = (world.notifier(project, "email", name, secrets=SECRET) for name in ("one", "two"))
    copy_secrets(app, source, target)
    assert secrets_of(app, source) == SECRET
    with pytest.raises(Unreadable):
        secrets_of(app, target)
    with app.app_context(), pytest.raises(SendFailed) as failed:
        send_through(target, MESSAGE)
    assert failed.value.code == "key"


def test_a_notifier_moved_to_another_project_does_not_decrypt(app: Flask, world: World) -> None:
    notifier = world.notifier(world.project("shop"), "email", "mail", secrets=SECRET)
    other = world.project("other")
    execute(app, "UPDATE notifier SET project_id = :project WHERE id = :id", project=other.id, id=notifier)
    with pytest.raises(Unreadable):
        secrets_of(app, notifier)


def test_a_notifier_pointed_elsewhere_in_the_database_keeps_its_password(app: Flask, world: World) -> None:
    settings = {"host": "smtp.example.com", "port": 587}
    notifier = world.notifier(world.project(), "email", "mail", backend="smtp", settings=settings, secrets=SECRET)
    assert secrets_of(app, notifier) == SECRET
    evil = '{"host": "evil.example.org", "port": 587}'
    execute(app, "UPDATE notifier SET settings = :evil WHERE id = :id", evil=evil, id=notifier)
    with pytest.raises(Unreadable):
        secrets_of(app, notifier)


def test_a_text_copied_from_one_column_to_another_does_not_decrypt(app: Flask, world: World) -> None:
    project, console = world.project(), BACKENDS["console"]
    message = Message(project_id=project.id, channel=Channel.EMAIL, recipient="a@b.c", subject="Hello", body="01234")
    with app.app_context():
        console.send(console.load({}), message)
        assert [entry.body for entry in notifiers.list_outbox(project, list(Channel), None)[1]] == ["01234"]
    execute(app, "UPDATE outbox_message SET subject = body")
    with app.app_context():
        assert [entry.body for entry in notifiers.list_outbox(project, list(Channel), None)[1]] == [None]


def test_a_secret_copied_into_the_outbox_is_not_shown_there(app: Flask, world: World, browser: Browser) -> None:
    project, console = world.project(), BACKENDS["console"]
    world.notifier(project, "email", "mail", secrets=SECRET)
    with app.app_context():
        message = Message(project_id=project.id, channel=Channel.EMAIL, recipient="a@b.c", body="01234")
        console.send(console.load({}), message)
    execute(app, "UPDATE outbox_message SET body = (SELECT secrets FROM notifier)")
    page = browser.sign_in(world.member(project, 2832)).get("/projects/shop/notifiers/outbox").text
    assert "t0p-s3cret" not in page
    assert "Its encryption key is missing." in page


def test_a_secret_held_for_one_session_cant_be_taken_by_another(app: Flask, world: World) -> None:
    user = world.user()
    mine, other = world.session(user), world.session(user)
    with app.app_context():
        held_secrets.hold(mine, "token 1", "ntf_secret")
        assert held_secrets.peek(mine, "token 1") == "ntf_secret"
    execute(app, "UPDATE held_secret SET session_id = :other", other=other)
    with app.app_context():
        assert held_secrets.peek(other, "token 1") is None


# Payloads


@pytest.fixture
def outbox(app: Flask, world: World) -> Outbox:
    return make_outbox(app, world, 25)


def carry_out(outbox: Outbox) -> None:
    with outbox.app.app_context():
        claims = deliveries.exchange([], room=10)
        deliveries.exchange([deliveries.send(claim) for claim in claims], room=0)


def test_a_payload_copied_onto_another_delivery_is_not_sent(outbox: Outbox) -> None:
    source, target = outbox.queue(), outbox.queue()
    statement = "UPDATE delivery SET payload = (SELECT payload FROM delivery WHERE id = :source) WHERE id = :target"
    execute(outbox.app, statement, source=source, target=target)
    carry_out(outbox)
    assert (outbox.look(target).status, outbox.look(target).error_code) == ("failed", "key")
    assert outbox.look(source).error_code != "key"


def test_a_payload_cant_be_copied_with_what_it_is_bound_to(outbox: Outbox) -> None:
    source, target = outbox.queue(), outbox.queue()
    statement = (
        "UPDATE delivery SET payload = (SELECT payload FROM delivery WHERE id = :source), "
        "payload_id = (SELECT payload_id FROM delivery WHERE id = :source) WHERE id = :target"
    )
    with pytest.raises(IntegrityError):
        execute(outbox.app, statement, source=source, target=target)


def test_a_payload_moved_to_another_project_is_not_sent(outbox: Outbox, world: World) -> None:
    delivery, other = outbox.queue(), world.project("other")
    execute(outbox.app, "UPDATE delivery SET project_id = :other WHERE id = :id", other=other.id, id=delivery)
    carry_out(outbox)
    assert (outbox.look(delivery).status, outbox.look(delivery).error_code) == ("failed", "key")


# Losing


def test_secrets_that_cant_be_decrypted_are_typed_in_again(app: Flask, world: World) -> None:
    project = world.project()
    values = {"host": "smtp.example.com", "port": 587, "username": "u", "from_email": "a@example.com"}
    notifier = world.notifier(project, "email", "mail", backend="smtp", settings=values, secrets=SECRET)
    execute(app, "UPDATE notifier SET secrets = 'lost'")
    fields = {"settings": {"password": "typed again"}}
    with app.app_context():
        notifiers.update_notifier(project, Channel.EMAIL, notifier, fields, principal=Principal.operator())
    assert stored_secrets(app) == [{"password": "typed again"}]


# The vault itself


def new_key() -> str:
    return Fernet.generate_key().decode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
VAULT = Vault([new_key(), new_key()])


@given(JSON, st.lists(JSON, max_size=4))
def test_what_was_sealed_is_opened_in_its_place(value: Any, place: list[Any]) -> None:
    assert VAULT.open(VAULT.seal(value, place), place) == value


@given(st.lists(st.integers() | st.text(), max_size=4), st.lists(st.integers() | st.text(), max_size=4))
def test_and_in_no_other(place: list[Any], other: list[Any]) -> None:
    sealed = VAULT.seal("x", place)
    if place != other:
        with pytest.raises(Unreadable):
            VAULT.open(sealed, other)


@given(st.data())
def test_no_changed_text_is_opened(data: st.DataObject) -> None:
    sealed = VAULT.seal("secret", ["place"])
    position = data.draw(st.integers(0, len(sealed) - 1))
    changed = sealed[:position] + data.draw(st.characters()) + sealed[position + 1 :]
    try:
        opened = VAULT.open(changed, ["place"])
    except Unreadable:
        return
    assert opened == "secret"


def test_the_same_value_is_never_the_same_text() -> None:
    assert len({VAULT.seal("x", []) for _ in range(100)}) == 100


def test_what_another_key_sealed_isnt_opened() -> None:
    with pytest.raises(Unreadable):
        VAULT.open(Vault([new_key()]).seal("x", []), [])


# Every column


def test_every_sealed_column_is_bound_to_its_row_and_project() -> None:
    """What identifies the row is its key, another unique set of its columns, or its random `payload_id`."""
    found = 0
    for table in Base.metadata.sorted_tables:
        unique = [{column.name for column in table.primary_key}]
        unique += [{c.name for c in each.columns} for each in table.constraints if isinstance(each, UniqueConstraint)]
        unique += [{c.name for c in index.columns} for index in table.indexes if index.unique]
        for column in table.c:
            if isinstance(column.type, Sealed):
                found += 1
                bound_to = set(column.type.bound_to)
                assert any(names <= bound_to for names in unique), column
                assert "project_id" not in table.c or "project_id" in bound_to, column
    assert found >= 5


def test_nothing_of_a_secret_is_readable_in_the_database(app: Flask, world: World) -> None:
    world.notifier(world.project(), "email", "mail", secrets=SECRET)
    with app.app_context(), reading() as connection:
        stored = connection.execute(text("SELECT secrets FROM notifier")).scalar_one()
    assert stored.startswith("g1.")
    assert "t0p-s3cret" not in stored
