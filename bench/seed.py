"""Fills an empty, migrated database with projects that look lived in: people, tokens, notifiers, history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.engine import Connection

from bench.load import token_of
from notifapp import clock
from notifapp.access import Permission, credentials
from notifapp.access.models import ApiToken, Membership, MembershipPermission, Project, User, UserSession
from notifapp.audit.models import AuditEvent
from notifapp.database import Base, seal, table_of
from notifapp.delivery.models import Delivery
from notifapp.extensions import db
from notifapp.message_templates.models import MessageTemplate
from notifapp.notifiers.models import Notifier
from notifapp.settings.models import NotificationSettings, SettingsRevision
from notifapp.traffic.models import MOST_CODES, OtpTrafficLimits

NOT_DUE = timedelta(days=1)  # from now: a token's use is noted once a minute, and that isn't always to be measured
REVISIONS = 10  # in each project's history
DELIVERIES = 10  # of each project
_BATCH = 5_000  # rows an INSERT
_CODES = (
    Permission.NOTIFICATIONS_SETTINGS_READ,
    Permission.NOTIFICATIONS_SETTINGS_UPDATE,
    Permission.OTP_SEND,
    Permission.OTP_VERIFY,
)

Row = Mapping[str, Any]


def notifiers_of(project: int) -> tuple[int, int]:
    """The ids of the project's SMS and email notifier."""
    return 2 * project - 1, 2 * project


def session_of(user: int) -> str:
    """The key of the user's one session."""
    return f"session of {user}"


def seed(app: Flask, projects: int) -> None:
    """Add `projects` projects, numbered from 1, each with one member, one token, two notifiers and a history."""
    with app.app_context(), db.engine.begin() as connection:
        for model, row in _ROWS:
            rows = [row(number, nth) for number in range(1, projects + 1) for nth in range(_REPEATED.get(model, 1))]
            for start in range(0, len(rows), _BATCH):
                connection.execute(insert(table_of(model)), rows[start : start + _BATCH])
        _settle(connection)


def set_last_use(app: Flask, at: datetime) -> None:
    """Let every token have been used at that time last."""
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(update(table_of(ApiToken)).values(last_used_at=at))


def _settle(connection: Connection) -> None:
    """Let PostgreSQL number on after the given ids, and let both know how the rows are spread."""
    if connection.dialect.name == "postgresql":
        for model in (Project, User, ApiToken, Notifier):
            table = table_of(model)
            last = select(func.max(table.c.id)).scalar_subquery()
            connection.execute(select(func.setval(func.pg_get_serial_sequence(table.name, "id"), last)))
    connection.execute(text("ANALYZE"))


def _project(number: int, _nth: int) -> Row:
    return {"id": number, "slug": f"shop-{number}", "name": f"Shop {number}", "created_at": clock.now()}


def _user(number: int, _nth: int) -> Row:
    return {"id": number, "email": f"staff{number}@example.org", "name": f"Staff {number}", "created_at": clock.now()}


def _membership(number: int, _nth: int) -> Row:
    return {"user_id": number, "project_id": number, "created_at": clock.now()}


def _permission(number: int, nth: int) -> Row:
    return {"user_id": number, "project_id": number, "code": int(_CODES[nth])}


def _token(number: int, _nth: int) -> Row:
    token = token_of(number)
    return {
        "id": number,
        "user_id": number,
        "project_id": number,
        "name": "backend",
        "prefix": token[: credentials.TOKEN_PREFIX_LENGTH],
        "digest": credentials.digest(token),
        "created_at": clock.now(),
        "last_used_at": clock.now() + NOT_DUE,
    }


def _session(number: int, _nth: int) -> Row:
    now = clock.now()
    digest = credentials.digest(session_of(number))
    return {
        "user_id": number,
        "digest": digest,
        "device": "Firefox on Linux",
        "address": "127.0.0.1",
        "created_at": now,
        "used_at": now,
        "expires_at": now + timedelta(hours=12),
    }


def _notifier(number: int, nth: int) -> Row:
    channel = ("sms", "email")[nth]
    row = {
        "id": notifiers_of(number)[nth],
        "project_id": number,
        "channel": channel,
        "backend": "console",
        "name": f"{channel}_one",
        "settings": {},
        "created_at": clock.now(),
        "updated_at": clock.now(),
    }
    return {**row, "secrets": seal(table_of(Notifier).c.secrets, {}, **row)}


def _settings(number: int, _nth: int) -> Row:
    sms, email = notifiers_of(number)
    return {"project_id": number, "version": REVISIONS, "sms_notifier_id": sms, "email_notifier_id": email}


def _revision(number: int, nth: int) -> Row:
    sms, email = notifiers_of(number)
    return {
        "project_id": number,
        "version": nth + 1,
        "sms_notifier_id": sms,
        "sms_notifier_name": "sms_one",
        "email_notifier_id": email,
        "email_notifier_name": "email_one",
        "otp_code_len": 5,
        "otp_ttl": 120 + (nth + 1) % 2,
        "created_at": clock.now(),
        "actor_id": number,
        "actor": f"staff{number}@example.org",
        "source": "api",
    }


def _event(number: int, nth: int) -> Row:
    return {
        "at": clock.now(),
        "action": "settings_changed",
        "actor_id": number,
        "actor": f"staff{number}@example.org",
        "source": "api",
        "token_id": number,
        "project_id": number,
        "subject": f"version {nth + 1}",
        "detail": {"version": nth + 1, "changes": []},
    }


def _template(number: int, nth: int) -> Row:
    return {"project_id": number, "channel": ("sms", "email")[nth], "body": "Your code: {code}"}


def _delivery(number: int, nth: int) -> Row:
    now = clock.now()
    times = dict.fromkeys(("next_attempt_at", "expires_at", "created_at", "finished_at"), now - timedelta(hours=nth))
    return {
        "project_id": number,
        "notifier_id": notifiers_of(number)[0],
        "notifier_name": "sms_one",
        "backend": "console",
        "channel": "sms",
        "recipient": "+98••••••••67",
        "purpose": "otp",
        "status": "failed" if nth % 5 == 4 else "sent",
        "attempts": 1,
        **times,
    }


def _traffic_limits(number: int, _nth: int) -> Row:
    """No cap that a measurement would reach."""
    of_codes = ("codes_per_hour", "codes_per_day", "token_codes_per_hour", "token_codes_per_day", "wrong_least")
    return {"project_id": number, "countries": "", **dict.fromkeys(of_codes, MOST_CODES)}


_ROWS: tuple[tuple[type[Base], Callable[[int, int], Row]], ...] = (
    (Project, _project),
    (User, _user),
    (Membership, _membership),
    (MembershipPermission, _permission),
    (ApiToken, _token),
    (UserSession, _session),
    (Notifier, _notifier),
    (NotificationSettings, _settings),
    (OtpTrafficLimits, _traffic_limits),
    (SettingsRevision, _revision),
    (AuditEvent, _event),
    (MessageTemplate, _template),
    (Delivery, _delivery),
)
_REPEATED: Mapping[type[Base], int] = {
    MembershipPermission: len(_CODES),
    Notifier: 2,
    SettingsRevision: REVISIONS,
    AuditEvent: REVISIONS,
    MessageTemplate: 2,
    Delivery: DELIVERIES,
}
