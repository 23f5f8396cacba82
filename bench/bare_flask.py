"""The practical limit: one Flask view with the same SQL as notifapp's, written by hand on the bare drivers."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
from flask import Flask, Response, request

URL = os.environ["NOTIFAPP_DATABASE_URL"]
POSTGRESQL = URL.startswith("postgresql")
PATH = "/api/settings/notifications"
BOUNDS = {"notifications_otp_code_len": (4, 10), "notifications_otp_ttl": (30, 3600)}

LOOK_UP = """
SELECT t.id, t.expires_at, t.revoked_at, u.id, u.email, u.is_admin, u.is_active, p.id, p.slug, p.archived_at, c.code
FROM api_token t JOIN user_account u ON u.id = t.user_id JOIN project p ON p.id = t.project_id
LEFT JOIN membership_permission c ON c.user_id = t.user_id AND c.project_id = t.project_id
WHERE t.digest = ?"""
CURRENT = """
SELECT s.version, s.sms_notifier_id, sms.name, s.email_notifier_id, email.name, s.otp_code_len, s.otp_ttl
FROM notification_settings s LEFT JOIN notifier sms ON sms.id = s.sms_notifier_id
LEFT JOIN notifier email ON email.id = s.email_notifier_id
WHERE s.project_id = ?"""
CURRENT_AND_CHOSEN = """
SELECT s.version, s.sms_notifier_id, sms.name, s.email_notifier_id, email.name, s.otp_code_len, s.otp_ttl,
       new_sms.id, new_sms.name, new_email.id, new_email.name
FROM notification_settings s LEFT JOIN notifier sms ON sms.id = s.sms_notifier_id
LEFT JOIN notifier email ON email.id = s.email_notifier_id
LEFT JOIN notifier new_sms ON new_sms.id = ? AND new_sms.project_id = s.project_id AND new_sms.channel = 'sms'
LEFT JOIN notifier new_email
       ON new_email.id = ? AND new_email.project_id = s.project_id AND new_email.channel = 'email'
WHERE s.project_id = ?""" + (" FOR UPDATE OF s" if POSTGRESQL else "")
UPDATE = """
UPDATE notification_settings SET version = ?, sms_notifier_id = ?, email_notifier_id = ?, otp_code_len = ?, otp_ttl = ?
WHERE project_id = ? AND version = ?"""
INSERT_REVISION = """
INSERT INTO settings_revision (project_id, version, sms_notifier_id, sms_notifier_name, email_notifier_id,
    email_notifier_name, otp_code_len, otp_ttl, created_at, actor_id, actor, source, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'api', NULL)"""
INSERT_EVENT = """
INSERT INTO audit_event (at, action, actor_id, actor, source, address, token_id, project_id, subject, detail)
VALUES (?, 'settings_changed', ?, ?, 'api', ?, ?, ?, ?, ?)"""

app = Flask(__name__)
local = threading.local()


class Refused(Exception):
    """A request that isn't carried out: its status and its body."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


@app.get(PATH)
def read() -> Response:
    """The settings in force."""
    return answer(shown(in_force(caller_with(1036))))


@app.patch(PATH)
def update() -> Response:
    """Change the supplied fields, with a revision and an audit event."""
    return answer(shown(updated(caller_with(1037))))


@app.errorhandler(Refused)
def refuse(error: Refused) -> Response:
    """Say why."""
    return answer(error.body, error.status)


def caller_with(code: int) -> dict[str, Any]:
    """Who holds the token in the header. Raise `Refused` unless the code comes with it."""
    caller = authenticate()
    if caller is None:
        raise Refused(401, {"detail": "Invalid token."})
    if not (caller["is_admin"] or code in caller["codes"]):
        raise Refused(403, {"detail": "Forbidden."})
    return caller


def in_force(caller: dict[str, Any]) -> Any:
    """The settings' row of the caller's project."""
    return connection().execute(sql(CURRENT), (caller["project_id"],)).fetchone()


def updated(caller: dict[str, Any]) -> Any:
    """Change the row as the request's body says, and return it. Raise `Refused` for a bad value."""
    fields: dict[str, Any] = json.loads(request.get_data())
    for name, (least, most) in BOUNDS.items():
        if name in fields and not (isinstance(fields[name], int) and least <= fields[name] <= most):
            raise Refused(400, {name: ["Invalid."]})
    with transaction() as database:
        return change(database, caller, fields)


def change(database: Any, caller: dict[str, Any], fields: dict[str, Any]) -> Any:
    """Read, compare and write inside the transaction."""
    sms_id, email_id = fields.get("notifications_sms_notifier"), fields.get("notifications_email_notifier")
    row = database.execute(sql(CURRENT_AND_CHOSEN), (sms_id, email_id, caller["project_id"])).fetchone()
    if (sms_id and not row[7]) or (email_id and not row[9]):
        raise Refused(400, {"notifications_sms_notifier": ["Invalid pk."]})
    sms = row[7:9] if "notifications_sms_notifier" in fields else row[1:3]
    email = row[9:11] if "notifications_email_notifier" in fields else row[3:5]
    length = fields.get("notifications_otp_code_len", row[5])
    ttl = fields.get("notifications_otp_ttl", row[6])
    new = (row[0], *sms, *email, length, ttl)
    if new == tuple(row[:7]):
        return new
    new = (row[0] + 1, *new[1:])
    database.execute(sql(UPDATE), (new[0], new[1], new[3], length, ttl, caller["project_id"], row[0]))
    record(database, caller, row, new)
    return new


def record(database: Any, caller: dict[str, Any], row: Any, new: tuple[Any, ...]) -> None:
    """The revision and the audit event of a change."""
    project_id, user_id, now = caller["project_id"], caller["user_id"], time_now()
    database.execute(sql(INSERT_REVISION), (project_id, *new, now, user_id, caller["email"]))
    names = ("SMS notifier", "Email notifier", "Code length", "Code lifetime")
    pairs = zip(names, (row[2], row[4], *row[5:7]), (new[2], new[4], *new[5:7]), strict=True)
    detail = json.dumps({"version": new[0], "changes": [pair for pair in pairs if pair[1] != pair[2]]})
    values = (now, user_id, caller["email"], request.remote_addr, caller["token_id"], project_id)
    database.execute(sql(INSERT_EVENT), (*values, f"version {new[0]}", detail))


def authenticate() -> dict[str, Any] | None:
    """Who holds the token in the header, for which project and with which codes."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "token":
        return None
    rows = connection().execute(sql(LOOK_UP), (hashlib.sha256(token.encode()).hexdigest(),)).fetchall()
    if not rows:
        return None
    token_id, expires_at, revoked_at, user_id, email, is_admin, is_active, project_id, slug, archived_at, _ = rows[0]
    if revoked_at or archived_at or not is_active or (expires_at and expires_at <= time_now()):
        return None
    return {
        "token_id": token_id,
        "user_id": user_id,
        "email": email,
        "is_admin": is_admin,
        "project_id": project_id,
        "slug": slug,
        "codes": {row[10] for row in rows},
    }


def shown(row: Any) -> dict[str, Any]:
    """The settings as the contract shows them."""
    return {
        "notifications_sms_notifier_data": {"id": row[1], "name": row[2]} if row[1] else None,
        "notifications_email_notifier_data": {"id": row[3], "name": row[4]} if row[3] else None,
        "notifications_otp_code_len": row[5],
        "notifications_otp_ttl": row[6],
    }


def answer(data: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(json.dumps(data), status, mimetype="application/json")


def time_now() -> Any:
    """Now, as this database keeps it."""
    now = datetime.now(UTC)
    return now if POSTGRESQL else now.strftime("%Y-%m-%d %H:%M:%S.%f")


def sql(text: str) -> str:
    """A statement with this driver's placeholders."""
    return TRANSLATED[text]


STATEMENTS = (LOOK_UP, CURRENT, CURRENT_AND_CHOSEN, UPDATE, INSERT_REVISION, INSERT_EVENT)
TRANSLATED = {text: text.replace("?", "%s") if POSTGRESQL else text for text in STATEMENTS}


def connection() -> Any:
    """This thread's own connection."""
    if not hasattr(local, "connection"):
        local.connection = connect()
    return local.connection


def connect() -> Any:
    """A connection that opens no transaction by itself."""
    if POSTGRESQL:
        return psycopg.connect(URL, autocommit=True)
    database = sqlite3.connect(URL.removeprefix("sqlite:///"), isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=15000"):
        database.execute(f"PRAGMA {pragma}")
    return database


@contextmanager
def transaction() -> Iterator[Any]:
    """One transaction that writes."""
    database = connection()
    database.execute("BEGIN" if POSTGRESQL else "BEGIN IMMEDIATE")
    try:
        yield database
        database.execute("COMMIT")
    except BaseException:
        database.execute("ROLLBACK")
        raise
