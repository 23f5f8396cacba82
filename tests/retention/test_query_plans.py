"""A purge finds what is old through indexes, however much is young."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, insert, select

from notifapp import clock
from notifapp.access.models import HeldSecret, PasswordLink, Throttle, User, UserSession
from notifapp.alerts.models import Alert
from notifapp.audit.models import AuditEvent
from notifapp.database import reading, table_of, writing
from notifapp.delivery.models import Delivery
from notifapp.events.models import EventEndpoint, EventMessage
from notifapp.health.arriving.models import CodeSlice
from notifapp.health.arriving.tally import COUNTS
from notifapp.idempotency.models import IdempotentRequest
from notifapp.notifiers.models import NotifierBalance, NotifierProof, OutboxMessage
from notifapp.otp.models import OtpChallenge, OtpRecipient, OtpResend
from notifapp.otp.test_recipients.models import OtpTestRecipient
from notifapp.receipts.models import EarlyReceipt
from notifapp.retention import rules
from notifapp.retention.service import purge
from notifapp.second_factor.models import PendingSignIn, UsedChallenge
from notifapp.traces.models import Trace
from notifapp.traffic.models import OtpTraffic
from tests.statements import analyze, plans, read_row_by_row, sent
from tests.world import World

ROWS = 20_000
SMALL = {"workers", "early receipts", "trials"}  # a row for each, what came within ten minutes, a row per project
OF_PEOPLE = {"settings revisions", "message revisions"}  # so few that no index finds the old ones

pytestmark = pytest.mark.slow


def tables(project_id: int, notifier_id: int) -> Iterator[tuple[type[Any], list[dict[str, Any]]]]:
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
            {"session_id": n + 1, "purpose": "form", "value": "x", "expires_at": then + timedelta(days=9)}
            for n, then in enumerate(times)
        ],
    )
    yield (
        PendingSignIn,
        [{"user_id": n + 1, "digest": f"{n}", "expires_at": then + timedelta(days=9)} for n, then in enumerate(times)],
    )
    yield UsedChallenge, [{"digest": f"{n}", "expires_at": then + timedelta(days=9)} for n, then in enumerate(times)]
    yield Throttle, [{"key": f"{n}", "window_started_at": then, "count": 1} for n, then in enumerate(times)]
    yield AuditEvent, [
        {"at": then, "action": "sign_in_failed" if n % 9 == 0 else "signed_in", "actor": "a", "source": "page",
         "subject": "a", "detail": {}}
        for n, then in enumerate(times)
    ]  # fmt: skip
    yield NotifierBalance, [{"notifier_id": notifier_id, "hour": then} for then in times]
    counts = dict.fromkeys(COUNTS, 0)
    yield CodeSlice, [{"notifier_id": notifier_id, "starts_at": then, **counts, "times": "{}"} for then in times]
    proof = {**at, "digest": "d", "code_mac": "x", "attempts_left": 5}
    yield (
        NotifierProof,
        [{**proof, "id": f"{n:032x}", "created_at": then, "expires_at": then} for n, then in enumerate(times)],
    )
    early = {"notifier_id": notifier_id, "provider_id": "1", "outcome": "delivered"}
    yield EarlyReceipt, [{**early, "received_at": now}]
    yield OutboxMessage, [{**at, "recipient": "r", "body": "x", "created_at": then} for then in times]
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
    endpoint = {"project_id": project_id, "url": "https://shop.example", "secrets": "x"}
    yield EventEndpoint, [{**endpoint, "expiries_told_until": now, "created_at": now}]
    yield EventMessage, [
        {"endpoint_id": 1, "event_id": f"{n:032x}", "type": "code.approved", "data": {}, "next_attempt_at": then,
         "expires_at": then, "created_at": then + timedelta(days=25)}
        for n, then in enumerate(times)
    ]  # fmt: skip
    alert = {"project_id": project_id, "kind": "failing", "label": "x", "detail": "x"}
    yield Alert, [
        {**alert, "subject": f"{n}", "began_at": then, "ended_at": then + timedelta(days=85)}
        for n, then in enumerate(times)
    ]  # fmt: skip
    yield OtpRecipient, [{**at, "digest": f"{n}", "masked": "r"} for n in range(ROWS)]
    yield OtpChallenge, [
        {**at, "id": f"{n:032x}", "recipient_digest": f"{n}", "counted_as": f"{n}", "recipient": "r",
         "settings_version": 1, "code_length": 5, "ttl": 60, "code_mac": "x", "status": "failed", "attempts_left": 0,
         "created_at": then, "expires_at": then, "resend_at": then, "delivery_id": n + 1,
         "address": "x" if n % 1000 == 999 else None}
        for n, then in enumerate(times)
    ]  # fmt: skip
    yield OtpResend, [
        {"challenge_id": f"{n:032x}", "number": 2, "settings_version": 1, "code_length": 5, "code_mac": "x",
         "created_at": then, "expires_at": then, "delivery_id": n + 1}
        for n, then in enumerate(times)
    ]  # fmt: skip
    yield OtpTestRecipient, [
        {**at, "digest": f"{n}", "address": "x", "code": "x", "outcome": "slow", "ends_at": then + timedelta(days=9),
         "created_at": then, "created_by": "a"}
        for n, then in enumerate(times)
    ]  # fmt: skip
    yield (
        IdempotentRequest,
        [
            {"key_mac": f"{n}", "body_mac": "x", "reply": "x", "expires_at": then + timedelta(days=9)}
            for n, then in enumerate(times)
        ],
    )
    yield Trace, [{"at": then, "kind": "refused", "digest": f"{n}", "code": "x"} for n, then in enumerate(times)]


def test_a_purge_reads_no_table_from_end_to_end(
    app: Flask, world: World, monkeypatch: pytest.MonkeyPatch, keep: Callable[..., None]
) -> None:
    project = world.project()
    notifier = world.notifier(project)
    keep(codes=30, deliveries=90, failed_sign_ins=30, audit=30)
    monkeypatch.setattr(rules, "BATCH", 20)
    with app.app_context():
        with writing() as connection:
            for model, rows in tables(project.id, notifier):
                connection.execute(insert(table_of(model)), rows)
        analyze()
        with sent() as statements:
            purge()
        explained = list(plans(statements))
        looked_at = [rule for rule in rules.RULES if any(f"{rule.age} <= " in sql for sql, _ in explained)]
        assert {rule.name for rule in rules.RULES if rule not in looked_at} == OF_PEOPLE
        # PostgreSQL reads an empty table from end to end, whatever its indexes.
        assert {rule.name for rule in looked_at if rows_of(rule) < ROWS / 2} == SMALL
        # The settings, which say whether a trial is over, are looked up by their key; here they are a single row.
        small = {rule.table.name for rule in looked_at if rule.name in SMALL} | {"notification_settings"}
        for statement, plan in explained:
            assert read_row_by_row(plan) <= small, f"{statement}\n\n{plan}"


def rows_of(rule: rules.Rule) -> int:
    with reading() as connection:
        return connection.execute(select(func.count()).select_from(rule.table)).scalar_one()
