"""A project whose settings send codes, a backend that calls it with a token, and a look into its unsent messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, func, insert, select
from werkzeug.test import TestResponse

from notifapp.access import Permission, Principal, ProjectRef
from notifapp.database import reading, table_of, unseal, writing
from notifapp.delivery.models import Delivery
from notifapp.otp.models import OtpLimits, OtpRecipient
from notifapp.projects.service import set_phone_region
from notifapp.settings.service import update_notification_settings
from tests.client import ApiClient
from tests.clock import stop_first
from tests.world import World

CHALLENGES = "/api/otp/challenges"
POLICY = "/api/otp/policy"
PHONE = "+989121234567"
EMAIL = "customer@example.com"
WRONG = "wrong"  # of a code's usual length, so it costs an attempt


@dataclass
class Caller:
    """The project and its backend's token."""

    app: Flask
    project: ProjectRef
    token: str

    def __post_init__(self) -> None:
        self.api = ApiClient(self.app)

    def send(self, recipient: str = PHONE, channel: str = "sms", **fields: Any) -> TestResponse:
        """POST a challenge."""
        return self.api.call(
            "POST", CHALLENGES, self.token, json={"channel": channel, "recipient": recipient, **fields}
        )

    def resend(self, challenge_id: str, **fields: Any) -> TestResponse:
        """POST for another code."""
        return self.api.call("POST", f"{CHALLENGES}/{challenge_id}/resend", self.token, json=fields or None)

    def resent(self, challenge_id: str) -> str:
        """Another code of a challenge, from its message."""
        answer = self.resend(challenge_id)
        assert answer.status_code == 200, answer.json
        return str(self.last_message()["variables"]["code"])

    def verify(self, challenge_id: str, code: object) -> TestResponse:
        """POST a code."""
        return self.api.call("POST", f"{CHALLENGES}/{challenge_id}/verify", self.token, json={"code": code})

    def state(self, challenge_id: str) -> Any:
        """GET a challenge."""
        return self.api.call("GET", f"{CHALLENGES}/{challenge_id}", self.token).json

    def open(self, recipient: str = PHONE, channel: str = "sms") -> tuple[str, str]:
        """A new challenge's id and the code in its message."""
        answer = self.send(recipient, channel)
        assert answer.status_code == 201, answer.json
        return answer.get_json()["id"], self.last_message()["variables"]["code"]

    def last_message(self) -> Any:
        """What is queued last, decrypted."""
        delivery = table_of(Delivery).c
        with self.app.app_context(), reading() as connection:
            statement = select(table_of(Delivery)).where(delivery.project_id == self.project.id)
            row = connection.execute(statement.order_by(delivery.id.desc()).limit(1)).one()
            return unseal(delivery.payload, row)

    def change_settings(self, **changes: object) -> None:
        """Change the settings, as an admin would."""
        fields = {f"notifications_{name}": value for name, value in changes.items()}
        with self.app.app_context():
            update_notification_settings(self.project, fields, principal=Principal.operator())

    def set_limits(self, **limits: object) -> None:
        """Set the project's limits directly."""
        with self.app.app_context(), writing() as connection:
            connection.execute(delete(OtpLimits).where(OtpLimits.project_id == self.project.id))
            connection.execute(insert(OtpLimits).values(project_id=self.project.id, **limits))

    def set_phone_region(self, code: str) -> None:
        """Set the project's phone region, as an admin would."""
        with self.app.app_context():
            set_phone_region(self.project.id, code, principal=Principal.operator())

    def recipient(self) -> Any:
        """The one recipient that is known."""
        with self.app.app_context(), reading() as connection:
            return connection.execute(select(table_of(OtpRecipient))).one()

    def count(self, model: type[Any], **values: object) -> int:
        """How many rows of this model have these values."""
        with self.app.app_context(), reading() as connection:
            statement = select(func.count()).select_from(table_of(model)).filter_by(**values)
            return int(connection.execute(statement).scalar_one())


def make_caller(app: Flask, world: World, slug: str = "shop") -> Caller:
    """A project that sends by the console on both channels; its token holds 9001 and 9002."""
    project = world.project(slug)
    token = world.staff_token(project, Permission.OTP_SEND, Permission.OTP_VERIFY, email=f"backend@{slug}.example")
    caller = Caller(app, project, token)
    caller.change_settings(
        sms_notifier=world.notifier(project, "sms", "gateway"),
        email_notifier=world.notifier(project, "email", "mail"),
    )
    return caller


@pytest.fixture
def caller(request: pytest.FixtureRequest, app: Flask, world: World) -> Caller:
    """A project's backend."""
    stop_first(request)
    return make_caller(app, world)
