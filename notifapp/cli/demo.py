"""A demo project to explore. Its secrets are random and stored only in the instance folder and the database."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from notifapp import clock, keys
from notifapp.access import Permission, Principal, ProjectRef, Source
from notifapp.account.service import open_password_link, set_password_by_link
from notifapp.channels import Channel
from notifapp.database import table_of, writing
from notifapp.delivery.models import Delivery, DeliveryStatus, Purpose
from notifapp.errors import NotFound
from notifapp.message_templates.service import set_template
from notifapp.message_templates.values import Template
from notifapp.notifiers.models import NotifierBalance
from notifapp.notifiers.service import create_notifier, list_notifiers
from notifapp.otp.models import ChallengeStatus, OtpChallenge
from notifapp.otp.test_recipients.service import add_test_recipient, list_test_recipients
from notifapp.projects.service import create_project, find_project, set_phone_region
from notifapp.settings.service import get_notification_settings, update_notification_settings
from notifapp.settings.values import EMAIL_NOTIFIER, OTP_CODE_LEN, OTP_TTL, SMS_NOTIFIER
from notifapp.tokens.service import create_token
from notifapp.users.service import create_password_link, create_user, find_user, set_membership

FILE = "demo.txt"
SLUG = "demo"
TOKEN = "token"  # noqa: S105 - the name of a line in the file
_HEADER = "# The demo's sign-ins and token. Delete this file and run `flask --app app demo` again for new ones.\n"


@dataclass(frozen=True)
class Person:
    """A person in the demo; `role` is a short description of what they may do."""

    email: str
    name: str
    role: str
    is_admin: bool = False
    codes: tuple[Permission, ...] = ()


_READ, _UPDATE = Permission.NOTIFICATIONS_SETTINGS_READ, Permission.NOTIFICATIONS_SETTINGS_UPDATE
ADMIN = Person("admin@example.com", "Parisa Rahimi", "admin: may do everything", is_admin=True)
_SEND, _VERIFY = Permission.OTP_SEND, Permission.OTP_VERIFY
EDITOR = Person(
    "omid@example.com",
    "Omid Karimi",
    "staff: may change the settings and try codes",
    codes=(_READ, _UPDATE, _SEND, _VERIFY),
)
READER = Person("sara@example.com", "Sara Lindqvist", "staff: may read the settings", codes=(_READ,))
PEOPLE = (ADMIN, EDITOR, READER)


def prepare(folder: Path) -> Mapping[str, str]:
    """Create the demo, or complete it if an earlier run was interrupted.

    Return each person's password by email address, and the API token under `TOKEN`. If the file with the credentials
    is missing, create new ones.
    """
    path = folder / FILE
    kept = _read(path)
    try:
        project = find_project(SLUG)
        if kept:
            return kept
    except NotFound:
        project = create_project(SLUG, "Demo", principal=Principal.operator())
    credentials = {person.email: secrets.token_urlsafe(15) for person in PEOPLE}
    principals = {person: _ensure_person(person, credentials[person.email], project) for person in PEOPLE}
    _ensure_notifiers(project, principals[ADMIN])
    _ensure_history(project, principals)
    set_phone_region(project.id, "IR", principal=principals[ADMIN])
    _ensure_messages(project, principals[EDITOR])
    _ensure_deliveries(project)
    _ensure_balances(project)
    _ensure_test_recipient(project, principals[ADMIN])
    admin_id = find_user(ADMIN.email)
    credentials[TOKEN] = create_token(admin_id, project.id, "Demo backend", principal=principals[ADMIN]).token
    _write(path, credentials)
    return credentials


def _read(path: Path) -> Mapping[str, str] | None:
    """The credentials in the file, or None if any is missing."""
    lines = (keys.read_private(path) or "").splitlines()
    kept = dict(line.split() for line in lines if len(line.split()) == 2)
    return kept if kept.keys() >= {TOKEN, *(person.email for person in PEOPLE)} else None


def _write(path: Path, credentials: Mapping[str, str]) -> None:
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    keys.write_private(new, _HEADER + "".join(f"{name} {secret}\n" for name, secret in credentials.items()))
    os.replace(new, path)


def _ensure_person(person: Person, password: str, project: ProjectRef) -> Principal:
    """Create the person, or reset the password, and set the membership."""
    operator = Principal.operator()
    try:
        user_id = find_user(person.email)
        link = open_password_link(create_password_link(user_id, principal=operator))
        set_password_by_link(link, password, address=None)
    except NotFound:
        user_id = create_user(
            person.email, person.name, principal=operator, is_admin=person.is_admin, password=password
        )
    if not person.is_admin:
        set_membership(user_id, project.id, person.codes, principal=operator)
    return Principal(source=Source.CLI, email=person.email, name=person.name, is_admin=person.is_admin, user_id=user_id)


def _ensure_notifiers(project: ProjectRef, admin: Principal) -> None:
    def secret() -> str:
        return secrets.token_hex(16)

    smtp = {"username": "shop", "from_email": "shop@example.com"}
    wanted: list[tuple[Channel, str, str, dict[str, object]]] = [
        (Channel.SMS, "melipayamak_backup", "melipayamak", {"number": "50004001", "token": secret()}),
        (Channel.SMS, "ippanel_one", "ippanel", {"from_number": "+983000505", "token": secret()}),
        (Channel.EMAIL, "moeinmail", "smtp", {**smtp, "host": "smtp.example.com", "password": secret()}),
        (
            Channel.EMAIL,
            "smtp_backup",
            "smtp",
            {**smtp, "host": "mail.example.net", "port": 465, "use_tls": False, "use_ssl": True, "password": secret()},
        ),
        (
            Channel.SMS,
            "twilio_abroad",
            "twilio",
            {"account_sid": "AC" + secret(), "from_number": "+15005550006", "auth_token": secret()},
        ),
        (Channel.EMAIL, "outbox_for_tests", "console", {}),
    ]
    for channel, name, backend, settings in wanted:
        if name not in {notifier.name for notifier in list_notifiers(project, channel)}:
            fields = {"name": name, "backend": backend, "settings": settings}
            create_notifier(project, channel, fields, principal=admin)


def _ensure_history(project: ProjectRef, principals: Mapping[Person, Principal]) -> None:
    """Make a few revisions, like those of a project's first weeks."""
    sms = {notifier.name: notifier.id for notifier in list_notifiers(project, Channel.SMS)}
    email = {notifier.name: notifier.id for notifier in list_notifiers(project, Channel.EMAIL)}
    revisions: list[tuple[Person, dict[str, object], str | None]] = [
        (ADMIN, {SMS_NOTIFIER: sms["melipayamak_backup"], EMAIL_NOTIFIER: email["smtp_backup"]}, "First set-up"),
        (EDITOR, {OTP_CODE_LEN: 6}, None),
        (EDITOR, {EMAIL_NOTIFIER: email["moeinmail"], OTP_TTL: 180}, "The new mail server is slower"),
        (ADMIN, {SMS_NOTIFIER: sms["ippanel_one"]}, "Better delivery than melipayamak"),
        (EDITOR, {OTP_TTL: 120}, None),
        (EDITOR, {EMAIL_NOTIFIER: email["outbox_for_tests"]}, "To try codes without sending email"),
    ]
    # The version counts the revisions made, so an interrupted demo continues from there.
    for person, changes, reason in revisions[get_notification_settings(project).version :]:
        update_notification_settings(project, changes, principal=principals[person], reason=reason)


def _ensure_messages(project: ProjectRef, editor: Principal) -> None:
    """Write a message template of the project's own, with the line for autofill."""
    template = Template("{code} is your {project} code. It is valid for {validity}.", "demo.example.com")
    set_template(project, Channel.SMS, template, principal=editor)


_REPORTED = {3: DeliveryStatus.SENT, 7: DeliveryStatus.UNDELIVERED}
_WORDS = {
    DeliveryStatus.FAILED: ("timeout", "The gateway did not answer in time."),
    DeliveryStatus.UNDELIVERED: ("3", "The message did not reach the phone."),
}


def _ensure_deliveries(project: ProjectRef) -> None:
    """Add a day of codes, most of them sent and verified, for the overview and the deliveries' page to show."""
    now = clock.now()
    sms = _in_use(project)
    delivery = table_of(Delivery)
    with writing() as connection:
        if connection.execute(select(delivery.c.id).where(delivery.c.project_id == project.id).limit(1)).first():
            return
        messages = [_delivery(number, now, project, sms) for number in range(60)]
        connection.execute(insert(delivery), messages)
        ids = select(delivery.c.challenge_id, delivery.c.id).where(delivery.c.project_id == project.id)
        sent_as = {row.challenge_id: row.id for row in connection.execute(ids)}
        challenges = [
            _challenge(number, message) | {"delivery_id": sent_as[message["challenge_id"]]}
            for number, message in enumerate(messages)
        ]
        connection.execute(insert(table_of(OtpChallenge)), challenges)


def _ensure_balances(project: ProjectRef) -> None:
    """Add some days of an account that is used up and filled again, for the notifier's page to show."""
    notifier_id, balance = _in_use(project), table_of(NotifierBalance)
    this_hour = clock.now().replace(minute=0, second=0, microsecond=0)
    rows = [
        {
            "notifier_id": notifier_id,
            "hour": this_hour - timedelta(hours=ago),
            "amount": 1_500_000 - 14_000 * ((150 - ago) % 90),
            "currency": "IRR",
        }
        for ago in range(150)
    ]
    with writing() as connection:
        if not connection.execute(select(balance.c.hour).where(balance.c.notifier_id == notifier_id).limit(1)).first():
            connection.execute(insert(balance), rows)


def _in_use(project: ProjectRef) -> int:
    return {notifier.name: notifier.id for notifier in list_notifiers(project, Channel.SMS)}["ippanel_one"]


def _ensure_test_recipient(project: ProjectRef, admin: Principal) -> None:
    """Fix the code of an address, as for the reviewers of an app store."""
    if not list_test_recipients(project):
        last_day = (clock.now() + timedelta(days=90)).date().isoformat()
        fields = {"recipient": "reviewer@example.com", "code": "314159", "outcome": "delivered", "ends_on": last_day}
        add_test_recipient(project, fields, zone=clock.UTC_ZONE, principal=admin)


def _delivery(number: int, now: datetime, project: ProjectRef, notifier_id: int) -> dict[str, Any]:
    at = now - timedelta(minutes=24 * number + number * number % 17)
    failed = number % 13 == 5
    status = DeliveryStatus.FAILED if failed else _REPORTED.get(number % 9, DeliveryStatus.DELIVERED)
    is_reported = status in (DeliveryStatus.DELIVERED, DeliveryStatus.UNDELIVERED)
    error_code, error_reason = _WORDS.get(status, (None, None))
    return {
        "project_id": project.id,
        "notifier_id": notifier_id,
        "notifier_name": "ippanel_one",
        "backend": "ippanel",
        "channel": Channel.SMS.value,
        "recipient": f"+98••••••••{number * 7 % 90 + 10}",
        "purpose": Purpose.OTP.value,
        "challenge_id": f"{number:032x}",
        "status": status.value,
        "attempts": 3 if failed else 1,
        "provider_id": None if failed else str(884_210_000 + 17 * number),
        "error_code": error_code,
        "error_reason": error_reason,
        "next_attempt_at": at,
        "expires_at": at + timedelta(minutes=2),
        "created_at": at,
        "started_at": at,
        "finished_at": at + timedelta(seconds=80 if failed else 1.2),
        "reported_at": at + timedelta(seconds=6) if is_reported else None,
    }


def _challenge(number: int, message: Mapping[str, Any]) -> dict[str, object]:
    """The challenge of a message: most that were delivered were verified within half a minute."""
    at = message["created_at"]
    is_verified = message["status"] == DeliveryStatus.DELIVERED and number % 11 != 4
    return {
        "id": message["challenge_id"],
        "project_id": message["project_id"],
        "channel": message["channel"],
        "recipient_digest": f"demo-{number}",
        "counted_as": f"demo-{number}",
        "recipient": message["recipient"],
        "settings_version": 1,
        "code_length": 6,
        "ttl": 120,
        "code_mac": "",
        "status": (ChallengeStatus.APPROVED if is_verified else ChallengeStatus.REPLACED).value,
        "attempts_left": 5,
        "created_at": at,
        "expires_at": message["expires_at"],
        "resend_at": at + timedelta(minutes=1),
        "approved_at": at + timedelta(seconds=9 + number % 23) if is_verified else None,
    }
