"""A purge finds what is old through indexes, however much is young."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, text

from notifapp import clock
from notifapp.access.models import HeldSecret, PasswordLink, Throttle, User, UserSession
from notifapp.audit.models import AuditEvent
from notifapp.database import table_of, writing
from notifapp.delivery.models import Delivery
from notifapp.extensions import db
from notifapp.otp.models import OtpChallenge, OtpRecipient
from notifapp.retention import rules
from notifapp.retention.service import purge
from notifapp.traces.models import Trace
from notifapp.traffic.models import OtpTraffic
from tests.statements import sent
from tests.world import World

ROWS = 20_000
SMALL = {"worker_heartbeat"}  # a row for each worker
_ROWS_READ_ONE_BY_ONE = {"sqlite": re.compile(r"\bSCAN ([a-z]\w+)"), "postgresql": re.compile(r"Seq Scan on (\w+)")}

pytestmark = pytest.mark.slow


def tables(project_id: int) -> Iterator[tuple[type[Any], list[dict[str, Any]]]]:
    """Rows of half a year, of which the hour's purge deletes a few."""
    now = clock.now()
    times = [now - timedelta(minutes=4 * number) for number in range(ROWS)]
    at = {"project_id": project_id, "channel": "sms"}
    user = {"name": "x", "created_at": now}
    yield User, [{**user, "email": f"u{n}@example.org"} for n in range(ROWS)]
    yield (
        UserSession,
        [
            {
                "user_id": n + 1,
                "digest": f"{n}",
                "device": "Firefox",
                "created_at": now,
                "used_at": now,
                "expires_at": then + timedelta(days=9),
            }
            for n, then in enumerate(times)
        ],
    )
    yield (
        PasswordLink,
        [{"user_id": n + 1, "digest": f"{n}", "expires_at": then + timedelta(days=9)} for n, then in enumerate(times)],
    )
    yield (
        HeldSecret,
        [
            {"session_id": n + 1, "purpose": "form", "value": [], "expires_at": then + timedelta(days=9)}
            for n, then in enumerate(times)
        ],
    )
    yield Throttle, [{"key": f"{n}", "window_started_at": then, "count": 1} for n, then in enumerate(times)]
    yield AuditEvent, [
        {"at": then, "action": "sign_in_failed" if n % 9 == 0 else "signed_in", "actor": "a", "source": "page",
         "subject": "a", "detail": {}}
        for n, then in enumerate(times)
    ]  # fmt: skip
    yield Delivery, [
        {**at, "notifier_name": "x", "backend": "console", "recipient": "r", "purpose": "otp", "status": "sent",
         "next_attempt_at": then, "expires_at": then, "created_at": then + timedelta(days=40)}
        for then in times
    ]  # fmt: skip
    yield (
        OtpTraffic,
        [
            {"project_id": project_id, "scope": "prefix", "key": f"{n}", "hour": int(then.timestamp()) // 3600}
            for n, then in enumerate(times)
        ],
    )
    yield OtpRecipient, [{**at, "digest": f"{n}", "masked": "r"} for n in range(ROWS)]
    yield OtpChallenge, [
        {**at, "id": f"{n:032x}", "recipient_digest": f"{n}", "recipient": "r", "settings_version": 1, "code_length": 5,
         "ttl": 60, "code_mac": "x", "status": "failed", "attempts_left": 0, "created_at": then, "expires_at": then,
         "resend_at": then, "delivery_id": n + 1}
        for n, then in enumerate(times)
    ]  # fmt: skip
    yield Trace, [{"at": then, "kind": "refused", "digest": f"{n}", "code": "x"} for n, then in enumerate(times)]


def test_a_purge_reads_no_table_from_end_to_end(app: Flask, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    project = world.project()
    with app.app_context(), writing() as connection:
        for model, rows in tables(project.id):
            connection.execute(insert(table_of(model)), rows)
    with app.app_context():
        with db.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
        monkeypatch.setattr(rules, "BATCH", 20)
        with sent() as statements:
            purge()
        with db.engine.connect() as connection:
            kind = connection.dialect.name
            prefix = "EXPLAIN QUERY PLAN" if kind == "sqlite" else "EXPLAIN"
            explained = [
                (statement, connection.exec_driver_sql(f"{prefix} {statement}", parameters).all())
                for statement, parameters in statements
                if statement.startswith(("SELECT", "UPDATE", "DELETE"))
            ]
    assert len(explained) >= len(rules.RULES)
    for statement, plan in explained:
        read = _ROWS_READ_ONE_BY_ONE[kind].findall("\n".join(str(row[-1]) for row in plan))
        assert set(read) <= SMALL, f"{statement}\n\n{plan}"
