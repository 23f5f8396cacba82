"""The migrations: they lead to the models' schema and back, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import create_engine, inspect, select, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from notifapp import clock, create_app
from notifapp.access import Permission
from notifapp.access.credentials import digest
from notifapp.access.held_secrets import hold
from notifapp.access.models import User
from notifapp.channels import Channel
from notifapp.database import UtcDateTime, table_of, unseal
from notifapp.delivery.models import Delivery
from notifapp.errors import Conflict
from notifapp.extensions import db
from notifapp.message_templates.history import history
from notifapp.message_templates.service import get_templates
from notifapp.notifiers.models import Notifier, OutboxMessage
from notifapp.otp.models import OtpLimits, OtpRecipient
from notifapp.second_factor.models import TotpApp
from tests.client import Browser
from tests.clock import Clock, time
from tests.conftest import ENCRYPTION_KEY, Databases, config_for
from tests.otp.caller import make_caller
from tests.world import World

__all__ = ["time"]


@pytest.fixture
def migrated(database: str, databases: Databases, tmp_path: Path) -> Iterator[Flask]:
    """An app with a database of its own, whose schema the test may change."""
    app = create_app(config_for(databases.make(database), tmp_path))
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def schema(engine: Engine) -> dict[str, Any]:
    """Every table with its columns and constraints, as the database itself describes them."""
    found = inspect(engine)

    def named(rows: Any) -> list[str]:
        return sorted(str(sorted((key, plain(value)) for key, value in row.items())) for row in rows)

    return {
        name: {
            "columns": [
                (c["name"], str(c["type"]), c["nullable"], str(c["default"] or "").strip("()"))
                for c in sorted(found.get_columns(name), key=lambda c: c["name"])
            ],
            "primary key": found.get_pk_constraint(name),
            "foreign keys": named(found.get_foreign_keys(name)),
            "uniques": named(found.get_unique_constraints(name)),
            "checks": named(found.get_check_constraints(name)),
            "indexes": named(found.get_indexes(name)),
        }
        for name in sorted(found.get_table_names())
        if name != "alembic_version"
    }


def plain(value: Any) -> str:
    """A value without the identity of its objects: the condition of a partial index is a clause."""
    if isinstance(value, dict):
        return str(sorted((key, str(inner)) for key, inner in value.items()))
    return str(value)


def test_the_migrations_lead_to_the_schema_of_the_models(app: Flask, databases: Databases, tmp_path: Path) -> None:
    with app.app_context():
        kind = db.engine.dialect.name
        by_migrations = schema(db.engine)
    url = empty_database(kind, databases, tmp_path)
    engine = create_engine(url)
    try:
        db.metadata.create_all(engine)
        assert schema(engine) == by_migrations
    finally:
        engine.dispose()


def test_the_last_migration_can_be_taken_back_and_made_again(migrated: Flask) -> None:
    world = World(migrated)
    project = world.project()
    member = world.member(project, Permission.NOTIFICATIONS_SETTINGS_READ, Permission.OTP_SEND)
    with migrated.app_context():
        before = schema(db.engine)
        downgrade(revision="0001")
        assert "otp_challenge" not in schema(db.engine)
        assert codes() == [1036]
        with pytest.raises(IntegrityError):
            grant(member, project.id)
        upgrade()
        assert schema(db.engine) == before
        grant(member, project.id)
        assert codes() == [1036, 9001]


def test_messages_of_the_version_before_keep_their_words_and_get_a_history(migrated: Flask) -> None:
    world = World(migrated)
    project = world.project()
    with migrated.app_context():
        downgrade(revision="0004")
        with db.engine.begin() as connection:
            for statement in (
                "INSERT INTO message_template VALUES (:project, 'sms', '{code}, {minutes} min', NULL)",
                "INSERT INTO audit_event (at, action, actor, source, project_id, subject, detail) VALUES "
                "(:at, 'message_template_changed', 'a@example.org', 'page', :project, 'SMS', '[]')",
                "INSERT INTO outbox_message (project_id, channel, recipient, subject, body, created_at) "
                "VALUES (:project, 'email', 'b@example.org', 'Hello', 'x', :at)",
            ):
                values = {"project": project.id, "at": "2026-11-01 12:00"}
                connection.execute(text(statement), {name: values[name] for name in values if f":{name}" in statement})
        upgrade()
        template = get_templates(project.id)[Channel.SMS]
        [revision] = history(project, Channel.SMS)
        assert (template.body, template.subject, template.version) == (
            "{code}, {minutes} min", "Your code for {project}", 1,
        )  # fmt: skip
        assert (revision.version, revision.values, revision.actor) == (1, template, "a@example.org")
        outbox = table_of(OutboxMessage)
        assert unseal(outbox.c.subject, db.session.execute(select(outbox)).one()) == "Hello"
        assert db.session.scalars(text("SELECT subject FROM outbox_message")).one() != "Hello"


def test_a_stop_of_the_version_before_ends_a_day_after_the_upgrade(migrated: Flask) -> None:
    project = World(migrated).project()
    with migrated.app_context():
        downgrade(revision="0008")
        with db.engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO otp_recipient "
                    "(project_id, channel, digest, masked, failures, blocked_until, stopped_at) VALUES "
                    "(:project, 'sms', 'one', '+98', 100, :then, :then), "
                    "(:project, 'sms', 'two', '+98', 7, :then, NULL)"
                ),
                {"project": project.id, "then": "2026-11-01 12:00"},
            )
            connection.execute(text("INSERT INTO otp_limits (project_id) VALUES (:project)"), {"project": project.id})
        upgrade()
        ends = dict(db.session.execute(select(OtpRecipient.digest, OtpRecipient.blocked_until)).all())
        assert ends["one"] is not None
        assert abs(ends["one"] - clock.now() - timedelta(days=1)) < timedelta(hours=1)
        assert ends["two"] == datetime(2026, 11, 1, 12, tzinfo=UTC)
        assert db.session.scalars(select(OtpLimits.stop_hours)).all() == [24]


def test_who_was_signed_in_before_signs_in_again_and_needs_no_second_factor(migrated: Flask) -> None:
    browser = Browser(migrated).sign_in(World(migrated).user())
    with migrated.app_context():
        downgrade(revision="0008")
        upgrade(revision="0011")
        created, proved = db.session.execute(text("SELECT created_at, proved_at FROM user_session")).one()
        assert created == proved
        db.session.remove()
        upgrade()
        assert not db.session.scalars(select(User.has_second_factor)).one()
        db.session.remove()
    assert browser.get("/account").headers["Location"] == "/sign-in?next=/account"


def test_sessions_whose_cookies_are_no_longer_accepted_go_with_what_they_held(migrated: Flask) -> None:
    Browser(migrated).sign_in(World(migrated).user())
    with migrated.app_context():
        hold(1, "token 1", "secret")
        downgrade(revision="0008")
        assert db.session.scalars(text("SELECT count(*) FROM held_secret")).one() == 1
        db.session.remove()
        upgrade()
        for table in ("user_session", "held_secret"):
            assert db.session.scalars(text(f"SELECT count(*) FROM {table}")).one() == 0
        assert db.session.scalars(text("SELECT count(*) FROM user_account")).one() == 1


def test_messages_of_the_version_before_know_their_challenge(migrated: Flask) -> None:
    project, at = World(migrated).project(), "2026-11-01 12:00"
    with migrated.app_context():
        downgrade(revision="0015")
        common = {"project_id": project.id, "channel": "sms", "recipient": "+98", "created_at": at, "expires_at": at}
        message = {**common, "notifier_name": "x", "backend": "console", "status": "sent", "next_attempt_at": at}
        put("delivery", **message, purpose="test")
        put("delivery", **message, purpose="otp")
        of_code = {"settings_version": 1, "code_length": 5, "ttl": 60, "code_mac": "x", "resend_at": at}
        put("otp_challenge", **common, **of_code, id="c", recipient_digest="d", attempts_left=5, delivery_id=2)
        upgrade()
        delivery = table_of(Delivery).c
        assert everything(select(delivery.id, delivery.challenge_id).order_by(delivery.id)) == [(1, None), (2, "c")]


BEFORE_SEALING = "0014"
_FERNET = Fernet(ENCRYPTION_KEY)


def encrypted_before(value: Any) -> str:
    """A value as it was encrypted before it was bound to its row."""
    return _FERNET.encrypt(json.dumps(value).encode()).decode()


def test_secrets_of_the_version_before_are_sealed_and_can_be_given_back(migrated: Flask) -> None:
    world = World(migrated)
    project, owner = world.project(), world.user()
    settings, message, at = {"port": 587, "host": "smtp.example.com"}, {"body": "01234"}, "2026-11-01 12:00"
    with migrated.app_context():
        downgrade(revision=BEFORE_SEALING)
        common = {"project_id": project.id, "backend": "smtp", "channel": "email", "created_at": at}
        secrets, payload = encrypted_before({"p": "s"}), encrypted_before(message)
        put("notifier", **common, name="mail", settings=json.dumps(settings), secrets=secrets, updated_at=at)
        sent = {**common, "notifier_name": "mail", "recipient": "a", "purpose": "otp", "next_attempt_at": at}
        put("delivery", **sent, expires_at=at, status="queued", payload=payload)
        put("delivery", **sent, expires_at=at, status="sent", payload=None)
        shown = {"user_id": owner, "name": "Phone", "last_step": 0, "created_at": at}
        put("totp_app", **shown, secret=encrypted_before("JBSWY3DP"))
        for _ in range(2):
            upgrade()
            notifier, delivery, totp_app = table_of(Notifier), table_of(Delivery), table_of(TotpApp)
            assert unseal(totp_app.c.secret, one(select(totp_app))) == "JBSWY3DP"
            assert unseal(notifier.c.secrets, one(select(notifier))) == {"p": "s"}
            queued, sent = everything(select(delivery).order_by(delivery.c.id))
            assert unseal(delivery.c.payload, queued) == message
            assert (len(queued.payload_id), sent.payload_id, sent.payload) == (32, "", None)
            downgrade(revision=BEFORE_SEALING)
            stored = one(text("SELECT secrets, payload FROM notifier JOIN delivery ON payload IS NOT NULL"))
            assert [json.loads(_FERNET.decrypt(each)) for each in stored] == [{"p": "s"}, message]


def test_an_upgrade_with_the_wrong_keys_changes_nothing(migrated: Flask) -> None:
    world = World(migrated)
    world.notifier(world.project(), "email", "mail", secrets={"p": "s"})
    with migrated.app_context():
        downgrade(revision=BEFORE_SEALING)
        before, own = schema(db.engine), migrated.config["NOTIFAPP"]
        migrated.config["NOTIFAPP"] = replace(own, encryption_keys=(Fernet.generate_key().decode(),))
        with pytest.raises(Conflict, match="No listed encryption key reads the secrets of the notifier 1"):
            upgrade()
        assert schema(db.engine) == before
        migrated.config["NOTIFAPP"] = own
        upgrade()
        notifier = table_of(Notifier)
        assert unseal(notifier.c.secrets, one(select(notifier))) == {"p": "s"}


def test_without_resends_a_challenge_ends_with_its_first_code(migrated: Flask, time: Clock) -> None:
    caller = make_caller(migrated, World(migrated))
    caller.set_limits(resend_seconds=1)
    challenge, code = caller.open()
    time.advance(90)
    caller.resent(challenge)
    with migrated.app_context():
        downgrade(revision="0015")
        ends = text("SELECT created_at, expires_at FROM otp_challenge").columns(
            created_at=UtcDateTime, expires_at=UtcDateTime
        )
        first = one(ends)
        assert first.expires_at - first.created_at == timedelta(seconds=120)
        upgrade()
    assert caller.state(challenge)["codes_alive"] == 1
    assert caller.resend(challenge).get_json()["code"] == "challenge_closed"
    assert caller.verify(challenge, code).status_code == 200


def test_notifiers_of_the_version_before_get_addresses_and_what_carriers_said_can_be_given_back(
    database: str, databases: Databases, tmp_path: Path
) -> None:
    app = create_app(config_for(databases.make(database), tmp_path))
    world = World(app)
    notifier_id, at = world.notifier(project := world.project()), "2026-11-01 12:00"
    with app.app_context():
        sent = {"project_id": project.id, "notifier_name": "one", "backend": "console", "channel": "sms"}
        sent |= {"recipient": "a", "purpose": "otp", "next_attempt_at": at, "created_at": at, "expires_at": at}
        for status in ("sent", "delivered", "undelivered", "failed"):
            put("delivery", **sent, status=status)
        [delivery] = one(text("SELECT min(id) FROM delivery"))
        challenge = {"project_id": project.id, "channel": "sms", "recipient_digest": "d", "recipient": "a", "ttl": 9}
        challenge |= {"settings_version": 1, "code_length": 5, "code_mac": "m", "attempts_left": 1, "created_at": at}
        put("otp_challenge", **challenge, id="c", expires_at=at, resend_at=at, delivery_id=delivery)
        downgrade(revision="0015")
        statuses = text("SELECT status FROM delivery ORDER BY id")
        assert [row.status for row in everything(statuses)] == ["sent", "sent", "sent", "failed"]
        with pytest.raises(DBAPIError):
            put("delivery", **sent, status="delivered")
        upgrade()
        put("delivery", **sent, status="delivered")
        row = one(select(table_of(Notifier)))
        assert digest(unseal(table_of(Notifier).c.receipt_key, row)) == row.receipt_key_digest
        assert row.id == notifier_id
        assert one(text("SELECT delivery_id FROM otp_challenge")).delivery_id == delivery
        db.engine.dispose()


def test_changes_that_nobody_made_by_hand_are_the_operators_to_the_version_before(migrated: Flask) -> None:
    world = World(migrated)
    project = world.project()
    fields: dict[str, object] = {"project_id": project.id, "otp_code_len": 5, "otp_ttl": 60, "actor": "notifapp"}
    fields |= {"version": 1, "source": "automatic", "created_at": "2026-11-01 12:00"}
    event: dict[str, object] = {
        "at": "2026-11-01 12:00",
        "action": "trial_reverted",
        "actor": "notifapp",
        "source": "automatic",
    }
    event |= {"project_id": project.id, "subject": "version 1", "detail": "{}"}
    with migrated.app_context():
        put("settings_revision", **fields)
        put("audit_event", **event)
        downgrade(revision="0021")
        for table in ("settings_revision", "audit_event"):
            assert one(text(f"SELECT source FROM {table}")) == ("cli",)
        with pytest.raises(DBAPIError):
            put("settings_revision", **{**fields, "version": 2})
        upgrade()
        put("settings_revision", **{**fields, "version": 2})


def put(table: str, **values: object) -> None:
    """Insert a row without the present models."""
    names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    with db.engine.begin() as connection:
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), values)


def everything(statement: Any) -> list[Any]:
    with db.engine.connect() as connection:
        return list(connection.execute(statement))


def one(statement: Any) -> Any:
    [row] = everything(statement)
    return row


def codes() -> list[int]:
    with db.engine.connect() as connection:
        return list(connection.execute(text("SELECT code FROM membership_permission ORDER BY code")).scalars())


def grant(user_id: int, project_id: int) -> None:
    with db.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO membership_permission (user_id, project_id, code) VALUES (:user, :project, 9001)"),
            {"user": user_id, "project": project_id},
        )


def empty_database(kind: str, databases: Databases, tmp_path: Path) -> str:
    """A database without any table."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    url = databases.make(kind)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return url
