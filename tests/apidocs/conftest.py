"""An app of this folder's own, and a small project whose ids are those that the document's examples use."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import insert

from notifapp import clock, create_app
from notifapp.access import ProjectRef, passwords
from notifapp.database import seal, table_of, writing
from notifapp.delivery.models import Delivery
from notifapp.extensions import db
from notifapp.otp.codes import code_mac
from notifapp.otp.models import OtpChallenge
from tests.conftest import Databases, config_for
from tests.world import World

CHALLENGE, CODE = "9b2f61c0d3a84e57b6f0a1c2d3e4f506", "048213"  # as the document has them


@pytest.fixture
def app(databases: Databases) -> Iterator[Flask]:
    """The app on SQLite alone: nothing here depends on the database."""
    app = create_app(config_for(databases.make("sqlite"), databases._folder))
    app.extensions["password_hasher"] = passwords.make_hasher(cheap=True)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def token(world: World) -> str:
    """An admin's token in a project as the document's examples have it: the notifiers 2 (SMS) and 3 (email)."""
    project = world.project()
    world.notifier(project, "sms", "melipayamak_main", enabled=False)
    line = {"from_number": "+983000505"}
    sms = world.notifier(project, "sms", "ippanel_one", backend="ippanel", settings=line, secrets={"token": "x" * 20})
    server = {
        "host": "smtp.example.com",
        "port": 587,
        "username": "shop@example.com",
        "from_email": "shop@example.com",
        "use_tls": True,
        "use_ssl": False,
        "fail_silently": False,
    }
    password = {"password": "x" * 20}
    world.prove(sms, world.notifier(project, "email", "moeinmail", backend="smtp", settings=server, secrets=password))
    _open_challenge(world, project)
    return world.token(world.admin(), project)


def _open_challenge(world: World, project: ProjectRef) -> None:
    """The challenge of the examples, which waits for their code."""
    now = clock.now()
    with world.app.app_context(), writing() as connection:
        connection.execute(
            insert(Delivery).values(
                id=1,
                project_id=project.id,
                notifier_name="ippanel_one",
                backend="ippanel",
                channel="sms",
                recipient="+98••••••••67",
                purpose="otp",
                status="sent",
                **dict.fromkeys(("next_attempt_at", "expires_at", "created_at", "finished_at"), now),
            )
        )
        connection.execute(
            insert(OtpChallenge).values(
                id=CHALLENGE,
                project_id=project.id,
                channel="sms",
                recipient_digest="0" * 64,
                recipient="+98••••••••67",
                address=seal(table_of(OtpChallenge).c.address, "+989351234567", project_id=project.id, id=CHALLENGE),
                settings_version=0,
                code_length=6,
                ttl=120,
                code_mac=code_mac(CHALLENGE, CODE),
                attempts_left=5,
                created_at=now,
                expires_at=now + timedelta(minutes=2),
                resend_at=now + timedelta(minutes=1),
                delivery_id=1,
            )
        )
