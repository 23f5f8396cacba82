"""A project that tries another SMS notifier, its staff, and customers whose codes get through or don't."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from flask import Flask
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from notifapp.access import Permission
from notifapp.database import reading, table_of, writing
from notifapp.delivery.models import Delivery
from notifapp.otp.trials.service import settle_due
from notifapp.settings.models import SettingsRevision
from notifapp.settings.trials.models import SettingsTrial
from tests.client import ApiClient
from tests.otp.caller import Caller, make_caller
from tests.world import World

TRIAL = f"{ApiClient.PATH}/trial"
SMS, EMAIL, LENGTH, TTL = (
    "notifications_sms_notifier", "notifications_email_notifier", "notifications_otp_code_len", "notifications_otp_ttl",
)  # fmt: skip
MINUTE = 60
QUARTER = 15 * MINUTE


@dataclass
class Desk:
    """`former` is the SMS notifier in force, at version 1, and `other` the one to try."""

    app: Flask
    caller: Caller
    world: World
    member: int
    token: str
    former: int
    other: int
    phones: Iterator[int] = field(default_factory=lambda: count(9121000000))

    def __post_init__(self) -> None:
        self.api = ApiClient(self.app)
        self.page = f"/projects/{self.caller.project.slug}/settings"

    def post(self, path: str = "", fields: object = None, **options: Any) -> TestResponse:
        return self.api.call(
            "POST", TRIAL + path, self.token, **({"json": fields} if fields is not None else {}), **options
        )

    def start(self, **fields: object) -> Any:
        """Try the other SMS notifier, or these fields; return the trial."""
        answer = self.post(fields=fields or {SMS: self.other})
        assert answer.status_code == 201, answer.json
        return answer.json

    def trial(self) -> TestResponse:
        return self.api.call("GET", TRIAL, self.token)

    def sms(self) -> str:
        """The name of the SMS notifier in force."""
        return str(self.settings()["notifications_sms_notifier_data"]["name"])

    def settings(self) -> Any:
        return self.api.get_settings(self.token).json

    def change(self, **fields: object) -> None:
        assert self.api.patch_settings(self.token, fields).status_code == 200

    def codes(self, asked_for: int, *, verified: int = 0, channel: str = "sms", status: str = "sent") -> None:
        """So many customers ask for a code, and some of them give it back."""
        for number in range(asked_for):
            phone = next(self.phones)
            challenge, code = self.caller.open(f"+98{phone}" if channel == "sms" else f"c{phone}@example.com", channel)
            self.write(
                update(table_of(Delivery)).where(Delivery.status == "queued").values(status=status, payload=None)
            )
            if number < verified:
                assert self.caller.verify(challenge, code).status_code == 200

    def settle(self) -> None:
        """What the worker does each second."""
        with self.app.app_context():
            settle_due()

    def last_revision(self) -> Any:
        revision = table_of(SettingsRevision).c
        return self.read(select(table_of(SettingsRevision)).order_by(revision.version.desc()))[0]

    def rows(self) -> int:
        return len(self.read(select(table_of(SettingsTrial))))

    def read(self, statement: Any) -> list[Any]:
        with self.app.app_context(), reading() as connection:
            return list(connection.execute(statement))

    def write(self, statement: Any) -> None:
        with self.app.app_context(), writing() as connection:
            connection.execute(statement)


def make_desk(app: Flask, world: World) -> Desk:
    caller = make_caller(app, world)
    codes = (Permission.NOTIFICATIONS_SETTINGS_READ, Permission.NOTIFICATIONS_SETTINGS_UPDATE)
    member = world.member(caller.project, *codes, email="trier@example.org")
    token = world.token(member, caller.project)
    other = world.notifier(caller.project, "sms", "other")
    desk = Desk(app, caller, world, member, token, former=0, other=other)
    desk.former = desk.settings()["notifications_sms_notifier_data"]["id"]
    return desk
